"""What reading a batch tells for good: its digest and how many of its ids end a document, kept beside the batch.

The first reading of a batch is recorded, and every later one must find the same bytes: an order is immutable, so that other
bytes are another order, or damage. Digests that others published ship with the catalog and bind the first reading too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Order
from seenat.registry.catalog.queries import AnyRow
from seenat.registry.catalog.specs import BatchContent
from seenat.registry.database.tables import batches
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.units import SequenceRange

if TYPE_CHECKING:
    from seenat.registry.orders.source import Tokens

__all__ = ["read_sequences", "verify_batch"]


def read_sequences(catalog: Catalog, order: Order, sequences: SequenceRange) -> Tokens:
    """The ids of consecutive sequences, `[len(sequences), tokens_per_sequence]`.

    Every batch of the order that lies wholly within them is checked against what the catalog knows and recorded there;
    a schedule may cut the order otherwise. Raises as `Order.source`, `TokenSource.tokens` and `verify_batch`.
    """
    tokens = order.source().tokens(sequences)
    for batch in range(-(-sequences.start // order.sequences_per_batch), order.batches.stop):
        whole = order.batch(batch).sequences
        if whole.stop > sequences.stop:
            break
        verify_batch(catalog, order, batch, tokens[whole.start - sequences.start : whole.stop - sequences.start])
    return tokens


def verify_batch(catalog: Catalog, order: Order, batch: int, tokens: Tokens) -> BatchContent:
    """Keep digest and end-of-document count of a batch that was read, all of it.

    Raises `CorruptFile` when the catalog knows another digest, `UnknownBatch` beyond the order, and `InvalidValue` when
    `tokens` are not as many as the batch has.
    """
    sequences = order.batch(batch).sequences
    due = (len(sequences), order.geometry.tokens_per_sequence)
    if tokens.shape != due:
        raise InvalidValue(f"Batch {batch} of {order.name} is {due[0]} sequences of {due[1]} ids, not {tokens.shape}.")
    found = _content(order, batch, tokens)
    with catalog.database.read() as connection:
        known = _known(connection, order, batch)
    if known.digest is None or (known.digest == found.digest and known.eos_count != found.eos_count):
        with catalog.database.write() as connection:
            known = _known(connection, order, batch)  # Another process may have been first.
            if known.digest in (None, found.digest):
                _store(connection, order, found)
    if known.digest not in (None, found.digest):
        raise _other_bytes(order, found, known.digest)
    return found


def _known(connection: Connection, order: Order, batch: int) -> AnyRow:
    query = select(batches.c.digest, batches.c.eos_count)
    return connection.execute(query.where(batches.c.order_id == order.id, batches.c.batch == batch)).one()


def _store(connection: Connection, order: Order, content: BatchContent) -> None:
    query = update(batches).where(batches.c.order_id == order.id, batches.c.batch == content.batch)
    connection.execute(query.values(digest=content.digest, eos_count=content.eos_count))


def _content(order: Order, batch: int, tokens: Tokens) -> BatchContent:
    raw = tokens.astype(tokens.dtype.newbyteorder("<"), order="C", copy=False)
    count = None if order.eos_id is None else int((tokens == order.eos_id).sum())
    return BatchContent(batch=batch, digest=sha256_of_bytes(raw.reshape(-1).data), eos_count=count)


def _other_bytes(order: Order, found: BatchContent, known: str) -> CorruptFile:
    advice = "restore its files, or register its suite again with --replace"
    if not order.is_local:
        from seenat.registry.orders.remote.order import token_cache

        advice = f"delete {token_cache().folder} and read it again; if it stays so, the files there were replaced"
    return CorruptFile(
        f"Batch {found.batch} of {order.name} at {order.location} reads as {found.digest}, and the catalog knows {known}; "
        f"{advice}."
    )
