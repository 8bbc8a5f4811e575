"""What changed between two checkpoints, against the trajectory of every single sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import seenat
from seenat.memorization.studies.changes import CHANGES, changed
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, NotMeasured

CASES = [
    ("measured_pocket", "pocket-230k", 192, None, 320),
    ("measured_pocket", "pocket-2m", 256, None, None),
    ("measured_pocket", "pocket-230k", 384, "pocket-2m", 192),
    ("measured_pocket", "pocket-2m", 192, "pocket-230k", 384),
    ("partly", "pocket-230k", 256, None, 320),
    ("partly", "pocket-2m", 320, "pocket-230k", 384),
]


@pytest.mark.parametrize(("which", "name", "since", "other", "until"), CASES)
def test_what_changed_is_what_the_trajectories_say(
    request: pytest.FixtureRequest,
    seen: Callable[..., Any],
    which: str,
    name: str,
    since: int,
    other: str | None,
    until: int | None,
) -> None:
    catalog = request.getfixturevalue(which)
    first, second = seen(catalog, name), seen(catalog, other or name)
    due: dict[str, list[int]] = {kind: [] for kind in (*CHANGES, "kept", "not_seen", "not_measured", "gained_unseen")}
    for sequence in range(first.values.shape[1]):
        for kind in became(first, since, second, until or 384, sequence):
            due[kind].append(sequence)
    found = changed(catalog, first.model, since, until, other=None if other is None else second.model, limit=10_000)
    assert (found.since, found.other, found.until) == (since, other or name, until or 384)
    assert {kind: getattr(found, kind) for kind in due} == {kind: len(sequences) for kind, sequences in due.items()}
    listed = {kind: [row.sequence for row in found.sequences if row.change == kind] for kind in CHANGES}
    assert listed == {kind: due[kind] for kind in CHANGES}
    if which == "measured_pocket":
        assert due["gained"]
        assert due["kept"]
    else:
        assert due["not_measured"]


def became(first: Any, since: int, second: Any, until: int, sequence: int) -> set[str]:
    """What became of a sequence, from its two paths of seen points alone."""
    path = {one.step: one.memorized for one in second.trajectory(sequence).points if one.step <= until}
    before = {one.step: one.memorized for one in first.trajectory(sequence).points if one.step <= since}
    same = first is second or first.model.name == second.model.name
    had, has = before.get(since, False), path.get(until, False)
    unseen = sequence not in first.model.schedule.sequences_seen(since)
    unread = sequence not in second.model.schedule.sequences_seen(until)
    if has and since not in before and not unseen:
        return {"not_measured"}
    if had and until not in path:
        return {"not_seen"} if unread else {"not_measured"}
    again = [step for step in learned_again(path) if step > since or not same]
    if has and (had or (same and any(before.values()))):
        return {"relearned"} if again else {"kept"}
    if has:
        return {"gained", "gained_unseen"} if unseen else {"gained"}
    return {"forgotten"} if had else set()


def learned_again(path: dict[int, bool]) -> list[int]:
    states = list(path.items())
    return [
        step
        for place, (step, memorized) in enumerate(states)
        if memorized and place and not states[place - 1][1] and any(state for _, state in states[:place])
    ]


def test_pages_follow_each_other(measured_pocket: Catalog) -> None:
    model = measured_pocket.model("pocket-2m")
    for change in (None, "gained", "forgotten"):
        whole = changed(measured_pocket, model, 320, change=change, limit=10_000)
        found, after = [], -1
        while after is not None:
            page = changed(measured_pocket, model, 320, change=change, limit=len(whole.sequences) // 3, after=after)
            found += page.sequences
            after = page.next
        assert tuple(found) == whole.sequences
        assert {row.change for row in found} == ({change} if change else {row.change for row in whole.sequences})


def test_what_cannot_be_compared_is_refused(measured_pocket: Catalog, partly: Catalog) -> None:
    model = measured_pocket.model("pocket-230k")
    with pytest.raises(InvalidValue, match="Nothing changes from step 384 to 384 of pocket-230k"):
        changed(measured_pocket, model, 384)
    with pytest.raises(InvalidValue, match="'lost' is no change; choose one of gained, forgotten, relearned"):
        changed(measured_pocket, model, 256, change="lost")
    with pytest.raises(InvalidValue, match="choose models of one order"):
        changed(measured_pocket, model, 256, other=measured_pocket.model("pythia-70m"))
    with pytest.raises(NotMeasured, match="Step 64 of pocket-2m has not been measured"):
        changed(partly, partly.model("pocket-230k"), 256, 64, other=partly.model("pocket-2m"))
    assert seenat.Changed is type(changed(measured_pocket, model, 256, limit=0))
