"""The learning rate of any update, by the formula with which GPT-NeoX trained Pythia, or by the usual one.

With peak rate p, floor m, w warm-up updates and d decay updates, the update that turns step i into step i + 1 has the rate

    i <= w    p * i / w
    i >  w    max(m, p / 2 * (cos(pi * (min(i, d - w) - w) / d) + 1))

(`megatron/learning_rates.py` of GPT-NeoX at commit d36f623). So update 0 has rate 0 and changes no weight: the checkpoints
at steps 0 and 1 are equal. In Pythia (w = 1,430, d = 143,000, m = p / 10) the floor is reached at update 115,139, not at
the end.

A run that states no decay updates is taken to fall from p to m over the rest of its N updates, as the pocket suite does:

    i <  w    p * (i + 1) / w
    i >= w    m + (p - m) / 2 * (cos(pi * (i - w) / (N - w)) + 1)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seenat.registry.errors import InvalidValue

__all__ = ["learning_rate"]

_NEEDED = ("learning_rate", "min_learning_rate", "warmup_steps", "decay_steps")


def learning_rate(hyperparameters: Mapping[str, Any], step: int, steps: int | None = None) -> float:
    """The rate of the update that turns `step` into `step + 1`.

    `steps` is N, the length of the run; without it, `decay_steps` must be stated. Raises `InvalidValue` when the
    hyper-parameters do not say how the rate was decayed.
    """
    needed = _NEEDED if steps is None else _NEEDED[:-1]
    missing = [name for name in needed if hyperparameters.get(name) is None]
    if missing or hyperparameters.get("learning_rate_decay") != "cosine":
        raise InvalidValue(
            f"The learning rate at step {step} cannot be computed: {', '.join(missing) or 'its decay'} is unknown."
        )
    peak, floor, warmup = (hyperparameters[name] for name in _NEEDED[:-1])
    decay = hyperparameters.get("decay_steps")
    if decay is None:
        return _over_the_run(peak, floor, warmup, step, int(steps or 0))
    if step <= warmup:
        return float(peak * step / warmup) if warmup else float(peak)
    angle = math.pi * (min(step, decay - warmup) - warmup) / decay
    return float(max(floor, peak / 2 * (math.cos(angle) + 1)))


def _over_the_run(peak: float, floor: float, warmup: int, step: int, steps: int) -> float:
    if step < warmup:
        return float(peak * (step + 1) / warmup)
    angle = math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))
    return float(floor + (peak - floor) / 2 * (math.cos(angle) + 1))
