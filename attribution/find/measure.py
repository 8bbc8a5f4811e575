"""Had it stuck? Checkpoints run over a found text itself, beside how often each had seen it.

The first ids of the text are the prompt and the others the truth: the greedy prefix and the surprisal of the truth, by the
definitions of the protocol, with no id banned. What stands before the text in a sequence is not given to the model, so the
result is one of the text, wherever it stands. Stored results are of a window of one sequence; they are shown where that
window holds the whole text, with their own protocol, and never in place of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.attribution.find.answers import Found, MeasuredText, StoredResult, TextPoint
from seenat.memorization.jobs.plan_checks import check_runnable, runnable_steps
from seenat.memorization.protocol.protocol import LONGEST_CONTINUATION, Protocol
from seenat.memorization.queries.trajectories import measured_trajectories
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.errors import InvalidValue
from seenat.registry.hub.location import CheckpointLocation
from seenat.registry.integrity.content import ensure_content, fetch_files

__all__ = ["MeasureRequest", "measure_found"]

# The published protocol's prompt.
_PROMPT = 32

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class MeasureRequest:
    """At which checkpoints a text is measured, and how."""

    steps: tuple[int, ...] | None = None
    """None for all that can be trusted, where they are on this machine."""
    prompt: int | None = None
    """Ids of the text that are given; None for half of it, at most 32."""
    device: str | None = None
    allow_suspect: bool = False


def measure_found(
    catalog: Catalog,
    model: Model,
    found: Found,
    ids: _Ids,
    sequences: _Ids,
    request: MeasureRequest,
    progress: Callable[[int, int, int], None],
) -> MeasuredText:
    """Run checkpoints over a text; `sequences` are those of all its exposures, `progress` gets (step, done, all).

    Raises `InvalidValue` for a text of one id, `UnknownCheckpoint` for what cannot be trusted, `MissingExtra` without torch.
    """
    prompt = _prompt(ids, request.prompt)
    continuation = min(len(ids) - prompt, LONGEST_CONTINUATION)
    checkpoints = _checkpoints(model, request)
    ordered, points = np.sort(sequences), []
    for done, checkpoint in enumerate(checkpoints):
        progress(checkpoint.step, done, len(checkpoints))
        folder = fetch_files(catalog, model, checkpoint)
        ensure_content(catalog, checkpoint, folder)
        prefix, surprisal = _measured(folder, ids[: prompt + continuation], prompt, request.device)
        seen = model.schedule.sequences_seen(checkpoint.step).stop
        points.append(
            TextPoint(
                step=checkpoint.step,
                exposures=int(np.searchsorted(ordered, seen)),
                prefix=prefix,
                memorized=prefix == continuation,
                surprisal=surprisal,
            )
        )
    return MeasuredText(
        model=model.name,
        prompt=prompt,
        continuation=continuation,
        points=tuple(points),
        stored=tuple(_stored(catalog, model, found)),
    )


def _checkpoints(model: Model, request: MeasureRequest) -> list[Checkpoint]:
    if request.steps is not None:
        return [
            check_runnable(model, model.checkpoint(step), allow_suspect=request.allow_suspect)
            for step in sorted(request.steps)
        ]
    if model.folder is None:
        raise InvalidValue(
            f"The {len(model.checkpoints)} checkpoints of {model.name} are on a hub; say which ones to fetch, with --steps 1000,2000."
        )
    return [model.checkpoint(step) for step in runnable_steps(model, allow_suspect=request.allow_suspect)[0]]


def _prompt(ids: _Ids, prompt: int | None) -> int:
    given = min(_PROMPT, len(ids) // 2) if prompt is None else prompt
    if not 0 < given < len(ids):
        raise InvalidValue(
            f"A text of {len(ids)} ids cannot be measured with a prompt of {given}; at least 1 id is given and 1 to be reproduced."
        )
    return given


def _measured(folder: Path, ids: _Ids, prompt: int, device: str | None) -> tuple[int, float]:
    from seenat.memorization.engine.transformers.loading import buildable, load_checkpoint

    results: dict[str, Any] = {}
    for measure in ("prefix", "loss"):
        # An engine takes over the model that it is given, so each measure loads its own.
        network = load_checkpoint(CheckpointLocation.local(folder), dtype="float32")
        # It imports torch at its top; where there is none, loading has said so by now.
        from seenat.memorization.engine.scorer import Scorer

        protocol = Protocol(measure=measure, prompt=prompt, continuation=len(ids) - prompt, eos="allowed")
        with buildable(f"The checkpoint in {folder}"):
            results[measure] = Scorer(network, protocol, device).measure(ids[None])[0]
    # The second quantity of a loss is the sum over the continuation.
    return int(results["prefix"]), float(results["loss"][1]) / (len(ids) - prompt)


def _stored(catalog: Catalog, model: Model, found: Found) -> Iterator[StoredResult]:
    """Results whose windows hold one of the listed exposures."""
    for exposure in found.exposures:
        for answer in measured_trajectories(catalog, model.order, exposure.sequence):
            start, stop = answer.protocol.window
            if answer.model == model.name and start <= exposure.offset <= stop - exposure.length:
                yield StoredResult(
                    sequence=exposure.sequence,
                    offset=exposure.offset,
                    protocol=answer.protocol.id,
                    measure=answer.protocol.measure,
                    window=answer.protocol.window,
                    onset=answer.onset,
                )
