"""How fast the loss of every id changes where the parameters move along a direction, for many sequences at once.

The scalar product of a sequence's gradient with a direction v is the derivative of its loss along v. So no sequence's
gradient is ever formed, and the parts of its ids come with it. Two ways:

* `differences`, the central difference (L(p + h u) - L(p - h u)) |v| / 2h with u = v / |v|: two forward passes, with whatever
  attention the model has.
* `jvp`, forward-mode differentiation by `torch.func.jvp`: exact but for float32's rounding. It needs eager attention, and
  about twice the time and memory of the passes.

h is a fixed part of the parameters' norm. A larger one adds the third derivative's share, a smaller one float32's rounding of
the losses; docs/benchmarks.md has the error of both ways against gradients of single sequences.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seenat.attribution.influence.gradients import Direction, id_losses, norm, parameters_of
from seenat.memorization.engine.kernels.devices import RowsPerPass

__all__ = ["WAYS", "Derivatives"]

WAYS = ("differences", "jvp")

# h as a part of the norm of all parameters: on trained pocket models 2e-5 doubles the rounding, 2e-4 the third derivative's share.
_STEP = 5e-5

# Most bytes of logits held at a time, by type of device. On a processor some 1,000 positions of a small vocabulary, which stay
# in its caches: 64 MiB are a fifth slower.
_LOGIT_BYTES = {"cpu": 4 << 20}
_LOGIT_BYTES_ELSEWHERE = 1 << 30

_Floats = npt.NDArray[np.float64]
_Ids = npt.NDArray[np.int64]


class Derivatives:
    """The derivatives of one model's losses along one direction, which has the names and shapes of its parameters.

    Memory beside the model: one copy of its parameters, the direction, and a pass over a block of rows.
    """

    def __init__(self, model: Any, direction: Direction, way: str = "differences", step: float = _STEP) -> None:
        self._model = model
        self._direction = direction
        self._length = norm(direction)
        self._along = {"differences": self._differences, "jvp": self._jvp}[way]
        self._base = parameters_of(model)
        self._step = step * norm(self._base)
        self._vocabulary = len(model.get_input_embeddings().weight)

    def of(self, ids: _Ids) -> _Floats:
        """The derivative of every id's loss: float64 [n, T - 1] of int64 ids [n, T]."""
        if not len(ids) or self._length == 0:
            return np.zeros((len(ids), ids.shape[1] - 1))
        device = self._model.device
        most = _LOGIT_BYTES.get(device.type, _LOGIT_BYTES_ELSEWHERE)
        rows = RowsPerPass(max(1, most // (4 * ids.shape[1] * self._vocabulary)), device)
        made: _Floats = rows.fit(lambda count: self._along(torch.from_numpy(ids), count)).numpy()
        return made

    @torch.no_grad()
    def _differences(self, ids: torch.Tensor, rows: int) -> torch.Tensor:
        ahead = self._losses(self._moved(self._step), ids, rows)
        behind = self._losses(self._moved(-self._step), ids, rows)
        return (ahead - behind) * (self._length / (2 * self._step))

    def _moved(self, distance: float) -> Direction:
        scale = distance / self._length
        return {name: torch.add(part, self._direction[name], alpha=scale) for name, part in self._base.items()}

    def _losses(self, parameters: Direction, ids: torch.Tensor, rows: int) -> torch.Tensor:
        return self._by_block(ids, rows, lambda block: id_losses(self._model, parameters, block))

    @torch.no_grad()
    def _jvp(self, ids: torch.Tensor, rows: int) -> torch.Tensor:
        from torch.func import jvp

        def along(block: torch.Tensor) -> torch.Tensor:
            moved = jvp(lambda parts: id_losses(self._model, parts, block), (self._base,), (self._direction,))
            return torch.as_tensor(moved[1])

        with warnings.catch_warnings():
            # Of a compiler that torch's own rules of forward mode are written with.
            warnings.simplefilter("ignore", DeprecationWarning)
            return self._by_block(ids, rows, along)

    def _by_block(self, ids: torch.Tensor, rows: int, work: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        blocks: Iterator[torch.Tensor] = iter(torch.split(ids, rows))
        return torch.cat([work(block.to(self._model.device)).double().cpu() for block in blocks])
