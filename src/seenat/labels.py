"""The part of the public catalog about labels: named values of the sequences of an order."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.lookups import CatalogSection
from seenat.registry.answer import Answers

if TYPE_CHECKING:
    from seenat.memorization.labels.store import LabelDeletion
    from seenat.memorization.labels.table import Label
    from seenat.registry.catalog.models import Model
    from seenat.registry.catalog.orders import Order

__all__ = ["Labels"]


class Labels(CatalogSection):
    """Labels of orders."""

    def label(
        self,
        order: str | Order | Model,
        path: str | Path,
        *,
        columns: Collection[str] | None = None,
        replace: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Answers[Label]:
        """Read labels of an order's sequences from a .parquet, .csv or .jsonl file: every column but `sequence`, or `columns`.

        A label has up to 65,535 values; onsets, lists, studies, `find` and exports choose by `where="LABEL=VALUE"` and group by
        it. `progress` gets numbers of rows. Raises `InvalidValue` for a label that there is already unless `replace` is given,
        and for what cannot be one; then nothing is stored.
        """
        from seenat.memorization.labels.store import label_order

        names = None if columns is None else [columns] if isinstance(columns, str) else list(columns)
        chosen = self._order(order)
        silent = progress or (lambda rows: None)
        return Answers(label_order(self._registry, chosen, Path(path), names, replace=replace, progress=silent))

    def labels(self, order: str | Order | Model | None = None) -> Answers[Label]:
        """The labels of an order, or of all: their values, how many sequences have each, and where they are from."""
        from seenat.memorization.labels.table import labels_of

        orders = self._registry.orders() if order is None else (self._order(order),)
        with self._registry.database.read() as connection:
            return Answers(label for chosen in orders for label in labels_of(connection, chosen))

    def delete_label(self, order: str | Order | Model, name: str, *, yes: bool = False) -> LabelDeletion:
        """Delete a label of an order; without `yes`, only say what that is. Raises `UnknownLabel`."""
        from seenat.memorization.labels.store import delete_label

        return delete_label(self._registry, self._order(order), name, yes=yes)
