"""A file's columns become labels of an order; and labels are removed.

Files of codes are written first and named by their digests, rows follow in one transaction: a reader sees a label whole or not at all,
and what a killed process leaves nothing names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from seenat.memorization.labels.codes import CodesWriter
from seenat.memorization.labels.read import read_chunks, read_names
from seenat.memorization.labels.table import (
    Label,
    add_label,
    digest_of,
    drop_labels,
    labels_folder,
    labels_of,
    require_label,
)
from seenat.memorization.results.measurements import results_folder
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.orders import Order
from seenat.registry.database.engine import Database
from seenat.registry.errors import InvalidValue
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.regular import remove_regular

__all__ = ["LabelDeletion", "delete_label", "label_order", "remove_labels_of"]


@dataclass(frozen=True, kw_only=True)
class LabelDeletion(Answer):
    """A label that is deleted, or would be."""

    order: str
    label: str
    values: int
    sequences: int
    bytes: int
    done: bool
    """Whether it was deleted; else nothing was changed."""


def label_order(
    catalog: Catalog,
    order: Order,
    path: Path,
    columns: Collection[str] | None = None,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Label, ...]:
    """Read labels of an order's sequences from a file: each column, or each of `columns`; `progress` gets numbers of rows.

    Raises `InvalidValue` for a label that there is already unless `replace`, and for what cannot be one, `CorruptFile`, `NoRoom`.
    """
    content = digest_of(order)
    key, names = read_names(path, columns)
    _check_new(catalog, order, names, replace)
    digest = sha256_of_file(path)
    with ExitStack() as stack:
        writers = [
            stack.enter_context(closing(CodesWriter(labels_folder(catalog.database), name, len(order))))
            for name in names
        ]
        for chunk in read_chunks(path, key, writers, len(order)):
            for writer, codes in zip(writers, chunk.codes, strict=True):
                writer.add(chunk.sequences, codes)
            progress(len(chunk.sequences))
        _check_filled(path, writers)
        _record(catalog.database, order, content, writers, (path.name, digest))
    with catalog.database.read() as connection:
        return tuple(label for label in labels_of(connection, order) if label.name in names)


def _check_new(catalog: Catalog, order: Order, names: Iterable[str], replace: bool) -> None:
    with catalog.database.read() as connection:
        taken = {label.name for label in labels_of(connection, order)}.intersection(names)
    if taken and not replace:
        raise InvalidValue(
            f"{order.name} has the label {min(taken)} already, so nothing was read; give --replace to put these values in its place."
        )


def _check_filled(path: Path, writers: Sequence[CodesWriter]) -> None:
    empty = next((writer.name for writer in writers if not writer.codes_by_value), None)
    if empty is not None:
        raise InvalidValue(f"{path} has no value of {empty!r}; leave that column out.")


def _record(
    database: Database, order: Order, content: str, writers: Sequence[CodesWriter], source: tuple[str, str]
) -> None:
    finished = [(writer, writer.finish()) for writer in writers]
    with database.write() as connection:
        left = set(drop_labels(connection, content, [writer.name for writer in writers]))
        for writer, written in finished:
            file = written.place().relative_to(results_folder(database)).as_posix()
            left.discard(file)
            add_label(
                connection,
                order,
                writer.name,
                codes_by_value=writer.codes_by_value,
                counts=written.counts,
                file=file,
                size=written.bytes,
                digest=written.digest,
                source=source[0],
                source_digest=source[1],
            )
        _remove(database, left)


def delete_label(catalog: Catalog, order: Order, name: str, *, yes: bool = False) -> LabelDeletion:
    """Delete a label of an order; or, without `yes`, say what that is. Raises `UnknownLabel`."""
    with catalog.database.write() if yes else catalog.database.read() as connection:
        require_label(connection, order, name)
        label = next(each for each in labels_of(connection, order) if each.name == name)
        if yes:
            _remove(catalog.database, drop_labels(connection, digest_of(order), [name]))
    return LabelDeletion(
        order=order.name,
        label=name,
        values=len(label.values),
        sequences=label.sequences,
        bytes=label.bytes,
        done=yes,
    )


def remove_labels_of(database: Database, connection: Connection, order_digest: str) -> None:
    """Delete all labels of a content that no order has any more."""
    _remove(database, drop_labels(connection, order_digest))


def _remove(database: Database, files: Iterable[str]) -> None:
    # While the lock is held: another writer gives a file of the same content its name under it.
    for file in files:
        remove_regular(results_folder(database) / file)
