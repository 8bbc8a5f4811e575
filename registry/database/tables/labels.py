"""Labels: named values of the sequences of an order's content, such as the part of the Pile that each is from."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text, TypedColumns, UniqueConstraint

from seenat.registry.database.tables.base import WITHOUT_ROWID, metadata

__all__ = ["label_values", "labels"]


class LabelColumns(TypedColumns):
    """A label of one order's content. Its values lie in a file, a code a sequence."""

    id = Column(Integer, primary_key=True)
    order_digest = Column(String(80), nullable=False)
    """Of the content that it is about; an order with another one has no labels."""
    name = Column(String(96), nullable=False)
    sequences = Column(BigInteger, nullable=False)
    """How many have a value."""
    file = Column(String(200), nullable=False)
    """Relative to the folder of all results."""
    bytes = Column(BigInteger, nullable=False)
    digest = Column(String(80), nullable=False)
    source: Column[str] = Column(Text, nullable=False)
    """The name of the file that they were read from, and of its column."""
    source_digest = Column(String(80), nullable=False)
    imported_at = Column(String(32), nullable=False)


labels = Table("labels", metadata, LabelColumns, UniqueConstraint("order_digest", "name"))


class LabelValueColumns(TypedColumns):
    """A value of a label: the code that stands for it in the file, from 1; 0 stands for none."""

    label_id = Column(Integer, ForeignKey("labels.id"), primary_key=True)
    code = Column(Integer, primary_key=True)
    value: Column[str] = Column(Text, nullable=False)
    sequences = Column(BigInteger, nullable=False)
    """How many have it."""


label_values = Table("label_values", metadata, LabelValueColumns, **WITHOUT_ROWID)
