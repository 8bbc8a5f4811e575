"""Whose results a data set holds: its model and checkpoint, as its name and the user say.

Whose results the published ones are is not stated. Launcher and notebook of the published procedure name only `-v0` models, so they
are attached to those, where the catalog has them; a note says so. What the user says counts; where a name says something
else, that is an error, and neither is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seenat.memorization.published.sources import PublishedData
from seenat.memorization.published.split_names import SplitName
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.errors import InvalidValue, UnknownModel

__all__ = ["Stated", "Subject", "subjects_of"]

_LIKELY_V0 = "Most likely results of the -v0 model: launcher and notebook name only those, the data card does not say."
_NO_V0 = "Most likely results of the -v0 model, which this catalog does not have: attached to the later one."
_V0, _DEDUPED = "-v0", "-deduped"


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What the user says of a data set."""

    model: str | None = None
    step: int | str | None = None
    deduplicated: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One model at one checkpoint, and where its results are."""

    model: Model
    checkpoint: Checkpoint
    size: str = ""
    """Whose column of a sample it is."""
    note: str | None = None
    published: bool
    """Whether it was measured by the published procedure: nothing is known of how a set of one's own was."""

    @property
    def seen(self) -> int:
        """Sequences that the checkpoint had seen."""
        return self.checkpoint.sequences_seen.stop


def subjects_of(catalog: Catalog, data: PublishedData, source: str, stated: Stated) -> list[Subject]:
    """The models and checkpoints that a split is about.

    Raises `InvalidValue` where nothing says it, or where name and user contradict each other, and what looking up a model and a
    checkpoint raises.
    """
    return _of_sample(catalog, data, source, stated) if data.sizes else [_of_rows(catalog, data, source, stated)]


def _of_sample(catalog: Catalog, data: PublishedData, source: str, stated: Stated) -> list[Subject]:
    named = "duped" in Path(source).name
    of_name = ("deduped" in Path(source).name) if named else None
    _agree(source, of_name, stated.deduplicated)
    deduplicated = of_name if stated.deduplicated is None else stated.deduplicated
    if stated.model is not None:
        model = catalog.model(stated.model)
        _agree(f"the model {model.name}", _is_deduplicated(model), deduplicated)
        size = next((size for size in data.sizes if _is_of_size(model, size)), None)
        if size is None:
            raise InvalidValue(
                f"{source} holds scores of {', '.join(data.sizes)}, and {model.name} is none of these; give the --model of one "
                "of them, or leave it out."
            )
        return [Subject(model=model, checkpoint=_checkpoint(model, stated.step), size=size, published=True)]
    if deduplicated is None:
        raise InvalidValue(
            f"{source} does not say which models' scores it holds; say it with --corpus duped or deduped."
        )
    return [_pythia(catalog, size, deduplicated, stated.step, size) for size in data.sizes]


def _of_rows(catalog: Catalog, data: PublishedData, source: str, stated: Stated) -> Subject:
    named = SplitName.parse(data.split)
    if named is not None:
        _agree(f"the split {data.split}", named.deduplicated, stated.deduplicated)
    label = f"step{named.label}" if named is not None and named.label is not None else None
    if stated.model is None:
        if named is None:
            raise InvalidValue(
                f"The split {data.split} of {source} does not say which model it is about; say it with --model and --step."
            )
        subject = _pythia(catalog, named.size, named.deduplicated, label if stated.step is None else stated.step, "")
    else:
        model = catalog.model(stated.model)
        _agree(f"the model {model.name}", _is_deduplicated(model), stated.deduplicated)
        if named is not None and not (_is_of_size(model, named.size) and _is_deduplicated(model) == named.deduplicated):
            raise InvalidValue(
                f"The split {data.split} of {source} is not about {model.name}; leave out --model, or rename the file if its name "
                "is wrong."
            )
        checkpoint = _checkpoint(model, label if stated.step is None else stated.step)
        subject = Subject(model=model, checkpoint=checkpoint, published=named is not None)
    if label is not None and subject.model.checkpoint(label).step != subject.checkpoint.step:
        raise InvalidValue(
            f"The split {data.split} of {source} is about {label}, and --step says {stated.step}; leave it out, or rename the "
            "file if its name is wrong."
        )
    return subject


def _agree(what: str, named: bool | None, stated: bool | None) -> None:
    if named is None or stated is None or named == stated:
        return
    says, corpus = ("deduped", "duped") if named else ("duped", "deduped")
    raise InvalidValue(
        f"{what[:1].upper()}{what[1:]} is of the {says} corpus, and --corpus says {corpus}; leave one out."
    )


def _is_of_size(model: Model, size: str) -> bool:
    return (model.size or "").lower() == size or size in model.name.split("-")


def _is_deduplicated(model: Model) -> bool:
    return _DEDUPED in model.name


def _checkpoint(model: Model, step: int | str | None) -> Checkpoint:
    return model.checkpoint(step) if step is not None else model.checkpoints[-1]


def _pythia(catalog: Catalog, size: str, deduplicated: bool, step: int | str | None, column: str) -> Subject:
    """The Pythia model of a size, of the first release where the catalog has it, at a step or its last checkpoint."""
    name = f"pythia-{size}{_DEDUPED if deduplicated else ''}"
    try:
        model, note = catalog.model(f"{name}{_V0}"), _LIKELY_V0
    except UnknownModel:
        model, note = catalog.model(name), _NO_V0
    return Subject(model=model, checkpoint=_checkpoint(model, step), size=column, note=note, published=True)
