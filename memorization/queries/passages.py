"""What a protocol reads of sequences, as text: an id at a time, with how much of it a checkpoint reproduced."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seenat.memorization.labels.choose import values_among
from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import current_rows, find_measurement
from seenat.memorization.results.read import read_values
from seenat.registry.answer import Answer, TableAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.orders.source import Tokens
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.tokenizer import load_tokenizer

__all__ = ["Passage", "Passages", "passages"]

_MOST = 1024
"""Sequences of one answer: a batch of Pythia."""
_CUT = "\ufffd"
"""Stands for bytes that are not yet a whole character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(Answer):
    """The ids of a sequence that the protocol reads."""

    sequence: int
    batch: int
    seen: bool | None
    """Whether the checkpoint had seen it; None where no step was asked for."""
    reproduced: int | None
    """How many ids of the continuation it reproduced; None where that was not measured."""
    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    """The text of each id: empty where its bytes end within a character, which then stands with the next."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The values of the order's labels that it has, by label."""


@dataclass(frozen=True, kw_only=True)
class Passages(TableAnswer):
    """Some sequences as a protocol reads them."""

    model: str
    order: str
    step: int | None
    protocol: Protocol
    passages: tuple[Passage, ...]

    table_field = "passages"


def passages(
    catalog: Catalog, model: Model, chosen: Collection[int], step: int | None, protocol: str | None = None
) -> Passages:
    """The ids and texts of some sequences; with a step, how many ids the checkpoint there reproduced.

    A model of which nothing was measured is read by the default protocol. Raises `UnknownSequence` beyond the order,
    `InvalidValue` for more than 1,024 sequences, `UnknownCheckpoint`. Where the order has no tokenizer, ids stand for their texts.
    """
    if not 0 < len(chosen) <= _MOST:
        raise InvalidValue(f"{len(chosen):,} sequences cannot be shown at once; ask for 1 to {_MOST:,}.")
    sequences = list(chosen)
    for sequence in (min(sequences), max(sequences)):
        model.order.batch_of(sequence)
    at = None if step is None else model.checkpoint(step).step
    used, values = _values(catalog, model, sequences, at, protocol)
    ids = model.order.source().take(np.array(sequences, np.int64), *used.window)
    pieces = _pieces(model.order.tokenizer, model.order.name, ids)
    labels = values_among(catalog.database, model.order, sequences)
    seen = None if at is None else model.schedule.sequences_seen(at)
    return Passages(
        model=model.name,
        order=model.order.name,
        step=at,
        protocol=used,
        passages=tuple(
            Passage(
                sequence=sequence,
                batch=model.schedule.batch_of(sequence),
                seen=None if seen is None else sequence in seen,
                reproduced=value,
                ids=tuple(row.tolist()),
                pieces=texts,
                labels=labelled,
            )
            for sequence, value, row, texts, labelled in zip(sequences, values, ids, pieces, labels, strict=True)
        ),
    )


def _values(
    catalog: Catalog, model: Model, sequences: Sequence[int], step: int | None, protocol: str | None
) -> tuple[Protocol, list[int | None]]:
    """The protocol, and of each sequence how many ids were reproduced at the step, where that is known."""
    unknown: list[int | None] = [None] * len(sequences)
    with catalog.database.read() as connection:
        try:
            measurement = find_measurement(connection, model, protocol)
        except NotMeasured:
            if protocol is not None:
                raise
            return Protocol.default_for(model.order.eos_id), unknown
        rows = [row for row, measured in current_rows(connection, measurement) if measured == step]
        if not rows:
            return measurement.protocol, unknown
        store = MeasurementStore(catalog.database, model, measurement)
        first = min(sequences)
        [values] = read_values(store, connection, rows, first, max(sequences) + 1)
    chosen = values[np.array(sequences, np.int64) - first].tolist()
    return measurement.protocol, [None if value == NOT_MEASURED else value for value in chosen]


def _pieces(tokenizer: str | None, order: str, ids: Tokens) -> list[tuple[str, ...]]:
    """The text of each id of each row: what the text grows by when the id comes; without a tokenizer the id itself."""
    if tokenizer is None:
        return [tuple(f" {id_}" for id_ in row) for row in ids.tolist()]
    loaded = load_tokenizer(tokenizer, order=order)
    length = ids.shape[1]
    grown = decode_ids(loaded, [row[: end + 1] for row in ids for end in range(length)])
    return [tuple(_growth(grown[place : place + length])) for place in range(0, len(grown), length)]


def _growth(texts: list[str]) -> Iterator[str]:
    """What each text adds to the one before; what is no whole character yet comes with the text that ends it."""
    told = ""
    for place, text in enumerate(texts):
        whole = text if place == len(texts) - 1 else text.rstrip(_CUT)
        # A decoder may change what it said before; then only the new length is told.
        yield whole[len(told) :]
        told = whole if len(whole) > len(told) else told
