"""Compare: what changed between two checkpoints of a model, or between two sizes. Only what changed is listed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seenat.registry.errors import InvalidValue
from seenat.registry.units import parse_count
from seenat.remote.parameters import Parameter
from seenat.service.pages.asking import Asked
from seenat.service.pages.page import Page, numbered
from seenat.service.pages.questions.choices import FOR_MEASURED, Missing, measured_models, measured_steps, or_missing

__all__ = ["COMPARE_PAGE", "Change", "CompareView"]

_ROUTE = "/models/{model}/which/changed"
_ROWS = 60
_LONGEST = 320
_KINDS = ("gained", "forgotten", "relearned")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A list of what changed in one way."""

    kind: str
    count: int
    sequences: tuple[int, ...]
    next: int | None
    is_first_page: bool


@dataclass(frozen=True, kw_only=True)
class CompareView:
    """Two checkpoints, and what changed from the first to the second."""

    a: str | None
    b: str | None
    measured: Mapping[str, tuple[int, ...]]
    """Steps by model."""
    missing: Missing | None
    changed: Mapping[str, Any] | None
    lists: tuple[Change, ...]
    pages: Mapping[str, int | None]

    @property
    def is_one_model(self) -> bool:
        """Whether both are checkpoints of one model."""
        return self.changed is not None and self.changed["model"] == self.changed["other"]

    @property
    def bars(self) -> list[tuple[str, int, float, float]]:
        """What the two have memorized as parts of one bar: kind, count, and in thousandths where it begins and how long it is."""
        assert self.changed is not None
        counts = {kind: int(self.changed[kind]) for kind in ("kept", "relearned", "gained", "forgotten")}
        total, begun, bars = sum(counts.values()), 0, []
        for kind, count in counts.items():
            if count:
                bars.append((kind, count, 1000 * begun / total, 1000 * count / total))
            begun += count
        return bars

    @property
    def suggestions(self) -> list[tuple[str, str, str]]:
        """Pairs that are worth a look: words, and both checkpoints."""
        pairs = [
            (f"{model}, its last two checkpoints", f"{model}@{steps[-2]}", f"{model}@{steps[-1]}")
            for model, steps in self.measured.items()
            if len(steps) > 1
        ]
        names = list(self.measured)
        for small, large in itertools.pairwise(names):
            common = set(self.measured[small]) & set(self.measured[large])
            if common:
                pairs.append(
                    (f"{small} and {large} at step {max(common):,}", f"{small}@{max(common)}", f"{large}@{max(common)}")
                )
        return pairs


def compare_view(asked: Asked) -> CompareView:
    """The page of a comparison."""
    a, b = asked.get("a"), asked.get("b")
    measured = measured_steps(asked, measured_models(asked))
    pages = {kind: asked.get(kind) for kind in _KINDS}
    found: Any = None
    if a and b:
        found = or_missing(lambda: [_list(asked, a, b, kind) for kind in _KINDS])
    elif not measured:
        found = Missing("Nothing has been measured yet, so nothing can be compared.", "seenat memorize MODEL")
    missing = found if isinstance(found, Missing) else None
    lists = () if found is None or missing else tuple(change for change, _ in found)
    return CompareView(
        a=a,
        b=b,
        measured=measured,
        missing=missing,
        changed=found[0][1] if lists else None,
        lists=lists,
        pages=pages,
    )


def _list(asked: Asked, a: str, b: str, kind: str) -> tuple[Change, Mapping[str, Any]]:
    (model, since), (other, until) = _checkpoint("a", a), _checkpoint("b", b)
    after = asked.get(kind)
    document = asked.ask(
        _ROUTE,
        model=model,
        since=since,
        until=until,
        other=None if other == model else other,
        change=kind,
        limit=_ROWS,
        after=after,
    )
    sequences = tuple(row["sequence"] for row in document["sequences"])
    change = Change(
        kind=kind, count=document[kind], sequences=sequences, next=document["next"], is_first_page=after is None
    )
    return change, document


def _checkpoint(name: str, text: str) -> tuple[str, int]:
    """A checkpoint, `MODEL@STEP`."""
    model, at, step = text.rpartition("@")
    if not at or not model:
        raise InvalidValue(f"{name}={text!r} is no checkpoint; write MODEL@STEP.")
    return model, parse_count(step, "step")


def _side(name: str) -> Parameter:
    def read(text: str) -> str:
        if len(text) > _LONGEST:
            raise InvalidValue(f"{name} has {len(text):,} characters; write MODEL@STEP.")
        _checkpoint(name, text)
        return text

    schema = {"type": "string", "maxLength": _LONGEST}
    return Parameter(name=name, about="A checkpoint, MODEL@STEP.", read=read, schema=schema)


COMPARE_PAGE = Page(
    path="/compare",
    template="questions/compare.html",
    view=compare_view,
    shows=(_ROUTE, *FOR_MEASURED),
    query=("a", "b", *_KINDS),
    own=(_side("a"), _side("b"), *(numbered(kind, "Where the list before ended.") for kind in _KINDS)),
    is_slow=True,
    label="Compare",
)
