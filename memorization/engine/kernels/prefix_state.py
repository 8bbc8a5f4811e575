"""Several protocols that differ in prompt and continuation alone, answered from the same passes.

All of them ask one question: which true ids does greedy decoding choose after the true ids before them? The prefix of
a pair (prompt, continuation) is how many of the ids from `prompt` on it does, up to the first mistake or the continuation's
end. So after a mistake at id p only pairs whose prompt reaches beyond p are still open, and one number holds all
that later passes need of a sequence: `since`, the id after its last mistake. An id has to be decided when a pair that takes it has a prompt
of at least `since` ids, and a sequence is done when no id to come is like that. One pair is the ordinary case.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seenat.memorization.engine.kernels.output_head import NextTokenCheck

__all__ = ["Pairs", "PrefixState"]


class Pairs:
    """Which ids of a sequence some (prompt, continuation) pairs take, each of at least one id."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.pairs = tuple(pairs)
        self.first = min(prompt for prompt, _ in self.pairs)
        """The first id that is decided."""
        self.longest = max(prompt for prompt, _ in self.pairs)
        """The longest prompt: ids that every sequence has to be passed."""
        self.length = max(map(sum, self.pairs))
        latest = torch.full((self.length + 1,), -1)
        for prompt, continuation in sorted(self.pairs):
            latest[prompt : prompt + continuation] = prompt
        self.latest = latest
        """The longest prompt of the pairs that take an id, int64 [length + 1]; -1 where none does."""
        self.ahead = latest.flip(0).cummax(0).values.flip(0)
        """The same of the pairs that take the id or a later one."""


class PrefixState:
    """The prefixes of n sequences so far; passes over ids [start, start + width) come in ascending order."""

    def __init__(self, pairs: Pairs, count: int, device: torch.device) -> None:
        self._pairs = pairs
        self._latest, self._ahead = pairs.latest.to(device), pairs.ahead.to(device)
        continuations = torch.tensor([continuation for _, continuation in pairs.pairs], dtype=torch.uint8).to(device)
        self.prefixes = continuations[:, None].repeat(1, count)
        """uint8 [pairs, n], for sequences that are done."""
        self.unsure = torch.zeros(count, dtype=torch.bool, device=device)
        """Sequences, bool [n], with an undecided id that mattered; their prefixes may be too short."""
        self._since = torch.zeros(count, dtype=torch.int64, device=device)

    def take(
        self, check: NextTokenCheck, states: torch.Tensor, truth: torch.Tensor, numbers: torch.Tensor, start: int
    ) -> torch.Tensor:
        """Decide the ids `truth` [k, width] of sequences `numbers` [k] from `start` on, after states [k, width, ...].

        All open ids are checked together, in one large product: first against a few ids of the vocabulary, then those that are
        still open against all of it. Returns which of the sequences are not done, by index.
        """
        wrong, doubt = torch.zeros_like(truth, dtype=torch.bool), torch.zeros_like(truth, dtype=torch.bool)
        open_ = torch.nonzero(self._open(numbers, start, wrong), as_tuple=True)
        if len(open_[0]):
            wrong[open_] = check.quick_reject(states[open_], truth[open_])
            open_ = torch.nonzero(self._open(numbers, start, wrong) & ~wrong, as_tuple=True)
        if len(open_[0]):
            right, unsure = check.decide(states[open_], truth[open_])
            wrong[open_] = ~right
            if unsure is not None:
                doubt[open_] = unsure
                self.unsure[numbers] |= (doubt & self._open(numbers, start, wrong & ~doubt)).any(dim=1)
        self._end(numbers, start, wrong)
        return torch.nonzero(self._since[numbers] <= self._ahead[start + truth.shape[1]])[:, 0]

    def _open(self, numbers: torch.Tensor, start: int, wrong: torch.Tensor) -> torch.Tensor:
        """Which ids have to be decided, if `wrong` [k, width] are the only mistakes: bool [k, width]."""
        since = torch.cat([self._since[numbers, None], _after(wrong, start)[:, :-1]], dim=1).cummax(dim=1).values
        needed: torch.Tensor = since <= self._latest[start : start + wrong.shape[1]]
        return needed

    def _end(self, numbers: torch.Tensor, start: int, wrong: torch.Tensor) -> None:
        """Record the prefixes that end with a mistake."""
        since, stop = self._since[numbers], start + wrong.shape[1]
        for index, (prompt, continuation) in enumerate(self._pairs.pairs):
            low, high = max(prompt, start), min(prompt + continuation, stop)
            if low < high:
                mistakes = wrong[:, low - start : high - start] & (since <= prompt)[:, None]
                ended = torch.nonzero(mistakes.any(dim=1))[:, 0]
                # argmax of bytes gives the first of equal ones; torch has no argmax of bool.
                at = mistakes[ended].byte().argmax(dim=1) + (low - prompt)
                self.prefixes[index, numbers[ended]] = at.to(torch.uint8)
        self._since[numbers] = torch.maximum(since, _after(wrong, start).amax(dim=1))


def _after(wrong: torch.Tensor, start: int) -> torch.Tensor:
    """The id after each mistake, 0 where there is none: int64 [k, width]."""
    ids = torch.arange(start + 1, start + 1 + wrong.shape[1], device=wrong.device)
    return wrong * ids
