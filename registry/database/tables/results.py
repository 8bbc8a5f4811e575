"""What was measured, as far as SQL keeps it: committed blocks, onsets, counts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text, TypedColumns

from seenat.registry.database.tables.base import WITHOUT_ROWID, metadata

__all__ = ["batch_counts", "blocks", "memorized_sequences", "onset_counts"]


class BlockColumns(TypedColumns):
    """A committed file of a measurement's array; a file without such a row does not count."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    array_row = Column(Integer, primary_key=True)
    block = Column(Integer, primary_key=True)
    measured = Column(Integer, nullable=False)
    """Values in it that are not 255."""
    memorized = Column(Integer, nullable=False)
    bytes = Column(Integer, nullable=False)
    digest = Column(String(80), nullable=False)
    object: Column[str | None] = Column(Text)
    """The object's name in the measurement's store; null where the file lies in a folder, under its key."""
    device: Column[str | None] = Column(Text)
    """What computed its values: `cuda NVIDIA H200`. Several, after semicolons, where values of an earlier file were kept."""
    dtype: Column[str | None] = Column(Text)
    """The type of its numbers, as the protocol names it. This and the others null where nobody wrote it down."""
    seenat: Column[str | None] = Column(Text)
    torch: Column[str | None] = Column(Text)
    transformers: Column[str | None] = Column(Text)
    """Versions."""


blocks = Table("blocks", metadata, BlockColumns, **WITHOUT_ROWID)


class MemorizedSequenceColumns(TypedColumns):
    """A sequence that at least one checkpoint had memorized."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    sequence = Column(BigInteger, primary_key=True)
    first_step = Column(Integer, nullable=False)
    """The onset: the first measured step at which it was memorized."""
    bracket_low: Column[int | None] = Column(Integer)
    """The last measured step before the onset, where it was not; null when none was measured before."""
    last_step = Column(Integer, nullable=False)
    """The last measured step at which it was memorized."""
    times_memorized = Column(Integer, nullable=False)
    """At how many measured steps it was memorized."""
    times_lost = Column(Integer, nullable=False)
    """How often a measured step had memorized it and the next measured one had not."""


# No index by onset: keeping one took 45 % of an insert. `onset_counts` leads to the sequences of an onset instead.
memorized_sequences = Table("memorized_sequences", metadata, MemorizedSequenceColumns, **WITHOUT_ROWID)


class OnsetCountColumns(TypedColumns):
    """How many of a block's memorized sequences have their onset at a step; no row where none has."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    first_step = Column(Integer, primary_key=True)
    block = Column(Integer, primary_key=True)
    sequences = Column(Integer, nullable=False)
    lost = Column(Integer, nullable=False)
    """Those among them that a later measured step had not memorized."""


onset_counts = Table("onset_counts", metadata, OnsetCountColumns, **WITHOUT_ROWID)


class BatchCountColumns(TypedColumns):
    """How many sequences of a batch were measured and memorized at a step."""

    measurement_id = Column(Integer, ForeignKey("measurements.id"), primary_key=True)
    array_row = Column(Integer, primary_key=True)
    batch = Column(Integer, primary_key=True)
    measured = Column(Integer, nullable=False)
    memorized = Column(Integer, nullable=False)


batch_counts = Table("batch_counts", metadata, BatchCountColumns, **WITHOUT_ROWID)
