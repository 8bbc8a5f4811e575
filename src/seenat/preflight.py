"""Before a job exists: what is asked for, what it will cost, what is missing for it, and whether another way is faster.

MeasureOptions   options that say what is measured
WayOptions       options that say how
EstimateOptions  the options of `Catalog.estimate`
Chosen           checkpoints, sequences and protocols that are asked for of a model
choose           Chosen, by the words of a request
estimates        what measuring several models costs
check_ready      raises what would keep a job from running here
slow_ways        why parts of a request do not pay
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, TypedDict

from seenat.registry.answer import Answers
from seenat.registry.errors import InvalidValue
from seenat.registry.units import SequenceRange, parse_count

if TYPE_CHECKING:
    from seenat.memorization.estimate.answers import Estimate
    from seenat.memorization.estimate.work import AdaptiveRequest
    from seenat.memorization.protocol.protocol import Protocol
    from seenat.memorization.protocol.selection import Selection
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.catalog.models import Checkpoint, Model

__all__ = [
    "Chosen",
    "EstimateOptions",
    "MeasureOptions",
    "WayOptions",
    "adaptive_request",
    "check_ready",
    "chosen_selection",
    "chosen_steps",
    "estimate_chosen",
    "estimates",
    "protocols_of",
    "slow_adaptive",
    "slow_type",
]


class MeasureOptions(TypedDict, total=False):
    """Which checkpoints measure what of which sequences: the options that `Catalog.memorize`, `submit` and `estimate` share."""

    steps: str | int | Iterable[int | str]
    sequences: SequenceRange | str | None
    sample: int | None
    seed: int
    unseen: bool
    measure: str
    prompt: int | Iterable[int]
    continuation: int | Iterable[int]
    offset: int
    eos: str | None
    dtype: str
    allow_suspect: bool


class WayOptions(TypedDict, total=False):
    """How it is measured: the options that `Catalog.memorize` and `estimate` share, and `submit` lacks."""

    adaptive: bool
    coarse: int | str | Iterable[int | str] | None
    audit: int | None
    device: str | None
    keep_checkpoints: int | None


class EstimateOptions(MeasureOptions, WayOptions, total=False):
    """The options of `Catalog.estimate`, which describes each."""

    gpus: Iterable[str]
    workers: int | Iterable[int]
    share_of_peak: float
    hub_bytes: float
    price_per_hour: float | None
    calibrate: bool
    check: bool


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is asked for of one model."""

    selection: Selection
    protocols: tuple[Protocol, ...]
    left_out: tuple[Checkpoint, ...] = ()
    adaptive: AdaptiveRequest | None = None
    keep_checkpoints: int | None = None
    device: str | None = None
    allow_suspect: bool = False


# -- the words of a request


def chosen_steps(
    model: Model, steps: str | int | Iterable[int | str], *, allow_suspect: bool
) -> tuple[tuple[int, ...], tuple[Checkpoint, ...]]:
    """The steps that are named, ascending; `all` are those whose checkpoints can be trusted, and behind them the others."""
    from seenat.memorization.jobs.plan_checks import runnable_steps

    if not isinstance(steps, str) or steps.strip().lower() != "all":
        return _named_steps(model, steps), ()
    return runnable_steps(model, allow_suspect=allow_suspect)


def chosen_selection(
    model: Model,
    steps: tuple[int, ...],
    sequences: SequenceRange | str | None,
    sample: int | None,
    seed: int,
    unseen: bool,
) -> Selection:
    """Which sequences are measured at these steps."""
    from seenat.memorization.protocol.selection import Selection

    whole = model.order.sequences
    chosen = SequenceRange.parse(sequences, whole.stop) if isinstance(sequences, str) else sequences
    return Selection(steps=steps, sequences=chosen or whole, sample=sample, seed=seed, unseen=unseen)


def protocols_of(
    model: Model,
    measure: str,
    eos: str | None,
    prompt: int | Iterable[int],
    continuation: int | Iterable[int],
    offset: int,
    dtype: str,
) -> tuple[Protocol, ...]:
    """One for every prompt length with every continuation length."""
    from seenat.memorization.protocol.protocol import Protocol

    return tuple(
        Protocol.default_for(
            model.order.eos_id, measure, eos, prompt=first, continuation=then, offset=offset, dtype=dtype
        )
        for first, then in product(_numbers(prompt), _numbers(continuation))
    )


def adaptive_request(
    model: Model, coarse: int | str | Iterable[int | str] | None, audit: int | None
) -> AdaptiveRequest:
    """How an adaptive job is asked for."""
    from seenat.memorization.estimate.work import AdaptiveRequest

    return AdaptiveRequest(coarse=_coarse(model, coarse), audit=audit)


