"""N-gram indexes of orders: which there are, and which sequences each of their shards covers."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
)

from seenat.registry.database.tables.base import WITHOUT_ROWID, metadata

__all__ = ["index_shards", "indexes"]


class IndexColumns(TypedColumns):
    """An index of one order's content by one index window."""

    id = Column(Integer, primary_key=True)
    order_digest = Column(String(80), nullable=False)
    """Of the content that it indexes; an order with another one has no index."""
    window = Column(Integer, nullable=False)
    """W: one position in every so many consecutive ids is sampled; 1 for all."""
    bits = Column(Integer, nullable=False)
    """Bits of a position in a shard."""
    fingerprints = Column(Boolean, nullable=False)
    """Whether its shards keep a byte of each sample's key."""
    shard_sequences = Column(BigInteger, nullable=False)
    """Sequences of a whole shard, a multiple of the order's sequences per batch."""
    ranks_digest = Column(String(80), nullable=False)
    """Of the file that says how rare each code is."""
    folder = Column(String(200), nullable=False, unique=True)
    """Relative to the folder of all indexes, and to the store."""
    store: Column[str | None] = Column(Text)
    """URL of the store that holds its files too; null where they lie beside the catalog alone."""


indexes = Table("indexes", metadata, IndexColumns, UniqueConstraint("order_digest", "window"))


class IndexShardColumns(TypedColumns):
    """A shard that is built; a file without such a row does not count. Shards of an index do not overlap."""

    index_id = Column(Integer, ForeignKey("indexes.id"), primary_key=True)
    first_sequence = Column(BigInteger, primary_key=True)
    sequences = Column(BigInteger, nullable=False)
    samples = Column(BigInteger, nullable=False)
    bytes = Column(BigInteger, nullable=False)
    digest = Column(String(80), nullable=False)
    modified_ns = Column(BigInteger, nullable=False)
    """This and the next two: the state in which the file had this digest."""
    changed_ns = Column(BigInteger, nullable=False)
    inode = Column(BigInteger, nullable=False)


index_shards = Table("index_shards", metadata, IndexShardColumns, **WITHOUT_ROWID)
