"""What checkpoints say of a sequence, generated anew by the protocol of stored results: prompt given, greedy, the whole continuation.

Results by `prefix` hold how far a checkpoint said the truth, and not what it said instead; those by `score` not which ids. On another
device a checkpoint may choose otherwise where two ids are as probable, so what it says now may differ from what was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import numpy as np
import numpy.typing as npt

from seenat.memorization.jobs.plan_checks import check_runnable
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.recited import Spoken
from seenat.memorization.queries.trajectories import SequenceTrajectory
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.hub.location import CheckpointLocation
from seenat.registry.integrity.content import ensure_content, fetch_files

__all__ = ["said_anew"]

Ids = npt.NDArray[np.int64]


def said_anew(
    catalog: Catalog,
    trajectories: Iterable[SequenceTrajectory],
    ids: Ids,
    steps: str | Collection[int | str | Checkpoint] | None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Spoken:
    """The ids that measured checkpoints generate, by model, protocol and step; `progress` gets (checkpoints done, all).

    All checkpoints at which the sequence was measured, or those of `steps`, also as text, "64,128:512,last". Raises `InvalidValue` for a model on a hub without
    `steps`, `NotMeasured` where nothing that decodes was measured, `UnknownCheckpoint` for what cannot be trusted, `MissingExtra`.
    """
    paths = [path for path in trajectories if path.protocol.value_type.decodes]
    models = {path.model: catalog.model(path.model) for path in paths}
    chosen = {name: None if steps is None else _numbers(model, steps) for name, model in models.items()}
    wanted = [
        (path, point.step)
        for path in paths
        for point in path.trajectory.points
        if _is_wanted(point.step, chosen[path.model])
    ]
    if not wanted:
        raise NotMeasured(
            "Nothing was measured there that a checkpoint could say; choose steps at which it was, or run `seenat memorize MODEL`."
        )
    for model in models.values() if steps is None else ():
        if model.folder is None:
            raise InvalidValue(
                f"The checkpoints of {model.name} are on a hub; say which ones to fetch, with --steps 1000,2000."
            )
    spoken: Spoken = {}
    for done, (path, step) in enumerate(wanted):
        progress(done, len(wanted))
        spoken[path.model, path.protocol.id, step] = _generated(catalog, models[path.model], step, path.protocol, ids)
    progress(len(wanted), len(wanted))
    return spoken


def _numbers(model: Model, steps: str | Collection[int | str | Checkpoint]) -> set[int]:
    listed = [steps] if isinstance(steps, str) else steps
    return {
        model.step_number(step)
        for given in listed
        for step in (model.schedule.parse_saved(given) if isinstance(given, str) else [given])
    }


def _is_wanted(step: int, steps: Collection[int] | None) -> bool:
    return steps is None or step in steps


def _generated(catalog: Catalog, model: Model, step: int, protocol: Protocol, ids: Ids) -> Ids:
    """The continuation of a sequence's prompt by one checkpoint."""
    from seenat.memorization.engine.transformers.loading import buildable, load_checkpoint

    checkpoint = check_runnable(model, model.checkpoint(step))
    folder = fetch_files(catalog, model, checkpoint)
    ensure_content(catalog, checkpoint, folder)
    # Where 16 bits leave a doubt, a rechecked protocol decides in 32, so these decide everywhere as it does.
    dtype = "float32" if protocol.dtype.endswith("-rechecked") else protocol.dtype
    network = load_checkpoint(CheckpointLocation.local(folder), dtype=dtype)
    # It imports torch at its top; where there is none, loading has said so by now.
    from seenat.memorization.engine.transformers.reference import generate_continuations

    start = protocol.window[0]
    prompt = ids[None, start : start + protocol.prompt].astype(np.int64)
    with buildable(f"The checkpoint in {folder}"):
        made: Ids = generate_continuations(network, prompt, protocol)[0]
    return made
