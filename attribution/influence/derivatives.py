"""How fast the loss of every id changes where the parameters move along a direction, for many sequences at once.

The scalar product of a sequence's gradient with a direction v is the derivative of its loss along v. So no sequence's
gradient is ever formed, and the parts of its ids come with it. Two ways:

* `differences`, the central difference (L(p + h u) - L(p - h u)) |v| / 2h with u = v / |v|: two forward passes, the engine's own
  for GPT-NeoX on a processor, and else transformers' with whatever attention the model has.
* `jvp`, forward-mode differentiation by `torch.func.jvp`: exact but for float32's rounding. It needs eager attention, and
  about twice the time and memory of the passes.

h is a part of the parameters' norm. A larger one adds the third derivative's share, which grows with its square, a smaller one
float32's rounding of the losses. Along the gradient of a query, the query itself is what curves most: so of a probe, h is as
large as leaves the difference of the probe's own loss within `_TOLERATED`. docs/benchmarks.md has the error of both ways against
gradients of single sequences.
"""

from __future__ import annotations

import math
import warnings
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.attribution.influence.gradients import Direction, id_losses, norm, parameters_of
from seenat.attribution.influence.moved import MovedModel, MovedNeox, has_own_pass
from seenat.memorization.engine.kernels.devices import RowsPerPass

__all__ = ["WAYS", "Derivatives"]

WAYS = ("differences", "jvp")

# h as a part of the norm of all parameters: without a probe; and the largest and the least that one leads to.
_STEP = 3.5e-5
_WIDEST, _NARROWEST = 3e-4, 1e-5
# How far the third derivative may take the probe's difference away, relative to it.
_TOLERATED = 5e-5
# Beyond this the fifth derivative plays a part too, and the third must be told from smaller steps.
_TOLD_FROM = 1e-2

# Most bytes of logits held at a time, by type of device. On a processor some 1,000 positions of a small vocabulary, which stay
# in its caches: 64 MiB are a fifth slower.
_LOGIT_BYTES = {"cpu": 4 << 20}
_LOGIT_BYTES_ELSEWHERE = 1 << 30

_Floats = npt.NDArray[np.float64]
_Ids = npt.NDArray[np.int64]


class Derivatives:
    """The derivatives of one model's losses along one direction, which has the names and shapes of its parameters.

    `probe`, int64 ids [1, T], are those along whose gradient the direction points. `own_pass` says whether differences use the
    engine's own pass (`moved`); None does where there is one. Memory beside the model: a moved copy of its parameters (and a
    packed one for that pass), the direction, and a pass over a block of rows.
    """

    def __init__(
        self,
        model: Any,
        direction: Direction,
        way: str = "differences",
        probe: _Ids | None = None,
        own_pass: bool | None = None,
    ) -> None:
        self._model = model
        self._direction = direction
        self._length = norm(direction)
        self._along = {"differences": self._differences, "jvp": self._jvp}[way]
        self._base = parameters_of(model)
        self._norm = norm(self._base)
        self._probe = probe
        self._own_pass = has_own_pass(model) if own_pass is None else own_pass

    def of(self, ids: _Ids) -> _Floats:
        """The derivative of every id's loss: float64 [n, T - 1] of int64 ids [n, T]."""
        if not len(ids) or self._length == 0:
            return np.zeros((len(ids), ids.shape[1] - 1))
        rows = RowsPerPass(self._most_rows(ids.shape[1]), self._model.device)
        made: _Floats = rows.fit(lambda count: self._along(torch.from_numpy(ids), count)).numpy()
        return made

    def _most_rows(self, length: int) -> int:
        most = _LOGIT_BYTES.get(self._model.device.type, _LOGIT_BYTES_ELSEWHERE)
        return max(1, most // (4 * length * len(self._model.get_input_embeddings().weight)))

    @torch.no_grad()
    def _differences(self, ids: torch.Tensor, rows: int) -> torch.Tensor:
        if self._own_pass:  # It cuts its logits into tiles, so that they do not bound the rows.
            rows = len(ids)
        return self._difference(self._step, ids, rows)

    def _difference(self, step: float, ids: torch.Tensor, rows: int) -> torch.Tensor:
        """The central difference, of a step that is a part of the parameters' norm."""
        step *= self._norm
        ahead, behind = (self._moved.at(sign * step / self._length, ids, rows) for sign in (1, -1))
        return (ahead - behind) * (self._length / (2 * step))

    @cached_property
    def _step(self) -> float:
        """The step; with a probe the widest whose difference is near enough."""
        if self._probe is None:
            return _STEP
        ids, step = torch.from_numpy(self._probe), _WIDEST
        while (off := self._share_of_the_third(step, ids)) > _TOLD_FROM and step > 2 * _NARROWEST:
            step /= 4
        return min(_WIDEST, max(_NARROWEST, step * math.sqrt(_TOLERATED / max(off, 1e-9))))

    def _share_of_the_third(self, step: float, ids: torch.Tensor) -> float:
        """By how much of itself a difference of the ids' loss is off: four times as much as that of half the step is."""
        wide, half = (float(self._difference(part, ids, len(ids)).sum()) for part in (step, step / 2))
        exact = (4 * half - wide) / 3
        return abs(wide / exact - 1) if exact else 0.0

    @cached_property
    def _moved(self) -> MovedModel | MovedNeox:
        return (MovedNeox if self._own_pass else MovedModel)(self._model, self._base, self._direction)

    @torch.no_grad()
    def _jvp(self, ids: torch.Tensor, rows: int) -> torch.Tensor:
        from torch.func import jvp

        def along(block: torch.Tensor) -> torch.Tensor:
            moved = jvp(lambda parts: id_losses(self._model, parts, block), (self._base,), (self._direction,))
            return torch.as_tensor(moved[1])

        with warnings.catch_warnings():
            # Of a compiler that torch's own rules of forward mode are written with.
            warnings.simplefilter("ignore", DeprecationWarning)
            blocks = (block.to(self._model.device) for block in torch.split(ids, rows))
            return torch.cat([along(block).double().cpu() for block in blocks])
