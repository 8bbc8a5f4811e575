"""The actors at a job: begun where Ray has room, told to work again where they were lost, and let go when nothing is left.

Ray begins a lost actor again by itself, on another node where its own is gone; what it had leased is free by then, or soon. Ray
repeats no work: leases do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from seenat.registry.printable import in_a_sentence

__all__ = ["Crew"]

_MOST_LOST = 10
"""Actors that may be lost in a row before one shard is done."""


@dataclass
class Crew:
    """Actors that work; `begin` makes one, and `work` tells it to."""

    ray: Any
    begin: Callable[[], Any]
    work: Callable[[Any], Any]
    faults: list[str] = field(default_factory=list)
    """What ended actors that are not told to work again."""
    lost: int = 0
    """How often one was, since anything was done."""
    is_through: bool = False
    """Whether one has found nothing left."""
    _flight: dict[Any, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many work, or will when Ray has placed them."""
        return len(self._flight)

    def grow(self, wanted: int) -> None:
        """Have so many, unless one ended by a fault or found nothing left. More than wanted end by themselves, when that is so."""
        while not self.faults and not self.is_through and self.size < wanted:
            actor = self.begin()
            self._flight[self.work(actor)] = actor

    def look(self, seconds: float) -> None:
        """Wait so long, or until one ends; hear how."""
        ended, _ = self.ray.wait(list(self._flight), num_returns=1, timeout=seconds)
        for reference in ended:
            self._hear(reference, self._flight.pop(reference))

    def leave(self, seconds: float) -> None:
        """Let all finish what they measure, so long; then end them."""
        for actor in self._flight.values():
            actor.stop.remote()
        if self._flight:
            self.ray.wait(list(self._flight), num_returns=self.size, timeout=seconds)
        for actor in self._flight.values():
            self.ray.kill(actor)
        self._flight.clear()

    def _hear(self, reference: Any, actor: Any) -> None:
        try:
            fault = self.ray.get(reference)
        except self.ray.exceptions.RayActorError:
            self.lost += 1
            if self.lost < _MOST_LOST:
                self._flight[self.work(actor)] = actor
                return
            fault = f"{self.lost} actors were lost in a row, and none had measured a shard"
        except self.ray.exceptions.RayError as error:
            fault = in_a_sentence(str(error).strip().splitlines()[-1])
        if fault:
            self.faults.append(fault)
        self.is_through = True
        self.ray.kill(actor)