def _coarse(model: Model, coarse: int | str | Iterable[int | str] | None) -> int | tuple[int, ...] | None:
    """A number of checkpoints, or their steps: as text these have a comma or a colon between them."""
    if coarse is None or isinstance(coarse, int):
        return coarse
    if isinstance(coarse, str) and not {",", ":"} & set(coarse):
        return parse_count(coarse, "number of checkpoints")
    return _named_steps(model, coarse)


def _named_steps(model: Model, steps: str | int | Iterable[int | str]) -> tuple[int, ...]:
    """Saved steps as they are typed, `1,2,64:128,last`, or one by one; ascending."""
    if isinstance(steps, str):
        steps = model.schedule.parse_saved(steps)
    named = (steps,) if isinstance(steps, int) else steps
    return tuple(sorted({model.checkpoint(step).step for step in named}))


# -- what it costs


def estimates(catalog: RegistryCatalog, models: Iterable[Model], options: EstimateOptions) -> Answers[Estimate]:
    """What measuring each of some models costs; raises as `Catalog.estimate` does."""
    return Answers(estimate_chosen(catalog, model, _chosen(model, options), options) for model in models)


def estimate_chosen(
    catalog: RegistryCatalog, model: Model, chosen: Chosen, options: EstimateOptions | None = None
) -> Estimate:
    """What measuring costs that was chosen; of the options only those about GPUs count."""
    from seenat.memorization.estimate.estimate import HUB_BYTES, SHARE_OF_PEAK, Asked, estimate
    from seenat.memorization.estimate.gpus import gpu_named
    from seenat.memorization.estimate.projection import Circumstances

    given: EstimateOptions = options or {}
    asked = Asked(
        selection=chosen.selection,
        protocols=chosen.protocols,
        left_out=len(chosen.left_out),
        adaptive=chosen.adaptive,
        keep_checkpoints=chosen.keep_checkpoints,
        gpus=tuple(map(gpu_named, given.get("gpus") or ("H200", "A100"))),
        workers=_numbers(given.get("workers", 1)),
        around=Circumstances(
            share_of_peak=given.get("share_of_peak", SHARE_OF_PEAK),
            hub_bytes=given.get("hub_bytes", HUB_BYTES),
            price_per_hour=given.get("price_per_hour"),
        ),
        calibrate=given.get("calibrate", False),
        check=given.get("check", False),
        device=chosen.device,
    )
    return estimate(catalog, model, asked)


def check_ready(catalog: RegistryCatalog, model: Model, chosen: Chosen, estimated: Estimate) -> None:
    """Raise what would keep a job from running on this machine: `MissingExtra`, `NoRoom`, `HubUnavailable`."""
    from seenat.memorization.estimate.missing import check_here, check_hub

    check_here(catalog, model, estimated.bytes, chosen.keep_checkpoints)
    check_hub(model, chosen.selection.steps)


def slow_adaptive(model: Model, chosen: Chosen) -> str | None:
    """Why the exact job is better than the adaptive one that is asked for; None where it is not."""
    from seenat.memorization.estimate.faster import adaptive_does_not_pay

    return None if chosen.adaptive is None else adaptive_does_not_pay(model, chosen.selection, chosen.adaptive)


def slow_type(chosen: Chosen) -> str | None:
    """Why float32 is faster than the type that is asked for; None where it is not."""
    from seenat.memorization.estimate.faster import rechecking_does_not_pay

    return rechecking_does_not_pay(chosen.protocols, chosen.device)


def _chosen(model: Model, given: EstimateOptions) -> Chosen:
    allow_suspect = given.get("allow_suspect", False)
    steps, left_out = chosen_steps(model, given.get("steps", "all"), allow_suspect=allow_suspect)
    if not given.get("adaptive") and (given.get("coarse"), given.get("audit")) != (None, None):
        raise InvalidValue("coarse and audit need an adaptive job; ask for one with adaptive=True.")
    adaptive = adaptive_request(model, given.get("coarse"), given.get("audit")) if given.get("adaptive") else None
    chosen = Chosen(
        selection=chosen_selection(
            model,
            steps,
            given.get("sequences"),
            given.get("sample"),
            given.get("seed", 0),
            given.get("unseen", False),
        ),
        protocols=protocols_of(
            model,
            given.get("measure", "prefix"),
            given.get("eos"),
            given.get("prompt", 32),
            given.get("continuation", 32),
            given.get("offset", 0),
            given.get("dtype", "float32"),
        ),
        left_out=left_out,
        adaptive=adaptive,
        keep_checkpoints=given.get("keep_checkpoints"),
        device=given.get("device"),
        allow_suspect=allow_suspect,
    )
    _check(model, chosen)
    return chosen


def _check(model: Model, chosen: Chosen) -> None:
    from seenat.memorization.jobs.plan_checks import check_plan

    for protocol in chosen.protocols:
        check_plan(model, protocol, chosen.selection, allow_suspect=chosen.allow_suspect)


def _numbers(numbers: int | Iterable[int]) -> tuple[int, ...]:
    return (numbers,) if isinstance(numbers, int) else tuple(sorted(set(numbers)))
