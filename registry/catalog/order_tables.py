"""The one module that writes orders: `orders`, `token_files`, `batches`.

What is known of batches outlasts a suite that is registered again, as long as the order's content is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, cast, delete, func, insert, literal, select, update

from seenat.registry.catalog.queries import order_facts
from seenat.registry.catalog.specs import BatchContent, OrderSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.database.rows import AnyRow, insert_rows, upsert
from seenat.registry.database.tables.catalog import batches, orders, token_files
from seenat.registry.orders.geometry import ID_BYTES
from seenat.registry.storage.file_state import FileState

__all__ = ["delete_order", "record_batch", "record_published_digests", "record_state", "write_order"]

# None overwrites here: no id may end a document, and the digest follows from the other columns.
_CLEARING = ("digest", "eos_id")


def write_order(connection: Connection, suite_id: int, order: OrderSpec) -> None:
    """Insert or update an order with its files and batches."""
    before = connection.execute(select(orders).where(orders.c.name == order.name)).one_or_none()
    if before is not None:
        order = replace(order, files=tuple(_with_known_digests(connection, before, order)))
    values = {
        "suite_id": suite_id,
        "sequences": order.sequences,
        "tokens_per_sequence": order.tokens_per_sequence,
        "sequences_per_batch": order.sequences_per_batch,
        "dtype": order.dtype,
        "vocab_size": order.vocab_size,
        "eos_id": order.eos_id,
        "format": order.format,
        "location": order.location,
        "tokenizer": order.tokenizer,
        "digest": order.digest,
    }
    order_id = upsert(connection, orders, order.name, values, _CLEARING)
    connection.execute(delete(token_files).where(token_files.c.order_id == order_id))
    insert_rows(connection, token_files, (_token_file(order_id, *pair) for pair in enumerate(order.files)))
    same = before is not None and (before.digest, before.eos_id) == (order.digest, order.eos_id)
    if order.batches or not same or not _has_batches(connection, order_id, order):
        _replace_batches(connection, order_id, order)


def delete_order(connection: Connection, order_id: int) -> None:
    """Delete an order on which no model was trained, with what is known of its files and batches."""
    connection.execute(delete(token_files).where(token_files.c.order_id == order_id))
    connection.execute(delete(batches).where(batches.c.order_id == order_id))
    connection.execute(delete(orders).where(orders.c.id == order_id))


def _with_known_digests(connection: Connection, before: AnyRow, order: OrderSpec) -> Iterator[FileRecord]:
    """The files of an order, with the digests that the catalog has learned of files of the same length."""
    recorded = {(file.name, file.bytes): file for file in order_facts(connection, before)["files"]}
    for file in order.files:
        learned = recorded.get((file.name, file.bytes))
        if file.sha256 is None and learned is not None:
            file = replace(learned, role=file.role, data_offset=file.data_offset)
        yield file


def _token_file(order_id: int, position: int, file: FileRecord) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "position": position,
        "role": file.role,
        "name": file.name,
        "data_offset": file.data_offset,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "modified_ns": file.modified_ns,
        "changed_ns": file.changed_ns,
        "inode": file.inode,
    }


def record_state(connection: Connection, order_id: int, name: str, state: FileState) -> None:
    """Keep the state in which a file had its recorded content, so that it need not be read again."""
    is_file = token_files.c.order_id == order_id, token_files.c.name == name
    connection.execute(update(token_files).where(*is_file).values(state._asdict()))


# -- batches


def record_batch(connection: Connection, order_id: int, content: BatchContent) -> None:
    """Keep what reading a batch found."""
    is_batch = batches.c.order_id == order_id, batches.c.batch == content.batch
    values = {"digest": content.digest, "eos_count": content.eos_count}
    connection.execute(update(batches).where(*is_batch).values(**values))


def record_published_digests(connection: Connection, order: str, digests: Mapping[str, str]) -> None:
    """Keep published SHA-256 digests, by batch, where nothing was read here yet: they bind the first read."""
    order_id = select(orders.c.id).where(orders.c.name == order).scalar_subquery()
    for batch, digest in digests.items():
        is_unread = batches.c.order_id == order_id, batches.c.batch == int(batch), batches.c.digest.is_(None)
        connection.execute(update(batches).where(*is_unread).values(digest=f"sha256:{digest}"))


def _has_batches(connection: Connection, order_id: int, order: OrderSpec) -> bool:
    """Whether the batches of an order are there as its geometry cuts them."""
    stored = connection.execute(
        select(func.count(), func.sum(batches.c.byte_length), func.max(batches.c.byte_length)).where(
            batches.c.order_id == order_id
        )
    ).one()
    sequence_bytes = order.tokens_per_sequence * ID_BYTES[order.dtype]
    whole = min(order.sequences, order.sequences_per_batch) * sequence_bytes
    return tuple(stored) == (-(-order.sequences // order.sequences_per_batch), order.sequences * sequence_bytes, whole)


def _replace_batches(connection: Connection, order_id: int, order: OrderSpec) -> None:
    # The database counts: it makes Pythia's 143,000 batches of an order in a tenth of a second; sent they take seconds.
    connection.execute(delete(batches).where(batches.c.order_id == order_id))
    size, sequence_bytes = order.sequences_per_batch, order.tokens_per_sequence * ID_BYTES[order.dtype]
    numbers = select(cast(0, BigInteger).label("batch")).cte("numbers", recursive=True)
    following = numbers.c.batch + 1
    numbers = numbers.union_all(select(following).where(following * size < order.sequences))
    first, rest = numbers.c.batch * size, order.sequences - numbers.c.batch * size
    sequences = case((rest < size, rest), else_=size)
    row = (literal(order_id), numbers.c.batch, first, sequences, first * sequence_bytes, sequences * sequence_bytes)
    columns = ("order_id", "batch", "first_sequence", "sequences", "byte_offset", "byte_length")
    connection.execute(insert(batches).from_select(columns, select(*row)))
    if order.batches:
        is_batch = batches.c.order_id == order_id, batches.c.batch == bindparam("number")
        contents = [
            {"number": content.batch, "digest": content.digest, "eos_count": content.eos_count}
            for content in order.batches
        ]
        connection.execute(update(batches).where(*is_batch), contents)
