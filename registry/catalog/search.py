"""Finding checkpoints over all models: by the tokens they had seen, their size, their status."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.units import HalfOpenRange

__all__ = ["CheckpointFilter", "TokenRange", "find_checkpoints"]


class TokenRange(HalfOpenRange):
    """A half-open range of numbers of tokens."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class CheckpointFilter:
    """What wanted checkpoints have in common; None and empty set no condition."""

    models: tuple[str, ...] = ()
    """Names or aliases."""
    family: str | None = None
    size: str | None = None
    order: str | None = None
    below: int | None = None
    """Fewer non-embedding parameters than this."""
    tokens: TokenRange | None = None
    """How many tokens they had seen."""
    statuses: Collection[str] = ()
    """Of one of these statuses."""
    not_statuses: Collection[str] = ()
    """Of none of these."""


def find_checkpoints(catalog: Catalog, wanted: CheckpointFilter) -> Iterator[tuple[Model, Checkpoint]]:
    """The checkpoints that fit, model by model, ascending by step.

    Raises `UnknownModel` or `UnknownOrder` for a name that does not exist. A model whose order or size is unknown
    fits no condition on it.
    """
    for model in _models(catalog, wanted):
        if wanted.below is None or (model.parameters and model.parameters.non_embedding < wanted.below):
            for checkpoint in model.checkpoints:
                if _fits(model, checkpoint, wanted):
                    yield model, checkpoint


def _models(catalog: Catalog, wanted: CheckpointFilter) -> tuple[Model, ...]:
    candidates = catalog.models(size=wanted.size, family=wanted.family, order=wanted.order)
    if not wanted.models:
        return candidates
    named = {catalog.model(name).name for name in wanted.models}
    return tuple(model for model in candidates if model.name in named)


def _fits(model: Model, checkpoint: Checkpoint, wanted: CheckpointFilter) -> bool:
    if wanted.statuses and checkpoint.status not in wanted.statuses:
        return False
    if checkpoint.status in wanted.not_statuses:
        return False
    if wanted.tokens is None:
        return True
    seen = model.tokens_seen(checkpoint)
    return seen is not None and seen in wanted.tokens
