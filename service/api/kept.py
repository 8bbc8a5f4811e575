"""Encoded answers that are still true: the bytes of what follows from models and orders alone, of one generation."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

__all__ = ["Encoded", "KeptAnswers"]

# What an answer takes beside its body: its tag, its address, and its place among the others (CPython 3.11 to 3.13).
_BYTES_BESIDE = 500


@dataclass(frozen=True, slots=True)
class Encoded:
    """The bytes of an answer, and their weak tag."""

    body: bytes
    tag: str
    next: str | None = None
    """The query of the next page."""

    @classmethod
    def of(cls, body: bytes, next_query: str | None = None) -> Encoded:
        """Bytes with their tag, which is weak because a compressed answer has other bytes."""
        return cls(body, f'W/"{blake2b(body, digest_size=12).hexdigest()}"', next_query)


class KeptAnswers:
    """Answers by their address, as many as fit in memory; those that were asked for last stay. Threads share it."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._generation = -1
        self._answers: OrderedDict[str, Encoded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, address: str, generation: int) -> Encoded | None:
        """What was kept of this generation."""
        with self._lock:
            if generation != self._generation or address not in self._answers:
                return None
            self._answers.move_to_end(address)
            return self._answers[address]

    def put(self, address: str, generation: int, answer: Encoded) -> None:
        """Keep an answer, and drop all of other generations."""
        if len(answer.body) * 8 > self._most:
            return
        with self._lock:
            if generation != self._generation:
                self._answers.clear()
                self._bytes, self._generation = 0, generation
            before = self._answers.pop(address, None)
            self._bytes += _bytes_of(answer) - (_bytes_of(before) if before else 0)
            self._answers[address] = answer
            while self._bytes > self._most:
                self._bytes -= _bytes_of(self._answers.popitem(last=False)[1])


def _bytes_of(answer: Encoded) -> int:
    return len(answer.body) + _BYTES_BESIDE
