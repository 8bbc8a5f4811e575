"""The answers about duplicates, and what a row of each means.

A *place* is a sequence and a position in it; with the batch that holds it and the step that consumed it, b + 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.units import HalfOpenRange, SequenceRange

__all__ = [
    "DuplicateGroup",
    "DuplicatePlace",
    "Duplicates",
    "LengthCount",
    "NearDuplicate",
    "NearDuplicates",
    "Repeat",
    "Repeats",
    "TimesCount",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatePlace(Answer):
    """Where some ids stand, and when they were consumed."""

    sequence: int
    offset: int
    """Position of the first of these ids in the sequence."""
    batch: int
    step: int
    """The step after the update that consumed it: batch + 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimesCount(Answer):
    """How many contents are held by equally many sequences."""

    times: int
    contents: int


@dataclass(frozen=True, kw_only=True)
class DuplicateGroup(Answer):
    """A content that several sequences hold."""

    times: int
    """How many sequences hold it."""
    places: tuple[DuplicatePlace, ...]
    """The first of them, in training order."""


@dataclass(frozen=True, kw_only=True)
class Duplicates(TableAnswer):
    """Which sequences of a part of an order hold the same ids at the same positions."""

    order: str
    sequences: SequenceRange
    """Those that were compared."""
    window: HalfOpenRange
    """The positions that were compared."""
    contents: int
    """Different contents."""
    repeated: int
    """Those that more than one sequence holds."""
    duplicates: int
    """Sequences whose content an earlier one held."""
    by_times: tuple[TimesCount, ...]
    """Contents by how many sequences hold them, ascending."""
    groups: tuple[DuplicateGroup, ...]
    """The most repeated contents, then by first sequence."""

    table_field = "groups"

    @property
    def share(self) -> float:
        """The share of the sequences whose content an earlier one held."""
        return self.duplicates / len(self.sequences)


@dataclass(frozen=True, kw_only=True)
class Repeat(Answer):
    """A maximal repeat: ids that stand at several places, and not all with the same id before, nor all with the same after."""

    length: int
    times: int
    """At how many places they stand."""
    places: tuple[DuplicatePlace, ...]
    """The first of them, in training order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthCount(Answer):
    """How many repeats have one length."""

    length: int
    repeats: int


@dataclass(frozen=True, kw_only=True)
class Repeats(TableAnswer):
    """The maximal repeats of at least some ids in a part of an order, at any offset."""

    order: str
    sequences: SequenceRange
    minimum: int
    """The least length."""
    index_window: int
    most_places: int
    """Ids that stand at more places than this were not compared in pairs."""
    count: int
    """Of all repeats, not only those listed."""
    by_length: tuple[LengthCount, ...]
    """Ascending by length."""
    groups: tuple[Repeat, ...]
    """The longest, then the most frequent."""
    frequent: tuple[Repeat, ...]
    """What stands at more than `most_places` places; longer repeats that only some of these share were not looked for."""

    table_field = "groups"
    json_names = (
        "order",
        "sequences",
        "minimum",
        "index_window",
        "most_places",
        "complete",
        "count",
        "by_length",
        "groups",
        "frequent",
    )

    @property
    def complete(self) -> bool:
        """Whether every maximal repeat was found: nothing was too frequent."""
        return not self.frequent


@dataclass(frozen=True, kw_only=True)
class NearDuplicate(Answer):
    """A sequence that shares n-grams with another."""

    sequence: int
    batch: int
    step: int
    shared: int
    """How many selected n-grams both hold."""
    share: float
    """Of those of the given sequence."""
    resemblance: float
    """Of those of either of the two."""


@dataclass(frozen=True, kw_only=True)
class NearDuplicates(TableAnswer):
    """The sequences that resemble one sequence most, by the n-grams that are selected of each.

    An n-gram is selected if its first id is the rarest of its first W, by the ranks of the index, so which ones are depends on
    their ids alone. Each counts once a sequence.
    """

    order: str
    sequence: int
    ngram: int
    """Ids of an n-gram."""
    index_window: int
    """W."""
    ngrams: int
    """Selected n-grams of the sequence."""
    frequent: int
    """Those among them that stand at so many places that they were not used to find sequences; they count in what was found."""
    candidates: int
    """Sequences that share at least one of the others."""
    sequences: tuple[NearDuplicate, ...]
    """By resemblance, the largest first."""

    table_field = "sequences"
