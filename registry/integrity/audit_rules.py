"""The rules of the audit: what the files of checkpoints say about each other, by digests and lengths, without reading a weight.

    what the catalog holds                                                  status
    ----------------------------------------------------------------------  ----------------------------------
    the hub has no such revision, or the revision has no weights             missing
    config.json or a part of the weights is not there                        wrong
    weights of `main` or of the last step, at an earlier step                wrong
    equal weights at two other steps of one model                            suspect, both
    equal weights in two models                                              suspect, both: either may be right
    equal weights where nothing was learned in between (see below)           none: an identity
    a copy in another suite                                                  none: an identity
    the last step differs from `main`, and an earlier step holds either      suspect
    more or fewer numbers than parameters, or too few bytes for 16 bits      wrong
    a length that no storage type of the parameters has                      suspect
    another storage type than most steps of the model                        none: a remark
    none of these                                                            ok

One equal file of several is enough, since training changes all of them. Nothing is learned between steps 0 and 1 of a run
whose first update has learning rate 0, at steps 0 and 1 of runs that began alike, and between two runs up to the step at
which the batches of one were altered.

Everything here is a pure function of what the catalog holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from seenat.registry.catalog.status import Evidence
from seenat.registry.checkpoints.storage_dtype import StorageDtype, infer_storage_dtype
from seenat.registry.integrity.evidence import AUDIT

__all__ = ["StoredCheckpoint", "StoredFile", "StoredModel", "WeightIndex", "check_model"]

OF_LISTING, OF_FILES = f"{AUDIT} of hub listing", f"{AUDIT} of local files"
# More numbers than a layer's buffers hold beside its mask: rotary frequencies and a fill value.
_BUFFERS_A_LAYER = 1024
_MASK_TYPES = ("U8", "BOOL")
_FEW = 3

Verdict = Literal["wrong", "suspect", "identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of weights."""

    bytes: int
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class StoredCheckpoint:
    """What the catalog holds of one step of a model, or of its `main`."""

    step: int | None
    """None for `main`."""
    checkpoint_id: int | None
    revision: str
    commit: str | None
    """None for a local folder, or where the hub's listing was not read."""
    weights: Mapping[str, StoredFile]
    is_whole: bool
    """Whether all files that determine the numbers are there, with their digests."""
    is_listed: bool = True
    """Whether the revision exists; also of a local folder."""
    elements: Mapping[str, int] | None = None
    """Numbers stored, by type."""

    @cached_property
    def loaded(self) -> frozenset[str]:
        """The names of the files that are loaded; the same weights may lie beside them in another format."""
        for suffix, single in ((".safetensors", "model.safetensors"), (".bin", "pytorch_model.bin")):
            if single in self.weights:
                return frozenset([single])
            parts = frozenset(name for name in self.weights if name.endswith(suffix))
            if parts:
                return parts
        return frozenset()

    @property
    def bytes(self) -> int:
        """Length of the files that are loaded."""
        return sum(self.weights[name].bytes for name in self.loaded)


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """What the rules need to know of a model."""

    name: str
    suite: str
    repository: str | None
    """None for one in local folders."""
    is_known: bool
    """Whether its files were listed, or read where they lie."""
    checkpoints: tuple[StoredCheckpoint, ...]
    """Ascending by step."""
    main: StoredCheckpoint | None = None
    """None where it is a checkpoint itself, or was not listed."""
    parameters: int | None = None
    layers: int | None = None
    positions: int | None = None
    order_id: int | None = None
    altered_from_step: int | None = None
    first_update_is_idle: bool = True
    """Whether update 0 has, or may have, learning rate 0."""

    @cached_property
    def last(self) -> int | None:
        """The last step with an expected checkpoint."""
        return self.checkpoints[-1].step if self.checkpoints else None

    @property
    def source(self) -> str:
        """The source of the findings on this model."""
        return OF_LISTING if self.repository else OF_FILES


class _Place(NamedTuple):
    """Where a file of weights lies."""

    model: StoredModel
    checkpoint: StoredCheckpoint


