"""What each checkpoint said of a sequence, as far as stored results tell: prompt, truth, and how much of the truth it said.

By the measure `prefix` a checkpoint reproduced the first k ids of the truth and then another id, which nobody stored. By `score`
the ids that it reproduced may stand anywhere, and by `loss` it said nothing: of these there is no recital, unless what was said by
`score` is generated anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.trajectories import SequenceTrajectory
from seenat.memorization.results.trajectory import Point
from seenat.registry.answer import Answer
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.tokenizer import OrderTokenizer

__all__ = ["Recital", "Said", "Spoken", "recitals"]

Spoken = dict[tuple[str, str, int], Any]
"""The ids that a checkpoint generated, `[continuation]`, by the name of its model, a protocol's id, and its step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Answer):
    """What a checkpoint said after the prompt."""

    step: int
    seen: bool
    reproduced: int
    """Ids of the truth, from the first, before it said another one."""
    text: str
    """These ids."""
    whole: str | None = None
    """All that it says in place of the truth, generated anew; None, and no key, where that was not asked for."""

    json_only_with: ClassVar[Mapping[str, str]] = {"whole": "whole"}


@dataclass(frozen=True, kw_only=True)
class Recital(Answer):
    """A sequence's prompt and truth by one protocol, and what a model's checkpoints said."""

    model: str
    protocol: str
    """Its id."""
    words: str
    prompt: str
    truth: str
    said: tuple[Said, ...]
    """By step; what follows `text` was not stored."""


def recitals(
    tokenizer: OrderTokenizer, ids: Any, trajectories: Iterable[SequenceTrajectory], spoken: Spoken | None = None
) -> tuple[Recital, ...]:
    """What the checkpoints of each trajectory said, of those by `prefix`; `ids` are the sequence's.

    `spoken` is what some said anew; of the others nothing more is told, and by `score` nothing at all.
    """
    told = [path for path in trajectories if path.protocol.measure == "prefix" or _speaks(path, spoken or {})]
    return tuple(_recital(tokenizer, ids, path, spoken or {}) for path in told)


def _speaks(path: SequenceTrajectory, spoken: Spoken) -> bool:
    return any((model, protocol) == (path.model, path.protocol.id) for model, protocol, _ in spoken)


def _recital(tokenizer: OrderTokenizer, ids: Any, path: SequenceTrajectory, spoken: Spoken) -> Recital:
    protocol = path.protocol
    start, stop = protocol.window
    middle = start + protocol.prompt
    made = [spoken.get((path.model, protocol.id, point.step)) for point in path.points]
    points = [(point, ids_) for point, ids_ in zip(path.points, made, strict=True) if _is_told(protocol, ids_)]
    reproduced = [_reproduced(protocol, point, ids[middle:stop], ids_) for point, ids_ in points]
    prompt, truth, *texts = decode_ids(
        tokenizer,
        [
            *(ids[start:middle], ids[middle:stop]),
            *(ids[middle : middle + number] for number in reproduced),
            *(ids_ for _, ids_ in points if ids_ is not None),
        ],
    )
    wholes = iter(texts[len(points) :])
    return Recital(
        model=path.model,
        protocol=protocol.id,
        words=protocol.words,
        prompt=prompt,
        truth=truth,
        said=tuple(
            Said(
                step=point.step,
                seen=point.seen,
                reproduced=number,
                text=text,
                whole=None if ids_ is None else next(wholes),
            )
            for (point, ids_), number, text in zip(points, reproduced, texts, strict=False)
        ),
    )


def _is_told(protocol: Protocol, made: Any) -> bool:
    return protocol.measure == "prefix" or made is not None


def _reproduced(protocol: Protocol, point: Point, truth: Any, made: Any) -> int:
    """Ids of the truth, from the first: as measured, or by `score`, which does not tell, as generated."""
    if protocol.measure == "prefix":
        return int(point.values["prefix"])
    return int((made == truth).cumprod().sum())
