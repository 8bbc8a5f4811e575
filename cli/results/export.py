"""Commands that write files for other programs: batches of an order, and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import TABLES, Target, output_option, written
from seenat.cli.framework.params import MODEL, MODEL_OR_ORDER, open_catalog, protocol_option, where_option
from seenat.cli.framework.phrases import plan_words
from seenat.cli.framework.progress import Moment, Show, progress

if TYPE_CHECKING:
    from seenat import Catalog, Exported

__all__ = ["export", "export_batches"]


@click.command()
@click.argument("names", metavar="MODEL...", type=MODEL, nargs=-1, required=True)
@output_option(
    "--out", "path", endings=TABLES, required=True, help="A new .parquet, .csv or .jsonl file, or a new folder."
)
@click.option("--sequences", metavar="START:STOP", help="Only this half-open range of sequences.")
@click.option(
    "--with",
    "columns",
    metavar="COLUMNS",
    help="Also these columns, separated by commas: model, protocol, tokens, text.",
)
@click.option("--label", "labels", metavar="LABEL", multiple=True, help="Also the values of this label, a column each.")
@where_option
@protocol_option
@click.option("--all-protocols", is_flag=True, help="The results of all protocols.")
@json_option
def export(
    names: tuple[str, ...],
    path: Target,
    sequences: str | None,
    columns: str | None,
    labels: tuple[str, ...],
    where: tuple[str, ...],
    protocol: str | None,
    all_protocols: bool,
    as_json: bool,
) -> None:
    """Write every value that was measured of a model, or of several: one row for each sequence and checkpoint.

    Its columns are sequence, batch, step, seen, prefix and memorized; losses have prompt, continuation, min_k and rank
    instead of the last two. Several models or protocols have the columns model and protocol before them.
    `datasets.load_from_disk` opens a folder.

    \b
    Examples:
      seenat export pocket-2m --out trajectories.parquet
      seenat export pocket-2m --sequences 0:1000 --out trajectories
      seenat export pocket-230k pocket-2m --all-protocols --out all.csv
      seenat export pocket-2m --sequences 0:20 --with text,tokens --out read.csv
    """
    if protocol is not None and all_protocols:
        raise click.UsageError("Name a --protocol or take --all-protocols, not both.")
    more = tuple(part.strip() for part in columns.split(",") if part.strip()) if columns else ()
    with open_catalog() as catalog, progress() as show:
        made = catalog.export(
            names,
            sequences=sequences,
            columns=more,
            labels=labels,
            where=where,
            protocol=protocol,
            all_protocols=all_protocols,
            progress=_shown(show, names[0]),
            **written(path, "path"),
        )
        others = [] if all_protocols else _others(catalog, made)
    parts = made.metadata.get("results", [made.metadata])
    told = dict.fromkeys(f"{of['model']}, measured by protocol {of['protocol']['id']}" for of in parts)
    out = _show(as_json, path, made, "; ".join(told))
    out.talk_all(f"{words} was not written; --all-protocols takes all." for words in others)
    out.talk_all(plan_words(plan for of in parts for plan in of["adaptive"]))


@click.command("export-batches")
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@click.option("--batches", metavar="START:STOP", help="This half-open range of batches.")
@click.option("--steps", metavar="START:STOP", help="The batches that lead from step START to step STOP.")
@output_option(
    "--out",
    "path",
    endings=(".npy", *TABLES),
    required=True,
    help="A new .npy, .parquet, .csv or .jsonl file, or a new folder.",
)
@click.option(
    "--columns",
    type=click.Choice(["plain", "published"]),
    default="plain",
    show_default=True,
    help="sequence, batch, step and tokens; or uid, batch_idx and token_ids as in the published copy of Pythia's order.",
)
@json_option
def export_batches(
    name: str,
    batches: str | None,
    steps: str | None,
    path: Target,
    columns: str,
    as_json: bool,
) -> None:
    """Write the ids of consecutive batches, to look at or to train on.

    A .npy file holds an array [sequences, ids]; the other formats one row for each sequence. The step of a row is the step
    after its batch: batch b, from 0, turns step b into step b + 1. `datasets.load_from_disk` opens a folder.

    \b
    Examples:
      seenat export-batches pocket-2m --batches 0:10 --out first.npy
      seenat export-batches pocket-2m --steps 128:256 --out between.parquet
      seenat export-batches pocket-order --batches 0:100 --out first-batches
    """
    if (batches is None) == (steps is None):
        raise click.UsageError("Write either --batches START:STOP or --steps START:STOP.")
    with open_catalog() as catalog, progress() as show:
        made = catalog.export_batches(
            name,
            batches=batches,
            steps=steps,
            columns=columns,
            progress=_shown(show, name),
            **written(path, "path"),
        )
    of = made.metadata
    _show(as_json, path, made, f"{of['order']}, batches {of['batches']['start']}:{of['batches']['stop']}")


def _others(catalog: Catalog, made: Exported) -> list[str]:
    """What was measured of the exported models by other protocols."""
    used = {(of["model"], of["protocol"]["id"]) for of in made.metadata.get("results", [made.metadata])}
    found = [one for name in dict(used) for one in catalog.results(name)]
    return [
        f"What was measured of {one.model} by {one.protocol.id} ({one.words})"
        for one in found
        if (one.model, one.protocol.id) not in used
    ]


def _shown(show: Show, name: str) -> Callable[[int, int], None]:
    """Progress in sequences."""
    return lambda done, total: show(Moment(task=f"exporting {name}", done=done, total=total, unit="sequences"))


def _show(as_json: bool, target: Target, made: Exported, what: str) -> Output:
    out = Output(as_json)
    if not out.data(made):
        out.line(f"Written to {target.shown(made.path)}: {plural(made.rows, 'row')} of {what}.")
    return out