class WeightIndex:
    """Which files of weights lie where, over all models."""

    def __init__(self, models: Iterable[StoredModel]) -> None:
        self._places: dict[str, list[_Place]] = defaultdict(list)
        for model in models:
            for checkpoint in (*model.checkpoints, *([model.main] if model.main else [])):
                for sha256 in {file.sha256 for file in checkpoint.weights.values() if file.sha256}:
                    self._places[sha256].append(_Place(model, checkpoint))

    def others(self, model: StoredModel, checkpoint: StoredCheckpoint, name: str) -> Iterator[_Place]:
        """The other places of a file, other models' copies of the same commit excluded."""
        for place in self._places.get(checkpoint.weights[name].sha256 or "", ()):
            if place.checkpoint is checkpoint:
                continue
            if place.model is not model and model.repository and _same_commit(model, checkpoint, place):
                continue
            yield place


def _same_commit(model: StoredModel, checkpoint: StoredCheckpoint, place: _Place) -> bool:
    return (model.repository, checkpoint.commit) == (place.model.repository, place.checkpoint.commit)


def check_model(model: StoredModel, index: WeightIndex) -> dict[int, tuple[Evidence, ...]]:
    """The findings on each checkpoint of a model, by its id; nothing on a model whose files are not known."""
    storages = Counter(storage for checkpoint in model.checkpoints if (storage := _storage(model, checkpoint)))
    usual = storages.most_common(1)[0][0] if storages else None
    return {
        checkpoint.checkpoint_id: tuple(_findings(model, checkpoint, index, usual)) if model.is_known else ()
        for checkpoint in model.checkpoints
        if checkpoint.checkpoint_id is not None
    }


def _findings(
    model: StoredModel, checkpoint: StoredCheckpoint, index: WeightIndex, usual: StorageDtype | None
) -> Iterator[Evidence]:
    absence = _absence(model, checkpoint)
    if absence is not None:
        yield absence
        return
    if not checkpoint.weights:  # Not listed yet.
        return
    findings = [
        *_shared(model, checkpoint, index),
        *_beside_main(model, checkpoint, index),
        *_sizes(model, checkpoint, usual),
    ]
    yield from findings
    if not any(finding.status for finding in findings):
        storage = _storage(model, checkpoint)
        size = f", and they are as long as {model.parameters:,} parameters of {storage}" if storage else ""
        yield _finding(model, "ok", f"Nothing else in the catalog holds its weights that should not{size}.")


def _finding(model: StoredModel, status: str | None, statement: str, kind: str = "audit") -> Evidence:
    return Evidence(kind=kind, status=status, statement=statement, source=model.source)


def _absence(model: StoredModel, checkpoint: StoredCheckpoint) -> Evidence | None:
    if not checkpoint.is_listed:
        return _finding(model, "missing", f"{model.repository} has no such revision.")
    if checkpoint.commit is None and model.repository:
        return None
    if not checkpoint.weights:
        return _finding(model, "missing", f"Its revision in {model.repository} holds no weights.")
    if not checkpoint.is_whole:
        statement = "Its files are no whole checkpoint: config.json, or files that the index of its weights names, are not there."
        return _finding(model, "wrong", statement)
    return None


# -- the same bytes elsewhere


def _shared(model: StoredModel, checkpoint: StoredCheckpoint, index: WeightIndex) -> Iterator[Evidence]:
    faults = False
    for (verdict, names), places in _grouped(model, checkpoint, index, checkpoint.loaded).items():
        faults = faults or verdict != "identity"
        alone = _unshared(model, checkpoint, index) if verdict == "wrong" and names == checkpoint.loaded else ""
        for where in _where(model, places):
            what = _files_words(checkpoint, names)
            if verdict == "identity":
                yield _finding(model, None, f"{what} {where}; nothing was learned in between.", "identity")
            else:
                yield _finding(model, verdict, f"{what} {where}{alone}.")
    yield from _copies(model, checkpoint, index)
    others = _grouped(model, checkpoint, index, checkpoint.weights.keys() - checkpoint.loaded)
    for (verdict, names), places in others.items() if not faults else ():
        for where in _where(model, places) if verdict != "identity" else ():
            yield _finding(model, None, f"{_listed(sorted(names))}, of which nothing is loaded, lies also at {where}.")


