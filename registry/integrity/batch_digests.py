"""Digests of batches: what reading a batch found, kept beside the batch.

The first reading of a batch is recorded, and every later one must find the same bytes: an order is immutable, so that other
bytes are another order, or damage. Digests that others published ship with the catalog and bind the first reading too.

A reader never waits for a writer: a reading is recorded only if no other process is writing at that moment. The next
reading of the batch records it then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.order_tables import record_batch
from seenat.registry.catalog.orders import Order
from seenat.registry.catalog.specs import BatchContent
from seenat.registry.database.tables.catalog import batches
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.units import SequenceRange

if TYPE_CHECKING:
    from seenat.registry.orders.source import Tokens, TokenSource

__all__ = ["read_sequences", "reread_batches", "verify_batch"]


def read_sequences(catalog: Catalog, order: Order, sequences: SequenceRange, *, record: bool = True) -> Tokens:
    """The ids of consecutive sequences, `[len(sequences), tokens_per_sequence]`.

    Every batch of the order that lies wholly within them is checked against what the catalog knows and, if `record` is true,
    recorded there; a schedule may cut the order otherwise. Raises as `Order.source`, `TokenSource.tokens` and `verify_batch`.
    """
    source = order.source()
    tokens = source.tokens(sequences)
    for batch in range(-(-sequences.start // order.sequences_per_batch), order.batches.stop):
        whole = order.batch(batch).sequences
        if whole.stop > sequences.stop:
            break
        ids = tokens[whole.start - sequences.start : whole.stop - sequences.start]
        try:
            verify_batch(catalog, order, batch, ids, record=record)
        except CorruptFile:
            if order.is_local:
                raise
            # What is kept of it may have been damaged before it was kept: the digest decides, so it is fetched once more.
            ids[:] = _fetched_anew(source, whole)
            verify_batch(catalog, order, batch, ids, record=record)
    return tokens


def reread_batches(
    catalog: Catalog, order: Order, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> tuple[CorruptFile, ...]:
    """Read every batch with a known digest again, from its files or from the hub, never from what is kept of it.

    Returns an error for each batch that reads otherwise; `progress` gets how many are done, and of how many. Raises as
    `Order.source` and `TokenSource.tokens`.
    """
    known = (batches.c.order_id == order.id, batches.c.digest.is_not(None))
    with catalog.database.read() as connection:
        numbers = list(connection.execute(select(batches.c.batch).where(*known).order_by(batches.c.batch)).scalars())
    source, faults = order.source(), []
    for done, number in enumerate(numbers, start=1):
        try:
            verify_batch(catalog, order, number, _fetched_anew(source, order.batch(number).sequences), record=False)
        except CorruptFile as fault:
            faults.append(fault)
        progress(done, len(numbers))
    return tuple(faults)


def _fetched_anew(source: TokenSource, sequences: SequenceRange) -> Tokens:
    """The ids of sequences, from the hub where they are there."""
    from seenat.registry.orders.remote.order import RemoteOrder

    if isinstance(source, RemoteOrder):
        source.forget(sequences)
    return source.tokens(sequences)


def verify_batch(catalog: Catalog, order: Order, batch: int, tokens: Tokens, *, record: bool = True) -> BatchContent:
    """Check a whole batch that was read, and keep its digest and end-of-document count if `record` is true.

    Raises `CorruptFile` when the catalog knows another digest, `UnknownBatch` beyond the order, and `InvalidValue` when
    `tokens` are not as many as the batch has.
    """
    sequences = order.batch(batch).sequences
    due = (len(sequences), order.geometry.tokens_per_sequence)
    if tokens.shape != due:
        raise InvalidValue(f"Batch {batch} of {order.name} is {due[0]} sequences of {due[1]} ids, not {tokens.shape}.")
    content = _content(order, batch, tokens)
    with catalog.database.read() as connection:
        digest, eos_count = _recorded(connection, order, batch)
    if record and (digest is None or (digest == content.digest and eos_count != content.eos_count)):
        digest = _record(catalog, order, content)
    if digest not in (None, content.digest):
        raise _other_bytes(order, content, digest)
    return content


def _record(catalog: Catalog, order: Order, content: BatchContent) -> str | None:
    """Keep a content unless another process writes now, or has recorded another digest; returns the recorded digest."""
    with catalog.database.write_if_free() as connection:
        if connection is None:
            return None
        digest, _ = _recorded(connection, order, content.batch)
        if digest in (None, content.digest):
            record_batch(connection, order.id, content)
        return digest


def _recorded(connection: Connection, order: Order, batch: int) -> tuple[str | None, int | None]:
    query = select(batches.c.digest, batches.c.eos_count)
    row = connection.execute(query.where(batches.c.order_id == order.id, batches.c.batch == batch)).one()
    return row.digest, row.eos_count


def _content(order: Order, batch: int, tokens: Tokens) -> BatchContent:
    raw = tokens.astype(tokens.dtype.newbyteorder("<"), order="C", copy=False)
    count = None if order.eos_id is None else int((tokens == order.eos_id).sum())
    return BatchContent(batch=batch, digest=sha256_of_bytes(raw.reshape(-1).data), eos_count=count)


def _other_bytes(order: Order, content: BatchContent, recorded: str) -> CorruptFile:
    advice = "restore its files, or register its suite again with --replace"
    if not order.is_local:
        from seenat.registry.orders.remote.order import token_cache

        advice = f"delete {token_cache().folder} and read it again; if it stays so, the files there were replaced"
    return CorruptFile(
        f"Batch {content.batch} of {order.name} at {order.location} reads as {content.digest}, and the catalog knows {recorded}; "
        f"{advice}."
    )
