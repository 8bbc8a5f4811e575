"""Losses of ids and their gradients, in float32, of one model on its device.

The loss of an id is its surprisal in nats, -log p(id | the ids before it). Of [n, T] ids there are [n, T - 1] losses: the
first id of a row has none. Gradients are dictionaries from the name of a parameter to a tensor of its shape; tied
parameters stand there once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.func import functional_call

__all__ = ["Direction", "LossOf", "gradient", "id_losses", "norm", "parameters_of", "preconditioned", "second_moment"]

Direction = dict[str, torch.Tensor]
LossOf = Callable[[torch.Tensor], torch.Tensor]

# Of the root of a tensor's mean second moment, added to every root: parameters that a batch hardly touches, such as the
# embeddings of ids that do not occur in it, would else be divided by nearly 0.
_DAMPING = 0.1


def parameters_of(model: Any) -> Direction:
    """The model's parameters by name, each once, without their history."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def id_losses(model: Any, parameters: Mapping[str, torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """The losses of int64 ids [n, T] under these parameters of the model: float32 [n, T - 1]."""
    logits = functional_call(model, dict(parameters), (ids[:, :-1],), {"use_cache": False}).logits
    surprisals = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none")
    return surprisals.view(len(ids), -1)


def gradient(model: Any, ids: torch.Tensor, loss_of: LossOf = torch.mean) -> Direction:
    """The gradient of what `loss_of` makes of the losses of ids [n, T], by default their mean."""
    parameters = {name: parameter.requires_grad_() for name, parameter in parameters_of(model).items()}
    with torch.enable_grad():
        loss = loss_of(id_losses(model, parameters, ids))
        parts = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(parameters, parts, strict=True))


def second_moment(model: Any, ids: torch.Tensor, groups: int) -> Direction:
    """The mean, over `groups` parts of a batch, of the square of the gradient of a part's mean loss."""
    moment = {name: torch.zeros_like(parameter) for name, parameter in parameters_of(model).items()}
    parts = torch.tensor_split(ids, min(groups, len(ids)))
    for part in parts:
        for name, slope in gradient(model, part).items():
            moment[name].addcmul_(slope, slope, value=1 / len(parts))
    return moment


def preconditioned(slopes: Direction, moment: Direction) -> Direction:
    """Each slope over the root of its second moment, damped: g / (sqrt(m) + 0.1 sqrt(mean of m over the tensor))."""
    return {name: _scaled(slope, moment[name]) for name, slope in slopes.items()}


def _scaled(slope: torch.Tensor, moment: torch.Tensor) -> torch.Tensor:
    damping = _DAMPING * moment.mean().sqrt()
    # A tensor whose moment is 0 throughout plays no part in the batch; dividing by it would give numbers without end.
    return slope / (moment.sqrt() + damping) if damping > 0 else torch.zeros_like(slope)


def norm(direction: Mapping[str, torch.Tensor]) -> float:
    """The Euclidean norm over all parameters, summed in float64."""
    return float(sum(float(part.double().square().sum()) for part in direction.values()) ** 0.5)