def _where(model: StoredModel, places: Sequence[_Place]) -> list[str]:
    """Other places in words: those of the model itself, and those of other models."""
    own = [place.checkpoint for place in places if place.model is model]
    theirs = [place for place in places if place.model is not model]
    return [words for words in (_steps_words(model, own), _models_words(theirs)) if words]


def _grouped(
    model: StoredModel, checkpoint: StoredCheckpoint, index: WeightIndex, names: Iterable[str]
) -> dict[tuple[Verdict, frozenset[str]], list[_Place]]:
    """The places in the same suite that hold some of these files, by what that means and which files."""
    shared: dict[int, tuple[_Place, set[str]]] = {}
    for name in names:
        for place in index.others(model, checkpoint, name):
            if place.model.suite == model.suite:
                shared.setdefault(id(place.checkpoint), (place, set()))[1].add(name)
    of_the_last = [files for place, files in shared.values() if _is_last(model, place)]
    grouped: dict[tuple[Verdict, frozenset[str]], list[_Place]] = defaultdict(list)
    for place, files in shared.values():
        verdict = _verdict(model, checkpoint, place)
        if verdict is not None and place.model is model and files in of_the_last:
            verdict = "wrong"  # It is one of several steps with the same files as the last step.
        if verdict is not None:
            grouped[verdict, frozenset(files)].append(place)
    return grouped


def _verdict(model: StoredModel, checkpoint: StoredCheckpoint, place: _Place) -> Verdict | None:
    """What it means that `checkpoint` shares weights with another place; None where the fault, if any, is the other's."""
    if place.model is model:
        if checkpoint.step == model.last:
            return None
        if _is_last(model, place):
            return "wrong"
        return (
            "identity"
            if {checkpoint.step, place.checkpoint.step} == {0, 1} and model.first_update_is_idle
            else "suspect"
        )
    steps = checkpoint.step, place.checkpoint.step
    if all(step is not None and step <= 1 for step in steps):
        return "identity"
    parting = [run.altered_from_step for run in (model, place.model) if run.altered_from_step is not None]
    if steps[0] is not None and steps[0] == steps[1] and model.order_id == place.model.order_id and parting:
        return "identity" if steps[0] <= min(parting) else "suspect"
    return "suspect"


def _is_last(model: StoredModel, place: _Place) -> bool:
    """Whether a place is the end of this model's training: its last step, or `main`."""
    return place.model is model and place.checkpoint.step in (None, model.last)


def _copies(model: StoredModel, checkpoint: StoredCheckpoint, index: WeightIndex) -> Iterator[Evidence]:
    """The same weights in another suite: somebody's copy, no fault."""
    copies = {
        id(place.checkpoint): place
        for name in checkpoint.loaded
        for place in index.others(model, checkpoint, name)
        if place.model.suite != model.suite
    }
    if copies:
        where = _models_words(list(copies.values()))
        yield _finding(
            model, None, f"{_files_words(checkpoint, checkpoint.loaded)} {where}, in another suite.", "identity"
        )


def _unshared(model: StoredModel, checkpoint: StoredCheckpoint, index: WeightIndex) -> str:
    """What else a revision with wrong weights holds that no other does."""
    others = sorted(checkpoint.weights.keys() - checkpoint.loaded)
    if not others or any(
        checkpoint.weights[name].sha256 is None or any(index.others(model, checkpoint, name)) for name in others
    ):
        return ""
    return f"; no other step holds its {_listed(others)}, of which nothing is loaded"


