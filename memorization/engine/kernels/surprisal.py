"""Surprisals: -ln p of true ids, and how many ids have a larger logit, without holding the logits of a block.

The logits of 64 sequences would be 800 MB (63 positions each, 50,304 ids). So the output matrix is cut into tiles of 1,024 ids,
and what a tile gives of 1,024 positions is used up before the next is multiplied: a position keeps the sum of its
exponentials so far, and the count of logits above the true one.

* All is in base 2: matrix and bias are multiplied by log2(e) once. Of 50,304 logits torch takes the powers of 2 in 7 us, those
  of e in 30 (one thread, AMD EPYC with AVX-512, torch 2.13).
* Powers are taken as they are, without the largest logit subtracted first. Where their sum leaves what a float32 holds, the
  position is multiplied again and its largest logit subtracted.
* The true id's logit is a product of its own, so logits that differ by rounding alone may count either way. Equal ones count by
  their ids, the lower as the larger, as greedy decoding chooses.

Sums of a tile are float32 over vectors, sums of tiles one after the other: 50 additions for 50,304 ids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch

from seenat.memorization.engine.kernels.linear import Linear

__all__ = ["SurprisalHead", "surprisals_of_logits"]

# Ids of a tile: with 1,024 positions 4 MiB of logits. Tiles of half to four times as many cost up to 5 % more.
_TILE = 1024
_ROWS = 1024

# Sums of powers below this are computed again. Above it, what underflows is at most 2**-126 for each of 50,304 ids: less than
# 2**-50 of the sum, and a float32 holds 24 bits.
_LEAST_SUM = 2.0**-60
_LN_2 = math.log(2)


@dataclass(frozen=True, kw_only=True)
class _Tile:
    """Logits in base 2 of the ids from `start` to `stop`."""

    start: int
    stop: int
    logits: Linear


@dataclass(frozen=True, kw_only=True)
class _Truth:
    """True ids [n], ascending, and their logits in base 2."""

    ids: torch.Tensor
    own: torch.Tensor
    before: torch.Tensor
    """The float before each logit: x >= y is x > the float before y."""

    def above(self, tile: _Tile, logits: torch.Tensor, inside: slice) -> torch.Tensor:
        """How many ids of a tile rank before each true id; `inside` are the true ids in the tile. Overwrites the logits."""
        # Comparisons give floats throughout: torch makes and adds booleans 5 times slower.
        columns = self.ids[inside, None] - tile.start
        logits[inside].scatter_(1, columns, -torch.inf)
        ties = logits[inside].clone().eq_(self.own[inside, None])
        if ties.sum():
            ties[torch.arange(tile.stop - tile.start) > columns] = 0
        # Where the true id lies beyond the tile, all ids of the tile are lower.
        bars = torch.cat([self.own[: inside.stop], self.before[inside.stop :]])
        count = logits.gt_(bars[:, None]).sum(dim=-1)
        count[inside] += ties.sum(dim=-1)
        return count


class SurprisalHead:
    """The output matrix of a model whose states are normalized: weight [vocabulary, width], bias [vocabulary], float32."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, *, packed: bool | None = None) -> None:
        self._weight = (weight.double() / _LN_2).float()
        self._bias = (bias.double() / _LN_2).float()
        pieces = zip(torch.split(self._weight, _TILE), torch.split(self._bias, _TILE), strict=True)
        self._tiles = [
            _Tile(start=place * _TILE, stop=place * _TILE + len(rows), logits=Linear(rows, shift, packed=packed))
            for place, (rows, shift) in enumerate(pieces)
        ]
        self._starts = torch.tensor([tile.start for tile in self._tiles])

    def surprisals(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """-ln p of the true ids [n] after normalized states [n, width], in nats: float32 [n]."""
        return self._in_pieces(states, truth, ranked=False)[0]

    def surprisals_and_ranks(self, states: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Surprisals, and how many ids rank before each true one: float32 [n], whole numbers."""
        return self._in_pieces(states, truth, ranked=True)

    def _in_pieces(
        self, states: torch.Tensor, truth: torch.Tensor, *, ranked: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        order = truth.argsort()
        surprisals, ranks = torch.empty(len(truth)), torch.zeros(len(truth))
        # Ascending true ids: those in a tile are then one slice of the rows.
        for rows in torch.split(order, _ROWS):
            surprisals[rows], ranks[rows] = self._piece(states[rows], truth[rows], ranked)
        return surprisals, ranks

    def _piece(self, states: torch.Tensor, ids: torch.Tensor, ranked: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Surprisals and ranks of ascending ids [n]; ranks are 0 unless `ranked`."""
        own = (states * self._weight[ids]).sum(dim=-1) + self._bias[ids]
        truth = _Truth(ids=ids, own=own, before=own.nextafter(torch.tensor(-torch.inf)))
        sums, above = torch.zeros(len(ids)), torch.zeros(len(ids))
        bounds = torch.searchsorted(ids, self._starts).tolist()
        for tile, bound in zip(self._tiles, pairwise([*bounds, len(ids)]), strict=True):
            logits = tile.logits(states)
            if ranked:
                sums += torch.exp2(logits).sum(dim=-1)
                above += truth.above(tile, logits, slice(*bound))
            else:
                sums += logits.exp2_().sum(dim=-1)
        log_sums = torch.log2(sums)
        unsafe = torch.nonzero(~(sums.isfinite() & (sums > _LEAST_SUM)))[:, 0]
        if len(unsafe):
            log_sums[unsafe] = self._log_sums(states[unsafe])
        return (_LN_2 * (log_sums - own)).clamp_(min=0), above

    def _log_sums(self, states: torch.Tensor) -> torch.Tensor:
        """log2 of the sum of the powers of 2 of all logits, whatever their size: [n]."""
        largest = torch.stack([tile.logits(states).amax(dim=-1) for tile in self._tiles]).amax(dim=0)
        parts = [torch.exp2(tile.logits(states) - largest[:, None]).sum(dim=-1) for tile in self._tiles]
        return largest + torch.log2(torch.stack(parts).sum(dim=0))


def surprisals_of_logits(logits: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Surprisals and ranks, float32 [n], of true ids [n] by logits [n, vocabulary], on whatever device they are."""
    logits = logits.float()
    own = logits.gather(1, truth[:, None])
    lower = torch.arange(logits.shape[1], device=logits.device) < truth[:, None]
    above = (logits > own).sum(dim=-1) + ((logits == own) & lower).sum(dim=-1)
    return (torch.logsumexp(logits, dim=-1) - own[:, 0]).clamp_(min=0), above.float()
