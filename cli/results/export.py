"""Commands that write files for other programs: batches of an order, and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.params import open_catalog, protocol_option
from seenat.cli.framework.phrases import adaptive_words

if TYPE_CHECKING:
    from seenat.registry.catalog.models import Model
    from seenat.registry.catalog.orders import Order
    from seenat.registry.exports.batches import Exported
    from seenat.registry.units import BatchRange

__all__ = ["export", "export_batches"]


@click.command()
@click.argument("name", metavar="MODEL")
@click.option("--out", "path", type=click.Path(path_type=Path), required=True, help="A .parquet file, or a new folder.")
@click.option("--format", "format_", type=click.Choice(["parquet", "dataset"]), help="Instead of what the name tells.")
@click.option("--sequences", metavar="START:STOP", help="Only this half-open range of sequences.")
@protocol_option
@json_option
def export(
    name: str, path: Path, format_: str | None, sequences: str | None, protocol: str | None, as_json: bool
) -> None:
    """Write every value that was measured of a model: a row a sequence and checkpoint.

    Its columns are sequence, batch, step, seen, prefix and memorized; of losses prompt, continuation, min_k and rank instead
    of the last two. A folder is one that `datasets.load_from_disk` opens.

    \b
    Examples:
      seenat export pocket-2m --out trajectories.parquet
      seenat export pocket-2m --sequences 0:1000 --out trajectories
    """
    from seenat.memorization.queries.export import export_results
    from seenat.registry.units import SequenceRange

    with open_catalog() as catalog:
        model = catalog.model(name)
        whole = model.order.sequences
        chosen = whole if sequences is None else SequenceRange.parse(sequences, whole.stop)
        with _advance(f"exporting {model.name}", len(chosen)) as advance:
            written = export_results(
                catalog, model, path, format_=format_, protocol=protocol, sequences=chosen, progress=advance
            )
    out = _tell(as_json, written, f"of {model.name}, measured by protocol {written.metadata['protocol']['id']}")
    out.talk_all(adaptive_words(written.metadata["adaptive"]))


@click.command("export-batches")
@click.argument("name", metavar="MODEL_OR_ORDER")
@click.option("--batches", metavar="START:STOP", help="This half-open range of batches.")
@click.option(
    "--steps", metavar="START:STOP", help="The batches that lead from one step to the other, which are the same."
)
@click.option("--out", "path", type=click.Path(path_type=Path), required=True, help=".npy, .parquet, or a new folder.")
@click.option(
    "--format", "format_", type=click.Choice(["npy", "parquet", "dataset"]), help="Instead of what the name tells."
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
    path: Path,
    format_: str | None,
    columns: str,
    as_json: bool,
) -> None:
    """Write the ids of consecutive batches, to look at or to train on.

    A .npy file holds an array [sequences, ids]; the others a row a sequence. The step of a row is the one its batch leads to:
    batch b, from 0, turns step b into step b + 1. A folder is one that `datasets.load_from_disk` opens.

    \b
    Examples:
      seenat export-batches pocket-2m --batches 0:10 --out first.npy
      seenat export-batches pocket-2m --steps 128:256 --out between.parquet
      seenat export-batches pocket-order --batches 0:100 --out first-batches
    """
    from seenat.registry.exports import batches as exporting

    with open_catalog() as catalog:
        order, model = catalog.order_or_model(name)
        chosen = _chosen(order, model, batches, steps)
        size = model.schedule.sequences_per_batch if model else order.sequences_per_batch
        with _advance(f"exporting {order.name}", min(len(chosen) * size, order.geometry.sequences)) as advance:
            written = exporting.export_batches(
                order, chosen, path, format_=format_, sequences_per_batch=size, columns=columns, progress=advance
            )
    _tell(as_json, written, f"of {order.name}, batches {chosen}")


def _chosen(order: Order, model: Model | None, batches: str | None, steps: str | None) -> BatchRange:
    from seenat.registry.units import BatchRange

    text = batches if steps is None else steps
    if text is None or (batches is not None and steps is not None):
        raise click.UsageError("Write either --batches START:STOP or --steps START:STOP.")
    if model is None:
        return BatchRange.parse(text, order.batches.stop)
    chosen = BatchRange.parse(text, model.schedule.steps)
    model.check_unaltered(chosen.stop - 1)
    return chosen


@contextmanager
def _advance(task: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar of sequences."""
    from seenat.cli.framework.progress import Moment, progress

    done = 0
    with progress() as show:

        def advance(sequences: int) -> None:
            nonlocal done
            done += sequences
            show(Moment(task=task, done=done, total=total, unit="sequences"))

        yield advance


def _tell(as_json: bool, written: Exported, what: str) -> Output:
    out = Output(as_json)
    if not out.data(written.to_json()):
        out.line(f"Written to {written.path}: {plural(written.rows, 'row')} {what}.")
    return out
