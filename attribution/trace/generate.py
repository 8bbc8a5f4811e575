"""What a checkpoint makes of a prompt: loaded as jobs load it, and refused where they would refuse it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from seenat.attribution.trace.answers import Traced
from seenat.registry.answer import Answer
from seenat.registry.errors import InvalidValue

if TYPE_CHECKING:
    from pathlib import Path

    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.catalog.models import Checkpoint, Model

__all__ = ["GenerateRequest", "Generated", "generate"]


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """How to continue a prompt: the options of `Catalog.generate`, with their defaults."""

    length: int = 32
    temperature: float = 0.0
    seed: int = 0
    allow_suspect: bool = False
    device: str | None = None

    def __post_init__(self) -> None:
        if self.length < 1:
            raise InvalidValue(f"A continuation has at least 1 id, not {self.length}.")
        if not 0 <= self.temperature <= 100:
            raise InvalidValue(f"A temperature lies between 0 and 100, and is not {self.temperature}.")


@dataclass(frozen=True, kw_only=True)
class Generated(Answer):
    """A prompt and how a checkpoint continues it."""

    model: str
    step: int
    prompt: str | None
    """None for an order without a tokenizer."""
    continuation: str | None
    prompt_ids: tuple[int, ...]
    continuation_ids: tuple[int, ...]
    trace: Traced | None = None
    """Of prompt and continuation together, without the spans that end within the prompt."""

    json_only_with: ClassVar[Mapping[str, str]] = {"trace": "trace"}

    @property
    def all_ids(self) -> tuple[int, ...]:
        """Prompt and continuation."""
        return self.prompt_ids + self.continuation_ids

    def with_trace(self, trace: Traced) -> Self:
        """The same, with a trace of all ids."""
        first = len(self.prompt_ids)
        spans, gapped = (tuple(span for span in found if span.stop > first) for found in (trace.spans, trace.gapped))
        return replace(self, trace=replace(trace, spans=spans, gapped=gapped))


def generate(
    catalog: RegistryCatalog,
    model: Model,
    step: int | str | Checkpoint,
    prompt: str | Sequence[int],
    request: GenerateRequest,
) -> Generated:
    """Continue a prompt by the checkpoint at a step; raises as `Catalog.generate` says."""
    from seenat.memorization.jobs.plan_checks import check_runnable

    checkpoint = check_runnable(model, model.checkpoint(step), allow_suspect=request.allow_suspect)
    ids = _prompt_ids(model, prompt)
    continuation = _continued(_folder(catalog, model, checkpoint), ids, model, request)
    texts = _decoded(model, ids, continuation)
    return Generated(
        model=model.name,
        step=checkpoint.step,
        prompt=prompt if isinstance(prompt, str) else texts[0],
        continuation=texts[1],
        prompt_ids=ids,
        continuation_ids=continuation,
    )


def _folder(catalog: RegistryCatalog, model: Model, checkpoint: Checkpoint) -> Path:
    """The checkpoint's files, as they were when the catalog recorded them."""
    from seenat.registry.integrity.content import ensure_content, fetch_files

    folder = fetch_files(catalog, model, checkpoint)
    ensure_content(catalog, checkpoint, folder)
    return folder


def _continued(folder: Path, ids: tuple[int, ...], model: Model, request: GenerateRequest) -> tuple[int, ...]:
    from seenat.memorization.engine.transformers.loading import buildable, check_device, load_checkpoint
    from seenat.registry.hub.location import CheckpointLocation

    if request.device is not None:
        check_device(request.device)
    loaded = load_checkpoint(CheckpointLocation.local(folder))
    from seenat.memorization.engine.transformers.generation import continued

    with buildable(f"The checkpoint in {folder}"):
        return continued(
            loaded,
            ids,
            length=request.length,
            temperature=request.temperature,
            seed=request.seed,
            eos_id=None if model.training_order is None else model.training_order.eos_id,
            device=request.device,
        )


def _prompt_ids(model: Model, prompt: str | Sequence[int]) -> tuple[int, ...]:
    ids: Sequence[int] = ()
    if isinstance(prompt, str):
        from seenat.registry.orders.text.encode import encode
        from seenat.registry.orders.text.tokenizer import load_tokenizer

        order = model.order
        ids = encode(load_tokenizer(order.tokenizer, order=order.name), prompt).ids.tolist()
    else:
        ids = prompt
    if not ids:
        raise InvalidValue("A prompt has at least one id; give a text that is not empty.")
    return tuple(ids)


def _decoded(model: Model, ids: tuple[int, ...], continuation: tuple[int, ...]) -> tuple[str | None, str | None]:
    order = model.training_order
    if order is None or order.tokenizer is None:
        return None, None
    import numpy as np

    from seenat.registry.orders.text.detokenize import decode_ids
    from seenat.registry.orders.text.tokenizer import load_tokenizer

    parts = [np.array(ids, np.int64), np.array(continuation, np.int64)]
    prompt, text = decode_ids(load_tokenizer(order.tokenizer, order=order.name), parts)
    return prompt, text
