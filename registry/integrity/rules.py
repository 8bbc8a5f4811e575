"""What the files of checkpoints tell about each other: rules over digests and lengths, without reading a weight.

* Weights belong to one step of one model. A step that holds those of `main` or of the last step, without being the last, is
  wrong. Two other steps that are equal are suspect, and so are two models, since it cannot be told which is right. One equal
  file of several is enough: training changes all of them.
* Equal they may be where nothing was learned in between: steps 0 and 1 of a run whose first update has learning rate 0, steps
  0 and 1 of runs that began alike, two runs up to the step at which the batches of one were altered.
* A revision that is not there is missing, and so is one without weights; one whose parts are not all there is wrong.
* Weights are as long as their parameters take in one of the forms of `seenat.registry.checkpoints.storage_dtype`.

Everything here is a pure function of what the catalog knows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from seenat.registry.checkpoints.storage_dtype import StorageDtype, infer_storage_dtype
from seenat.registry.integrity.evidence import AUDIT, Finding

__all__ = ["StoredCheckpoint", "StoredFile", "StoredModel", "WeightIndex", "check_model"]

OF_LISTING, OF_FILES = f"{AUDIT} of hub listing", f"{AUDIT} of local files"
_BUFFERS_A_LAYER = 1024
"""More numbers than a layer's buffers hold beside its mask: rotary frequencies and a fill value."""
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
    """What the catalog knows to lie at one step of a model, or at its `main`."""

    step: int | None
    """None for `main`."""
    checkpoint_id: int | None
    revision: str
    commit: str | None
    """None for a local folder, or where the hub's listing was not read."""
    weights: Mapping[str, StoredFile]
    is_whole: bool
    """Whether everything that determines the numbers is there, with its digest."""
    is_listed: bool = True
    """Whether the revision exists; also of a local folder."""
    elements: Mapping[str, int] | None = None
    """Numbers stored, by type."""

    @cached_property
    def loaded(self) -> frozenset[str]:
        """The names of the files that are loaded; other forms of the weights may lie beside them."""
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
        """The last step of which a checkpoint is expected."""
        return self.checkpoints[-1].step if self.checkpoints else None

    @property
    def source(self) -> str:
        """Of what a finding is."""
        return OF_LISTING if self.repository else OF_FILES


class _Revision(NamedTuple):
    """Where a file of weights lies."""

    model: StoredModel
    held: StoredCheckpoint


class WeightIndex:
    """Which files of weights lie where, over all models."""

    def __init__(self, models: Iterable[StoredModel]) -> None:
        self._places: dict[str, list[_Revision]] = defaultdict(list)
        for model in models:
            for held in (*model.checkpoints, *([model.main] if model.main else [])):
                for sha256 in {file.sha256 for file in held.weights.values() if file.sha256}:
                    self._places[sha256].append(_Revision(model, held))

    def others(self, model: StoredModel, held: StoredCheckpoint, name: str) -> Iterator[_Revision]:
        """The other places of a file, other models' copies of the same commit excluded."""
        for place in self._places.get(held.weights[name].sha256 or "", ()):
            if place.held is held:
                continue
            if place.model is not model and model.repository and _same_commit(model, held, place):
                continue
            yield place


def _same_commit(model: StoredModel, held: StoredCheckpoint, place: _Revision) -> bool:
    return (model.repository, held.commit) == (place.model.repository, place.held.commit)


def check_model(model: StoredModel, index: WeightIndex) -> dict[int, tuple[Finding, ...]]:
    """The findings on each checkpoint of a model, by its id; nothing on a model whose files are not known."""
    forms = Counter(form for held in model.checkpoints if (form := _form(model, held)))
    usual = forms.most_common(1)[0][0] if forms else None
    return {
        held.checkpoint_id: tuple(_findings(model, held, index, usual)) if model.is_known else ()
        for held in model.checkpoints
        if held.checkpoint_id is not None
    }


def _findings(
    model: StoredModel, held: StoredCheckpoint, index: WeightIndex, usual: StorageDtype | None
) -> Iterator[Finding]:
    absence = _absence(model, held)
    if absence is not None:
        yield absence
        return
    if not held.weights:  # Not listed yet.
        return
    found = [*_shared(model, held, index), *_beside_main(model, held, index), *_sizes(model, held, usual)]
    yield from found
    if not any(one.status for one in found):
        form = _form(model, held)
        size = f", and they are as long as {model.parameters:,} parameters of {form}" if form else ""
        yield _finding(model, "ok", f"Nothing else in the catalog holds its weights that should not{size}.")


