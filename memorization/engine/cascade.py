"""Prefixes of many sequences: one pass over each prompt, then passes over those sequences only that are still right.

Stage 0 passes a block of prompts and decides the first ids of the continuation; what survives is moved, with its keys and
values, to the pool of the next stage. A pool that has a block's worth of rows is passed over the next ids, and its
survivors move on; in the end the pools are emptied in order. So blocks stay full however few survive, and no more than two
blocks' worth of keys and values are held for a stage, whatever the number of sequences.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import torch

from seenat.memorization.engine.devices import Arrivals
from seenat.memorization.engine.head import Judge
from seenat.memorization.engine.neox import Body, NewKeys, StoredKeys

__all__ = ["Cascade"]


class _Pool:
    """Rows that wait for a stage, which takes them from `start` to `stop` ids; the last ones in leave first."""

    def __init__(self, body: Body, block: int, start: int, stop: int) -> None:
        self.start, self.stop = start, stop
        self._layers = body.store(2 * block, stop)
        self._numbers = torch.empty(2 * block, dtype=torch.int64, device=body.device)
        self.count = 0

    def add(self, layers: list[torch.Tensor], chosen: torch.Tensor, numbers: torch.Tensor) -> None:
        """Copy the keys and values of the chosen rows of a pass; `numbers` name their sequences."""
        stop = self.count + len(chosen)
        self._numbers[self.count : stop] = numbers
        for store, layer in zip(self._layers, layers, strict=True):
            store[self.count : stop, : self.start] = layer[chosen, : self.start]
        self.count = stop

    def take(self, most: int) -> tuple[StoredKeys, torch.Tensor]:
        """Up to `most` rows and their numbers; they are overwritten by the next `add`."""
        stop, self.count = self.count, max(0, self.count - most)
        rows = slice(self.count, stop)
        return StoredKeys([layer[rows] for layer in self._layers], self.start), self._numbers[rows].clone()


class Cascade:
    """One thread's work on the prefixes of int64 sequences [n, prompt + continuation], `block` rows a pass.

    `tokens` lie in the host's memory. `stages` are the ids that each pass decides; they add up to the continuation. Off the
    CPU the host waits for the device at each decision, to learn how many rows are left, and nowhere else.
    """

    def __init__(
        self, body: Body, head: Judge, tokens: torch.Tensor, prompt: int, stages: tuple[int, ...], block: int
    ) -> None:
        self._body, self._head, self._block, self._prompt = body, head, block, prompt
        self._arrivals = Arrivals(tokens, body.device, block)
        self._tokens = self._arrivals.tokens
        bounds = list(accumulate(stages, initial=0))
        self._first = bounds[1]
        self._pools = [_Pool(body, block, prompt - 1 + low, prompt - 1 + high) for low, high in pairwise(bounds[1:])]
        self._prefixes = torch.zeros(len(tokens), dtype=torch.uint8, device=body.device)
        self.unsure = torch.zeros(len(tokens), dtype=torch.bool, device=body.device)
        """The rows, bool [n], that were left where a position was undecided."""

    def run(self) -> torch.Tensor:
        """The prefixes, uint8 [n]."""
        numbers = torch.arange(len(self._tokens), device=self._tokens.device)
        for block in self._arrivals:
            self._pass_prompts(numbers[block])
        for index, pool in enumerate(self._pools):
            while pool.count:
                self._pass_pool(index)
        return self._prefixes

    def _pass_prompts(self, numbers: torch.Tensor) -> None:
        keys = NewKeys()
        ids = self._tokens[numbers, : self._prompt - 1 + self._first]
        states = self._body.states(ids, keys, asked=self._first)
        self._move_on(0, keys.layers, self._settle(states, numbers, 0), numbers)

    def _pass_pool(self, index: int) -> None:
        pool = self._pools[index]
        keys, numbers = pool.take(self._block)
        states = self._body.states(self._tokens[numbers, pool.start : pool.stop], keys, start=pool.start)
        alive = self._settle(states, numbers, pool.start - self._prompt + 1)
        self._move_on(index + 1, keys.layers, alive, numbers)

    def _settle(self, states: torch.Tensor, numbers: torch.Tensor, before: int) -> torch.Tensor:
        """Note the prefixes of a pass's rows, whose first `before` ids are right; return the rows without a mistake."""
        truth = self._tokens[numbers, self._prompt + before :]
        alive = torch.arange(len(numbers), device=numbers.device)
        for position in range(states.shape[1]):
            right, unsure = self._head.judged(states[alive, position], truth[alive, position])
            if unsure is not None:
                self.unsure[numbers[alive]] = unsure
            alive = alive[right]
            if not len(alive):
                break
            self._prefixes[numbers[alive]] = before + position + 1
        return alive

    def _move_on(self, index: int, layers: list[torch.Tensor], alive: torch.Tensor, numbers: torch.Tensor) -> None:
        if index == len(self._pools) or not len(alive):
            return
        self._pools[index].add(layers, alive, numbers[alive])
        if self._pools[index].count >= self._block:
            self._pass_pool(index)
