"""Prefixes of many sequences: one pass over each prompt, then passes only over the sequences that are not done.

The first pass takes a block of sequences through the longest prompt and decides the first ids after it, and those after
every shorter prompt. What is left is moved, with its keys and values, to the pool of the next stage. A pool that is full is
passed over the next ids, and what is left moves on; in the end the pools are emptied in order. So passes stay full however
few sequences are left, and one pool of keys and values is held for a stage, whatever the number of sequences.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import torch

from seenat.memorization.engine.kernels.devices import BlockTransfer
from seenat.memorization.engine.kernels.output_head import NextTokenCheck
from seenat.memorization.engine.kernels.prefix_state import Pairs, PrefixState
from seenat.memorization.engine.neox.forward import Body, NewKeys, StoredKeys

__all__ = ["EarlyExit"]

# Rows of a pool, in blocks: 128 rows of one id each are multiplied 5 to 10 % faster than 64.
_BLOCKS_OF_A_POOL = 2


class _Pool:
    """Up to `rows` rows that wait for a stage, which takes them from `start` to `stop` ids."""

    def __init__(self, body: Body, rows: int, start: int, stop: int) -> None:
        self.start, self.stop = start, stop
        self._layers = body.store(rows, stop)
        self._numbers = torch.empty(rows, dtype=torch.int64, device=body.device)
        self.count = 0

    @property
    def room(self) -> int:
        """Rows that can still be added."""
        return len(self._numbers) - self.count

    def add(self, layers: list[torch.Tensor], chosen: torch.Tensor, numbers: torch.Tensor) -> None:
        """Copy the keys and values, `start` ids each, of the chosen rows of a pass; `numbers` name their sequences."""
        stop = self.count + len(chosen)
        self._numbers[self.count : stop] = numbers
        for store, layer in zip(self._layers, layers, strict=True):
            torch.index_select(layer, 0, chosen, out=store[self.count : stop, : self.start])
        self.count = stop

    def take(self) -> tuple[StoredKeys, torch.Tensor]:
        """All rows and their numbers; they are overwritten by the next `add`."""
        count, self.count = self.count, 0
        return StoredKeys([layer[:count] for layer in self._layers], self.start), self._numbers[:count].clone()


class EarlyExit:
    """One thread's work on the prefixes of int64 sequences [n, pairs.length], `block` rows a pass over prompts.

    `tokens` lie in the host's memory. `stages` are the numbers of ids that each pass takes after the longest prompt; they add
    up to all ids after it. Off the CPU the host waits for the device at each decision, to learn how many rows are left, and
    nowhere else.
    """

    def __init__(
        self, body: Body, check: NextTokenCheck, tokens: torch.Tensor, pairs: Pairs, stages: tuple[int, ...], block: int
    ) -> None:
        self._body, self._check, self._pairs = body, check, pairs
        self._transfer = BlockTransfer(tokens, body.device, block)
        self._tokens = self._transfer.tokens
        # Keys end one id before what is decided of them: the id before it is the last that is passed.
        stops = [pairs.longest - 1 + stop for stop in accumulate(stages)]
        self._first_stop = stops[0]
        self._pools = [_Pool(body, _BLOCKS_OF_A_POOL * block, start, stop) for start, stop in pairwise(stops)]
        self._state = PrefixState(pairs, len(tokens), body.device)

    def run(self) -> PrefixState:
        """The prefixes of all sequences."""
        numbers = torch.arange(len(self._tokens), device=self._tokens.device)
        for block in self._transfer:
            self._pass_prompts(numbers[block])
        for index, pool in enumerate(self._pools):
            if pool.count:
                self._pass_pool(index)
        return self._state

    def _pass_prompts(self, numbers: torch.Tensor) -> None:
        keys = NewKeys()
        ids = self._tokens[numbers, : self._first_stop]
        states = self._body.states(ids, keys, last=self._first_stop + 1 - self._pairs.first)
        self._move_on(0, keys.layers, self._left(states, numbers, self._pairs.first), numbers)

    def _pass_pool(self, index: int) -> None:
        pool = self._pools[index]
        keys, numbers = pool.take()
        states = self._body.states(self._tokens[numbers, pool.start : pool.stop], keys, start=pool.start)
        self._move_on(index + 1, keys.layers, self._left(states, numbers, pool.start + 1), numbers)

    def _left(self, states: torch.Tensor, numbers: torch.Tensor, start: int) -> torch.Tensor:
        """Decide the ids from `start` on by the states of a pass; return which of its rows are not done."""
        truth = self._tokens[numbers, start : start + states.shape[1]]
        return self._state.take(self._check, states, truth, numbers, start)

    def _move_on(self, index: int, layers: list[torch.Tensor], left: torch.Tensor, numbers: torch.Tensor) -> None:
        if index == len(self._pools):
            return
        pool = self._pools[index]
        while len(left):
            moved, left = left[: pool.room], left[pool.room :]
            pool.add(layers, moved, numbers[moved])
            if not pool.room:
                self._pass_pool(index)