def _finding(model: StoredModel, status: str | None, statement: str, kind: str = "audit") -> Finding:
    return Finding(kind=kind, status=status, statement=statement, source=model.source)


def _absence(model: StoredModel, held: StoredCheckpoint) -> Finding | None:
    if not held.is_listed:
        return _finding(model, "missing", f"{model.repository} has no such revision.")
    if held.commit is None and model.repository:
        return None
    if not held.weights:
        return _finding(model, "missing", f"Its revision in {model.repository} holds no weights.")
    if not held.is_whole:
        statement = "Its files are no whole checkpoint: config.json, or files that the index of its weights names, are not there."
        return _finding(model, "wrong", statement)
    return None


# -- the same bytes elsewhere


def _shared(model: StoredModel, held: StoredCheckpoint, index: WeightIndex) -> Iterator[Finding]:
    faults = False
    for (verdict, names), places in _grouped(model, held, index, held.loaded).items():
        faults = faults or verdict != "identity"
        alone = _unshared(model, held, index) if verdict == "wrong" and names == held.loaded else ""
        for where in _where(model, places):
            what = _files_words(held, names)
            if verdict == "identity":
                yield _finding(model, None, f"{what} {where}; nothing was learned in between.", "identity")
            else:
                yield _finding(model, verdict, f"{what} {where}{alone}.")
    yield from _copies(model, held, index)
    others = _grouped(model, held, index, held.weights.keys() - held.loaded)
    for (verdict, names), places in others.items() if not faults else ():
        for where in _where(model, places) if verdict != "identity" else ():
            yield _finding(model, None, f"{_listed(sorted(names))}, of which nothing is loaded, lies also at {where}.")


def _where(model: StoredModel, places: Sequence[_Revision]) -> list[str]:
    """Other places in words: those of the model itself, and those of other models."""
    own = [place.held for place in places if place.model is model]
    theirs = [place for place in places if place.model is not model]
    return [words for words in (_steps_words(model, own), _models_words(theirs)) if words]


def _grouped(
    model: StoredModel, held: StoredCheckpoint, index: WeightIndex, names: Iterable[str]
) -> dict[tuple[Verdict, frozenset[str]], list[_Revision]]:
    """The places in the same suite that hold some of these files, by what that means and which files."""
    shared: dict[int, tuple[_Revision, set[str]]] = {}
    for name in names:
        for place in index.others(model, held, name):
            if place.model.suite == model.suite:
                shared.setdefault(id(place.held), (place, set()))[1].add(name)
    of_the_last = [files for place, files in shared.values() if _is_last(model, place)]
    grouped: dict[tuple[Verdict, frozenset[str]], list[_Revision]] = defaultdict(list)
    for place, files in shared.values():
        verdict = _verdict(model, held, place)
        if verdict is not None and place.model is model and files in of_the_last:
            verdict = "wrong"  # One of several steps that hold the last one's.
        if verdict is not None:
            grouped[verdict, frozenset(files)].append(place)
    return grouped


def _verdict(model: StoredModel, held: StoredCheckpoint, place: _Revision) -> Verdict | None:
    """What it means that `held` shares weights with another place; None where the fault, if any, is the other's."""
    if place.model is model:
        if held.step == model.last:
            return None
        if _is_last(model, place):
            return "wrong"
        return "identity" if {held.step, place.held.step} == {0, 1} and model.first_update_is_idle else "suspect"
    steps = held.step, place.held.step
    if all(step is not None and step <= 1 for step in steps):
        return "identity"
    parting = [one.altered_from_step for one in (model, place.model) if one.altered_from_step is not None]
    if steps[0] is not None and steps[0] == steps[1] and model.order_id == place.model.order_id and parting:
        return "identity" if steps[0] <= min(parting) else "suspect"
    return "suspect"


def _is_last(model: StoredModel, place: _Revision) -> bool:
    """Whether a place is the end of this model's training: its last step, or `main`."""
    return place.model is model and place.held.step in (None, model.last)


def _copies(model: StoredModel, held: StoredCheckpoint, index: WeightIndex) -> Iterator[Finding]:
    """The same weights in another suite: somebody's copy, no fault."""
    copies = {
        id(place.held): place
        for name in held.loaded
        for place in index.others(model, held, name)
        if place.model.suite != model.suite
    }
    if copies:
        where = _models_words(list(copies.values()))
        yield _finding(model, None, f"{_files_words(held, held.loaded)} {where}, in another suite.", "identity")


