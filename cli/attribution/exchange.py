"""Commands that write what other attribution tools read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import NEW_FOLDER, TABLES, Target, output_option, with_force, written
from seenat.cli.framework.params import MODEL, MODEL_OR_ORDER, STEP, Count, open_catalog, protocol_option
from seenat.cli.framework.progress import Moment, Show, progress

if TYPE_CHECKING:
    from seenat import Exported

__all__ = ["export_dataset", "export_index", "export_memorized"]

_new = output_option(
    "--out", "path", endings=TABLES, required=True, help="A new .parquet, .csv or .jsonl file, or a new folder."
)
_batches = click.option("--batches", metavar="START:STOP", help="Only these batches.")


@click.command("export-index")
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@click.argument("folder", type=NEW_FOLDER)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["infini-gram", "tokengrams"]),
    default="infini-gram",
    show_default=True,
    help="Whose index.",
)
@_batches
@with_force
@json_option
def export_index(name: str, folder: Target, format_: str, batches: str | None, as_json: bool) -> None:
    """Write a suffix-array index over an order to a new FOLDER, for the engine of infini-gram or tokengrams.

    Each sequence is a document; its metadata are sequence, batch and step. seenat itself needs no such index: see `seenat index`.

    \b
    Examples:
      seenat export-index pocket-order infini --batches 0:50
      seenat export-index pocket-order grams --format tokengrams
    """
    with open_catalog() as catalog, progress() as show:
        made = catalog.export_index(
            name, format=format_, batches=batches, progress=_shown(show, name), **written(folder, "folder")
        )
    _show(as_json, folder, made, "sequence", f"{made.metadata['order']}, in {plural(made.metadata['files'], 'part')}")


@click.command("export-dataset")
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@_batches
@click.option(
    "--ids", type=Count("number of ids", least=1), metavar="N", help="Ids of a row; all but one if not given."
)
@_new
@json_option
def export_dataset(name: str, batches: str | None, ids: int | None, path: Target, as_json: bool) -> None:
    """Write sequences as a dataset with input_ids, length, sequence, batch and step, as bergson takes them.

    \b
    Example:
      seenat export-dataset pocket-order --batches 0:10 --out for-bergson
    """
    with open_catalog() as catalog, progress() as show:
        made = catalog.export_dataset(
            name, batches=batches, ids=ids, progress=_shown(show, name), **written(path, "path")
        )
    _show(as_json, path, made, "row", f"{made.metadata['order']}, {plural(made.metadata['ids'], 'id')} each")


@click.command("export-memorized")
@click.argument("name", metavar="MODEL", type=MODEL)
@click.option("--step", type=STEP, metavar="N", help="The checkpoint; the last measured one if not given.")
@_new
@protocol_option
@json_option
def export_memorized(name: str, step: str | None, path: Target, protocol: str | None, as_json: bool) -> None:
    """Write what a checkpoint had memorized as published lists are: a row a sequence, with its ids.

    The columns are index, and tokens of prompt and continuation. `seenat import memorized` reads the file.

    \b
    Example:
      seenat export-memorized pocket-230k --step 384 --out list.parquet
    """
    with open_catalog() as catalog, progress() as show:
        made = catalog.export_memorized(
            name, step=step, protocol=protocol, progress=_shown(show, name), **written(path, "path")
        )
    of = made.metadata
    _show(as_json, path, made, "sequence", f"{of['model']} at step {of['step']:,}, by protocol {of['protocol']['id']}")


def _shown(show: Show, name: str) -> Callable[[int, int], None]:
    return lambda done, total: show(Moment(task=f"writing {name}", done=done, total=total, unit="sequences"))


def _show(as_json: bool, target: Target, made: Exported, noun: str, what: str) -> None:
    out = Output(as_json)
    if not out.data(made):
        out.line(f"Written to {target.shown(made.path)}: {plural(made.rows, noun)} of {what}.")
