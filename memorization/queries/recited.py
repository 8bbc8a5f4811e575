"""What each checkpoint said of a sequence, as far as stored results tell: prompt, truth, and how much of the truth it said.

By the measure `prefix` a checkpoint reproduced the first k ids of the truth and then another id, which nobody stored. By `score`
the ids that it reproduced may stand anywhere, and by `loss` it said nothing: of these there is no recital.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seenat.memorization.queries.trajectories import SequenceTrajectory
from seenat.registry.answer import Answer
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.tokenizer import OrderTokenizer

__all__ = ["Recital", "Said", "recitals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Answer):
    """What a checkpoint said after the prompt."""

    step: int
    seen: bool
    reproduced: int
    """Ids of the truth, from the first, before it said another one."""
    text: str
    """These ids."""


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


def recitals(tokenizer: OrderTokenizer, ids: Any, trajectories: Iterable[SequenceTrajectory]) -> tuple[Recital, ...]:
    """What the checkpoints of each trajectory said, of those by `prefix`; `ids` are the sequence's."""
    return tuple(_recital(tokenizer, ids, path) for path in trajectories if path.protocol.measure == "prefix")


def _recital(tokenizer: OrderTokenizer, ids: Any, path: SequenceTrajectory) -> Recital:
    protocol = path.protocol
    start, stop = protocol.window
    middle = start + protocol.prompt
    reproduced = [int(point.values["prefix"]) for point in path.points]
    prompt, truth, *texts = decode_ids(
        tokenizer, [ids[start:middle], ids[middle:stop], *(ids[middle : middle + number] for number in reproduced)]
    )
    return Recital(
        model=path.model,
        protocol=protocol.id,
        words=protocol.words,
        prompt=prompt,
        truth=truth,
        said=tuple(
            Said(step=point.step, seen=point.seen, reproduced=number, text=text)
            for point, number, text in zip(path.points, reproduced, texts, strict=True)
        ),
    )
