"""The part of the public catalog that speaks with other attribution tools: their files out, and in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.lookups import at_most, counted
from seenat.registry.errors import InvalidValue
from seenat.registry.units import BatchRange, SequenceRange
from seenat.texts.duplicates import DuplicateLookups

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from seenat.attribution.exchange.scores import ImportedScores
    from seenat.attribution.exchange.tokengrams import SuffixIndex
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.catalog.orders import Order
    from seenat.registry.exports.batches import Exported
    from seenat.registry.orders.geometry import Geometry

__all__ = ["Exchange"]

Progress = Callable[[int, int], None]


class Exchange(DuplicateLookups):
    """Indexes, datasets, scores and lists in the forms of other tools."""

    def export_index(
        self,
        name: str | Order | Model,
        folder: str | Path,
        *,
        format: str = "infini-gram",
        batches: BatchRange | str | None = None,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Exported:
        """Write a suffix-array index over an order, or some batches, to a new folder: "infini-gram" or "tokengrams".

        It takes 16 to 22 bytes an id on Pythia's orders and, whatever the length, 1.7 GB of memory. `progress` gets (sequences
        done, all), `force` replaces an index of ours. Raises `InvalidValue` for ids that the format cannot hold.
        """
        from seenat.attribution.exchange.export import export_index

        compared = self._compared(name, batches)
        done = counted(progress, len(compared.sequences))
        return export_index(compared, Path(folder), format, force=force, progress=done)

    def suffix_index(
        self, name: str | Order | Model, text: str | Path, table: str | Path, *, batches: BatchRange | str | None = None
    ) -> SuffixIndex:
        """An index that tokengrams made over an order, or over some batches: its file of ids and its file of positions.

        `count(ids)` says at how many places some ids stand, `positions(ids)` at which, with batches and steps. Raises
        `CorruptFile` for files whose lengths do not fit, `InvalidValue` for a text of other ids.
        """
        from seenat.attribution.exchange.tokengrams import open_tokengrams

        return open_tokengrams(self._compared(name, batches), Path(text), Path(table))

    def export_dataset(
        self,
        name: str | Order | Model,
        path: str | Path,
        *,
        batches: BatchRange | str | None = None,
        ids: int | None = None,
        format: str | None = None,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Exported:
        """Write sequences as bergson takes them: a dataset with `input_ids`, `length`, `sequence`, `batch` and `step`.

        A row has the first `ids` ids of a sequence, by default all but the last: as many as the model's context.
        """
        from seenat.attribution.exchange.bergson import export_dataset

        compared = self._compared(name, batches)
        done = counted(progress, len(compared.sequences))
        return export_dataset(compared, Path(path), format_=format, force=force, length=ids, progress=done)

    def import_scores(
        self,
        folder: str | Path,
        name: str | Order | Model,
        *,
        rows: str | Path | None = None,
        sequences: SequenceRange | str | None = None,
        limit: int | None = 20,
        out: str | Path | None = None,
        force: bool = False,
    ) -> ImportedScores:
        """Read the scores of a folder that bergson wrote, as scores of sequences, batches and steps of a model or an order.

        `rows` is the dataset that was scored, with its column `sequence`; or `sequences`, "0:1024", says which consecutive
        sequences it was. `limit` of each query are listed; `out`, a table file or a new folder, gets all. Nothing is stored
        in the catalog.
        """
        from seenat.attribution.exchange.bergson import read_scores
        from seenat.attribution.exchange.scores import scored_sequences

        order, model = self._order_and_model(name)
        size = model.schedule.sequences_per_batch if model else order.sequences_per_batch
        scores = read_scores(Path(folder))
        chosen = _sequences(order.geometry, rows, sequences)
        with _written(out, {"order": order.name, "source": str(folder)}, force=force) as write:
            return scored_sequences(scores, order.name, order.geometry, chosen, size, limit=at_most(limit), write=write)

    def export_scores(self, scores: npt.ArrayLike, folder: str | Path) -> None:
        """Write scores of rows, `[rows]` or `[rows, queries]`, to a new folder as bergson does; NaN means not computed."""
        from seenat.attribution.exchange.bergson import write_scores

        write_scores(Path(folder), scores)

    def export_memorized(
        self,
        model: str | Model,
        path: str | Path,
        *,
        step: int | str | Checkpoint | None = None,
        format: str | None = None,
        force: bool = False,
        protocol: str | None = None,
        progress: Progress | None = None,
    ) -> Exported:
        """Write what a checkpoint had memorized as published lists are: `index`, and `tokens` of prompt and continuation.

        `step` is the last measured one unless given. `import_results` reads the file.
        """
        from seenat.memorization.published.list_export import export_list

        chosen = self._model(model)
        done = counted(progress, len(chosen.order.sequences))
        return export_list(
            self._registry,
            chosen,
            Path(path),
            step=self._step(chosen, step),
            format_=format,
            force=force,
            protocol=protocol,
            progress=done,
        )


def _sequences(geometry: Geometry, rows: str | Path | None, sequences: SequenceRange | str | None) -> Any:
    import numpy as np

    from seenat.attribution.exchange.scores import sequences_of_rows

    if (rows is None) == (sequences is None):
        raise InvalidValue("Give either the dataset that was scored, or its sequences as START:STOP.")
    if rows is not None:
        return sequences_of_rows(Path(rows))
    parsed = SequenceRange.parse(sequences, geometry.sequences) if isinstance(sequences, str) else sequences
    assert parsed is not None
    return np.arange(parsed.start, parsed.stop)


@contextmanager
def _written(
    out: str | Path | None, about: dict[str, Any], *, force: bool
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that appends scores to a new file, or does nothing where none is asked for."""
    if out is None:
        yield lambda _: None
        return
    from seenat.attribution.exchange.scores import SCORE_COLUMNS
    from seenat.registry.exports.files import format_of, table_writer
    from seenat.registry.optional import arrow

    pa, path = arrow(), Path(out)
    schema = pa.schema([*((name, pa.int64()) for name in SCORE_COLUMNS), ("score", pa.float32())])
    with table_writer(path, format_of(path, force=force), schema, about, force=force) as write:
        yield write
