"""A parser, samples of what it reads, and how they are damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.mutator import damage_bytes

__all__ = ["CORPUS", "Target"]

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One parser."""

    name: str
    """As it is called on the command line; a folder of this name in the corpus holds inputs that once failed."""
    samples: Callable[[Path], Sequence[bytes]]
    """Valid inputs; the folder is empty and may hold what they need. Called once a process."""
    parse: Callable[[bytes, Path], object]
    """Read one input as seenat would; the folder is empty before the first call, and is the caller's to fill."""
    damage: Callable[[bytes, Random, Sequence[bytes]], bytes] = damage_bytes
    needs_torch: bool = False

    def failed_before(self) -> list[Path]:
        """Inputs that once failed."""
        return sorted((CORPUS / self.name).glob("*"))

    def input(self, samples: Sequence[bytes], seed: int, number: int) -> bytes:
        """The input of this number: the same for the same seed, samples and number."""
        random = Random(f"{self.name} {seed} {number}")
        return self.damage(random.choice(samples), random, samples)

    def inputs(self, samples: Sequence[bytes], seed: int, numbers: range) -> Iterator[tuple[int, bytes]]:
        """Inputs one by one, with their numbers."""
        for number in numbers:
            yield number, self.input(samples, seed, number)
