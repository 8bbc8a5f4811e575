"""The output matrix: which id greedy decoding chooses, and whether that is the true one.

Logits of a whole vocabulary are never held. The matrix is taken 8,192 ids at a time, and the largest logit so far and its id
are kept; the lowest id wins on a tie, so a later tile has to exceed what came before it. On CPU 256 rows are taken at a time,
whose logits stay in cache: a row of Pythia-70m then takes 0.22 ms, of which the products alone are 0.21, against 0.37 when 41
rows are multiplied with the whole matrix, which comes from memory each time.

Most positions are mistakes, and one id with a larger logit than the true one proves a mistake. So in float32 `quick_reject` looks at
the 1,024 ids that are most frequent in the data, and only what it leaves has to be multiplied with the whole matrix. (Of a
model of Pythia-14m's shape, trained on text, that left 0.1 to 0.8 % of the mistakes, by training step, and no more ids were
worth it: 2,048 left up to 0.5 %, 8,192 up to 0.5 %.) A proof has to exceed all rounding: the two logits differ by more than twice the largest error that sums of that
length can have. What is not proved is decided by comparing all logits of one product, so the frequent ids make it faster and
never another answer. In 16 bits a product's rounding is not known so well (torch lets a GPU add up in 16 bits), and all logits
are compared.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from seenat.memorization.engine.kernels.linear import Linear
from seenat.registry.errors import InvalidValue

__all__ = ["Head", "Logits", "Matrix", "NextTokenCheck", "beaten", "check_numbers"]

# The most frequent ids, at which `quick_reject` looks. 2,048 or 8,192 left 0.5 % of the mistakes where 1,024 left 0.8 %.
_FREQUENT = 1024

# Ids that are compared at a time. 8,192 x 256 float32 logits are 8 MiB and stay in cache; the weights of a tile are read
# once for 256 rows, not once for each few.
_TILE = 8192
_LOGIT_BYTES = {"cpu": 8 << 20}
_LOGIT_BYTES_ELSEWHERE = 512 << 20

# torch's argmax goes element by element; the largest of each 128 logits is found by vector instructions.
_LANES = 128

# Half the distance of 1 to the next float32: the largest relative error of one rounding.
_UNIT = 2.0**-24

# By how much a logit has to exceed the true id's to prove a mistake, as a function of: the true ids, that logit, and the
# largest norm of the matrix rows that the logit may come from.
_Doubt = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


class NextTokenCheck(typing.Protocol):
    """Decides whether greedy decoding chooses the true ids [n] after states [n, width]."""

    def quick_reject(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Which rows, bool [n], are proved mistakes by a few ids. Cheap; `decide` decides the rest."""

    def decide(self, states: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Which rows are right, bool [n], and which are undecided, bool [n]; None where every row is decided."""


class Matrix(NextTokenCheck, typing.Protocol):
    """A `NextTokenCheck` that also gives logits, after states [n, width] and for true ids [n]."""

    def own(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The true ids' logits, float32 [n]; minus infinity for the banned id."""

    def largest_other(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The largest logit of all ids but the true one: float32 [n]."""

    def unbeaten(self, states: torch.Tensor, truth: torch.Tensor, own: torch.Tensor, doubt: _Doubt) -> torch.Tensor:
        """The rows [k] where no frequent id's logit exceeds the true one's, `own`, by more than `doubt`."""


@dataclass(frozen=True, kw_only=True)
class _FrequentIds:
    """The frequent ids' rows of the matrix."""

    linear: Linear
    largest_norm: float


class Head:
    """The output matrix of a model whose states are normalized: weight [vocabulary, width], bias [vocabulary].

    `banned` is an id that is never chosen, or None; `tile` is how many ids are compared at a time, None 8,192.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor,
        banned: int | None,
        *,
        packed: bool | None = None,
        tile: int | None = None,
    ) -> None:
        self.vocab_size, width = weight.shape
        self._weight, self._bias, self._banned, self._packed = weight, bias, banned, packed
        device = weight.device.type
        tile = tile or _TILE
        self._tiles = [(start, self._tile(start, start + tile)) for start in range(0, self.vocab_size, tile)]
        logits = weight.element_size() * min(tile, self.vocab_size)
        self._rows = max(1, _LOGIT_BYTES.get(device, _LOGIT_BYTES_ELSEWHERE) // logits)
        # |sum of w_i s_i| is at most |w| |s|, and a normalized state with a 1 for the bias has norm sqrt(width + 1). A sum of
        # m products is off by at most m * unit * the sum of |w_i s_i|. Doubled, to be safe.
        self._norms = torch.hypot(torch.linalg.vector_norm(weight.float(), dim=1), bias.float().abs())
        self._rounding = 2 * _UNIT * (width + 1) * (width + 1) ** 0.5
        self._frequent: _FrequentIds | None = None
        self._ranks = torch.zeros(0, dtype=torch.int64, device=weight.device)

    def set_frequencies(self, counts: npt.NDArray[np.int64]) -> None:
        """Choose the frequent ids by how often each id [vocabulary] occurs in the data; the lowest first among equals."""
        sorted_ = np.argsort(-counts, kind="stable")
        if self._banned is not None:
            sorted_ = np.append(sorted_[sorted_ != self._banned], self._banned)
        order = torch.from_numpy(sorted_).to(self._weight.device)
        self._ranks = torch.empty_like(order)
        self._ranks[order] = torch.arange(len(order), device=order.device)
        if self.vocab_size >= 2 * _FREQUENT:
            ids = order[:_FREQUENT]
            linear = Linear(self._weight[ids], self._bias[ids], packed=self._packed)
            self._frequent = _FrequentIds(linear=linear, largest_norm=float(self._norms[ids].max()))

    def quick_reject(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Which rows a frequent id proves wrong, bool [n]; none of them where weights have 16 bits.

        In 16 bits the rounding of a product is not known well enough for a proof.
        """
        if self._weight.dtype != torch.float32 or self._frequent is None:
            return torch.zeros_like(truth, dtype=torch.bool)
        return beaten(self, states, truth, self._rounding_of)

    def decide(self, states: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Which rows are right, bool [n]: those whose true id has the largest logit of all, the lowest id among equals."""
        results = [self._best(block) for block in torch.split(states, self._rows)]
        best, chosen = (torch.cat(parts) for parts in zip(*results, strict=True))
        check_numbers(best)
        return chosen == truth, None

    def choices(self, states: torch.Tensor) -> torch.Tensor:
        """The id with the largest logit after each normalized state [n, width], the lowest of equals: int64 [n]."""
        return torch.cat([self._best(block)[1] for block in torch.split(states, self._rows)])

    def own(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The true ids' logits, float32 [n], added up in float32 also where weights have 16 bits."""
        logits: torch.Tensor = (states.float() * self._weight[truth].float()).sum(dim=-1) + self._bias[truth].float()
        return logits if self._banned is None else logits.masked_fill(truth == self._banned, -torch.inf)

    def largest_other(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The largest logit of the other ids, float32 [n], by a product in the type of the weights."""
        blocks = zip(torch.split(states, self._rows), torch.split(truth, self._rows), strict=True)
        return torch.cat([self._largest_other(*block) for block in blocks]).float()

    def unbeaten(self, states: torch.Tensor, truth: torch.Tensor, own: torch.Tensor, doubt: _Doubt) -> torch.Tensor:
        """The rows [k] that the frequent ids leave; all of them until `set_frequencies`."""
        frequent = self._frequent
        if frequent is None:
            return torch.arange(len(truth), device=truth.device)
        blocks = zip(*(torch.split(part, self._rows) for part in (states, truth)), strict=True)
        largest = torch.cat([self._largest_of_frequent(frequent, *block) for block in blocks])
        return torch.nonzero(~(largest > own + doubt(truth, largest, frequent.largest_norm)))[:, 0]

    def _largest_of_frequent(self, frequent: _FrequentIds, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The largest logit of the frequent ids but the true one: float32 [n]."""
        others = frequent.linear(states)
        _hide(others, self._ranks[truth])
        return others.amax(dim=-1).float()

    def _rounding_of(self, truth: torch.Tensor, _: torch.Tensor, largest_norm: float) -> torch.Tensor:
        """An upper bound of the rounding of the difference of two logits, float32 [n]."""
        rounding: torch.Tensor = self._rounding * (largest_norm + self._norms[truth])
        return rounding

    def _best(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The largest logits and their ids; NaN counts as larger than every number, so that it is not lost."""
        best, chosen = self._largest(states, *self._tiles[0])
        for tile in self._tiles[1:]:
            value, id_ = self._largest(states, *tile)
            # Strictly larger: on a tie the lower id wins, as in torch's argmax and in `generate`.
            higher = (value > best) | (value.isnan() & ~best.isnan())
            best, chosen = torch.where(higher, value, best), torch.where(higher, id_, chosen)
        return best, chosen

    def _largest(self, states: torch.Tensor, start: int, tile: Linear) -> tuple[torch.Tensor, torch.Tensor]:
        """The largest logit of a tile and the lowest id that has it."""
        groups = self._logits(states, start, tile).view(len(states), -1, _LANES)
        largest = groups.amax(dim=-1)
        group = largest.argmax(dim=-1, keepdim=True)
        columns = groups.gather(1, group[..., None].expand(-1, -1, _LANES))[:, 0]
        within = columns.argmax(dim=-1)
        return largest.gather(1, group)[:, 0], start + group[:, 0] * _LANES + within

    def _largest_other(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        largest = []
        for start, tile in self._tiles:
            logits = self._logits(states, start, tile)
            _hide(logits, truth - start)
            largest.append(logits.amax(dim=-1))
        return torch.stack(largest).amax(dim=0)

    def _logits(self, states: torch.Tensor, start: int, tile: Linear) -> torch.Tensor:
        logits = tile(states)
        if self._banned is not None and 0 <= self._banned - start < logits.shape[1]:
            logits[:, self._banned - start] = -torch.inf
        return logits

    def _tile(self, start: int, stop: int) -> Linear:
        """The ids from `start` to `stop`, padded to whole lanes with logits of minus infinity."""
        weight, bias = self._weight[start:stop], self._bias[start:stop]
        if missing := -len(weight) % _LANES:
            weight = functional.pad(weight, (0, 0, 0, missing))
            bias = functional.pad(bias, (0, missing), value=-torch.inf)
        return Linear(weight, bias, packed=self._packed)


class Logits:
    """Takes the place of a `Head` where a model gives its own logits [n, vocabulary] as states."""

    def __init__(self, banned: int | None) -> None:
        self._banned = banned

    def quick_reject(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """No row: `decide` only has to compare logits that are there already."""
        return torch.zeros_like(truth, dtype=torch.bool)

    def decide(self, states: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Which rows are right, bool [n]; every row is decided."""
        logits = self._allowed(states)
        chosen = logits.argmax(dim=-1)
        check_numbers(logits.gather(1, chosen[:, None]))
        return chosen == truth, None

    def own(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The true ids' logits, float32 [n]; minus infinity for the banned id."""
        return self._allowed(states).gather(1, truth[:, None])[:, 0].float()

    def largest_other(self, states: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """The largest logit of the other ids, float32 [n]."""
        return self._allowed(states).scatter(1, truth[:, None], -torch.inf).amax(dim=-1).float()

    def unbeaten(self, states: torch.Tensor, truth: torch.Tensor, own: torch.Tensor, doubt: _Doubt) -> torch.Tensor:
        """All rows: here no id is looked at before the others."""
        return torch.arange(len(truth), device=truth.device)

    def _allowed(self, states: torch.Tensor) -> torch.Tensor:
        return states if self._banned is None else states.index_fill(1, self._ban(states), -torch.inf)

    def _ban(self, states: torch.Tensor) -> torch.Tensor:
        return torch.tensor([self._banned], device=states.device)


def beaten(head: Matrix, states: torch.Tensor, truth: torch.Tensor, doubt: _Doubt) -> torch.Tensor:
    """Which true ids are beaten: a frequent id's logit exceeds theirs by more than `doubt`. Bool [n]."""
    is_beaten = torch.ones_like(truth, dtype=torch.bool)
    is_beaten[head.unbeaten(states, truth, head.own(states, truth), doubt)] = False
    return is_beaten


def check_numbers(values: torch.Tensor) -> None:
    """Raise `InvalidValue` where states or largest logits are not numbers; finite weights can overflow to that, too."""
    if values.isnan().any():
        raise InvalidValue(
            f"The model makes no numbers of some sequence; its weights are wrong, or too large for "
            f"{str(values.dtype).removeprefix('torch.')}."
        )


def _hide(logits: torch.Tensor, place: torch.Tensor) -> None:
    """Set each row's logit at its place [n] to minus infinity, if the place is one of the columns."""
    # Without `nonzero` or a mask of indices: those make the host wait for a GPU.
    inside = (place >= 0) & (place < logits.shape[1])
    column = place.clamp(0, logits.shape[1] - 1)[:, None]
    kept = logits.gather(1, column)
    logits.scatter_(1, column, kept.masked_fill(inside[:, None], -torch.inf))