def _unshared(model: StoredModel, held: StoredCheckpoint, index: WeightIndex) -> str:
    """What else a revision with wrong weights holds that no other does."""
    others = sorted(held.weights.keys() - held.loaded)
    if not others or any(held.weights[name].sha256 is None or any(index.others(model, held, name)) for name in others):
        return ""
    return f"; no other step holds its {_listed(others)}, of which nothing is loaded"


def _files_words(held: StoredCheckpoint, names: Iterable[str]) -> str:
    few = sorted(names)
    digests = ", ".join((held.weights[name].sha256 or "").removeprefix("sha256:")[:12] for name in few[:_FEW])
    if len(few) == len(held.loaded):
        return f"Its weights ({few[0] if len(few) == 1 else f'{len(few)} files'}, sha256 {digests}) are those of"
    return f"Of the {len(held.loaded)} files of its weights, {_listed(few)} (sha256 {digests}) lies also at"


def _steps_words(model: StoredModel, own: Sequence[StoredCheckpoint]) -> str:
    steps = sorted(one.step for one in own if one.step is not None)
    words = ["main"] if any(one.step is None for one in own) else []
    if model.last in steps:
        steps.remove(model.last)
        words.append(f"step {model.last} (the last)")
    if words and steps:
        words.append(f"{len(steps)} other step{'s' * (len(steps) > 1)}")
    else:
        words += [f"step {step}" for step in steps]
    return _listed(words)


def _models_words(places: Sequence[_Revision]) -> str:
    words = sorted(
        f"{place.model.name} at {'main' if place.held.step is None else f'step {place.held.step}'}" for place in places
    )
    more = len(words) - _FEW
    return _listed([*words[:_FEW], f"{more} others"] if more > 1 else words)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _beside_main(model: StoredModel, held: StoredCheckpoint, index: WeightIndex) -> Iterator[Finding]:
    """The last step and `main` should be equal; where they are not, one may hold an earlier step's."""
    main = model.main
    if held.step != model.last or main is None or main.loaded != held.loaded:
        return
    if all(main.weights[name].sha256 == held.weights[name].sha256 for name in held.loaded):
        return
    earlier = {
        place.held.step
        for one in (held, main)
        for name in one.loaded
        for place in index.others(model, one, name)
        if place.model is model and place.held.step not in (None, model.last)
    }
    also = (
        f", and {len(earlier)} earlier {'step holds' if len(earlier) == 1 else 'steps hold'} one or the other"
        if earlier
        else ""
    )
    yield _finding(model, "suspect" if earlier else None, f"Its weights are not those of main{also}.")


# -- length and types


def _form(model: StoredModel, held: StoredCheckpoint) -> StorageDtype | None:
    if not held.loaded or model.parameters is None or model.layers is None or model.positions is None:
        return None
    return infer_storage_dtype(held.bytes, model.parameters, model.layers, model.positions)


def _sizes(model: StoredModel, held: StoredCheckpoint, usual: StorageDtype | None) -> Iterator[Finding]:
    """Compare what is stored with the parameter count, by the hub's own count where it gives one."""
    count = model.parameters
    if count is None:
        return
    stored = _stored(held)
    if stored is not None and not count <= stored <= count + _BUFFERS_A_LAYER * (model.layers or 0):
        yield _finding(
            model, "wrong", f"Its safetensors hold {stored:,} numbers, and {model.name} has {count:,} parameters."
        )
    elif held.bytes < 2 * count:
        yield _finding(
            model, "wrong", f"Its weights have {held.bytes:,} bytes, too few for {count:,} parameters of 16 bits."
        )
    elif usual is not None:
        form = _form(model, held)
        if form is None:
            statement = (
                f"Its weights have {held.bytes:,} bytes, which {count:,} parameters of 16 or 32 bits do not take."
            )
            yield _finding(model, "suspect", statement)
        elif form != usual:
            yield _finding(model, None, f"Its parameters are stored in {form}, those of most steps in {usual}.")


def _stored(held: StoredCheckpoint) -> int | None:
    """Numbers stored in its safetensors, masks left out; None where the hub did not count them, or others are loaded."""
    if not held.elements or not all(name.endswith(".safetensors") for name in held.loaded):
        return None
    return sum(number for kind, number in held.elements.items() if kind not in _MASK_TYPES)