def _files_words(checkpoint: StoredCheckpoint, names: Iterable[str]) -> str:
    few = sorted(names)
    digests = ", ".join((checkpoint.weights[name].sha256 or "").removeprefix("sha256:")[:12] for name in few[:_FEW])
    if len(few) == len(checkpoint.loaded):
        return f"Its weights ({few[0] if len(few) == 1 else f'{len(few)} files'}, sha256 {digests}) are those of"
    return f"Of the {len(checkpoint.loaded)} files of its weights, {_listed(few)} (sha256 {digests}) lies also at"


def _steps_words(model: StoredModel, own: Sequence[StoredCheckpoint]) -> str:
    steps = sorted(checkpoint.step for checkpoint in own if checkpoint.step is not None)
    words = ["main"] if any(checkpoint.step is None for checkpoint in own) else []
    if model.last in steps:
        steps.remove(model.last)
        words.append(f"step {model.last} (the last)")
    if words and steps:
        words.append(f"{len(steps)} other step{'s' * (len(steps) > 1)}")
    else:
        words += [f"step {step}" for step in steps]
    return _listed(words)


def _models_words(places: Sequence[_Place]) -> str:
    words = sorted(
        f"{place.model.name} at {'main' if place.checkpoint.step is None else f'step {place.checkpoint.step}'}"
        for place in places
    )
    more = len(words) - _FEW
    return _listed([*words[:_FEW], f"{more} others"] if more > 1 else words)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _beside_main(model: StoredModel, checkpoint: StoredCheckpoint, index: WeightIndex) -> Iterator[Evidence]:
    """The last step and `main` should be equal; where they are not, one may hold an earlier step's."""
    main = model.main
    if checkpoint.step != model.last or main is None or main.loaded != checkpoint.loaded:
        return
    if all(main.weights[name].sha256 == checkpoint.weights[name].sha256 for name in checkpoint.loaded):
        return
    earlier = {
        place.checkpoint.step
        for end in (checkpoint, main)
        for name in end.loaded
        for place in index.others(model, end, name)
        if place.model is model and place.checkpoint.step not in (None, model.last)
    }
    also = (
        f", and {len(earlier)} earlier {'step holds' if len(earlier) == 1 else 'steps hold'} one or the other"
        if earlier
        else ""
    )
    yield _finding(model, "suspect" if earlier else None, f"Its weights are not those of main{also}.")


# -- length and types


def _storage(model: StoredModel, checkpoint: StoredCheckpoint) -> StorageDtype | None:
    if not checkpoint.loaded or model.parameters is None or model.layers is None or model.positions is None:
        return None
    return infer_storage_dtype(checkpoint.bytes, model.parameters, model.layers, model.positions)


def _sizes(model: StoredModel, checkpoint: StoredCheckpoint, usual: StorageDtype | None) -> Iterator[Evidence]:
    """Compare what is stored with the parameter count, by the hub's own count where it gives one."""
    count = model.parameters
    if count is None:
        return
    stored = _stored(checkpoint)
    if stored is not None and not count <= stored <= count + _BUFFERS_A_LAYER * (model.layers or 0):
        yield _finding(
            model, "wrong", f"Its safetensors hold {stored:,} numbers, and {model.name} has {count:,} parameters."
        )
    elif checkpoint.bytes < 2 * count:
        yield _finding(
            model, "wrong", f"Its weights have {checkpoint.bytes:,} bytes, too few for {count:,} parameters of 16 bits."
        )
    elif usual is not None:
        storage = _storage(model, checkpoint)
        if storage is None:
            statement = (
                f"Its weights have {checkpoint.bytes:,} bytes, which {count:,} parameters of 16 or 32 bits do not take."
            )
            yield _finding(model, "suspect", statement)
        elif storage != usual:
            yield _finding(model, None, f"Its parameters are stored in {storage}, those of most steps in {usual}.")


def _stored(checkpoint: StoredCheckpoint) -> int | None:
    """Numbers stored in its safetensors, masks left out; None where the hub did not count them, or others are loaded."""
    if not checkpoint.elements or not all(name.endswith(".safetensors") for name in checkpoint.loaded):
        return None
    return sum(number for kind, number in checkpoint.elements.items() if kind not in _MASK_TYPES)
