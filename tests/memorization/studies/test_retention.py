"""What was kept and what was relearned, against the trajectory of every single sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seenat.memorization.studies.retention import all_relearned, kept, relearned
from seenat.registry.answer import to_json
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, NotMeasured

CASES = [("measured_pocket", "pocket-230k"), ("measured_pocket", "pocket-2m"), ("partly", "pocket-230k")]


@pytest.mark.parametrize(("which", "name"), CASES)
@pytest.mark.parametrize("span", [(256, 384), (256, None), (256, 320)])
def test_what_is_kept_is_what_the_trajectories_say(
    request: pytest.FixtureRequest, seen: Callable[..., Any], which: str, name: str, span: tuple[int, int | None]
) -> None:
    catalog = request.getfixturevalue(which)
    known = seen(catalog, name)
    since, until = span[0], span[1] or 384
    chosen = known.memorized(since)
    points = {
        sequence: [one for one in known.trajectory(sequence).points if since <= one.step <= until]
        for sequence in chosen
    }
    there = {sequence: path for sequence, path in points.items() if path[-1].step == until}
    still = {sequence for sequence, path in there.items() if all(one.memorized for one in path)}
    found = kept(catalog, known.model, *span, limit=10_000)
    assert (found.since, found.until) == (since, until)
    assert found.sequences == tuple(sorted(still))
    assert (found.memorized, found.kept) == (len(chosen), len(still))
    assert found.at_until == len(chosen & known.memorized(until))
    assert found.not_measured == len(chosen) - len(there)
    assert (found.not_measured > 0) == (which == "partly" and until == 320)
    assert found.next is None
    if which == "measured_pocket":
        assert 0 < found.kept <= found.at_until <= found.memorized


@pytest.mark.parametrize(("which", "name"), CASES)
def test_what_is_relearned_is_what_the_trajectories_say(
    request: pytest.FixtureRequest, seen: Callable[..., Any], which: str, name: str
) -> None:
    catalog = request.getfixturevalue(which)
    known = seen(catalog, name)
    paths = {sequence: known.trajectory(sequence) for sequence in range(known.values.shape[1])}
    again = {sequence: path for sequence, path in paths.items() if path.relearned}
    found = relearned(catalog, known.model, limit=10_000)
    assert [(one.sequence, one.forgotten, one.relearned) for one in found.sequences] == [
        (sequence, path.forgotten, path.relearned) for sequence, path in again.items()
    ]
    for limit, after in ((None, -1), (3, -1), (None, next(iter(again), 0))):
        rows = [row for row in to_json(found)["sequences"] if row["sequence"] > after]
        blocks = all_relearned(catalog, known.model, limit=limit, after=after)
        assert [row for block in blocks for row in block.rows()] == rows[:limit]
    assert found.relearned == len(again)
    assert found.forgotten == sum(bool(path.forgotten) for path in paths.values())
    assert found.memorized == sum(path.onset is not None for path in paths.values())
    if which == "measured_pocket":
        assert 0 < found.relearned < found.forgotten < found.memorized


def test_pages_follow_each_other(measured_pocket: Catalog) -> None:
    model = measured_pocket.model("pocket-230k")
    for ask in (
        lambda **page: kept(measured_pocket, model, 256, **page),
        lambda **page: relearned(measured_pocket, model, **page),
    ):
        whole = ask(limit=10_000).sequences
        found, after = [], -1
        while after is not None:
            page = ask(limit=11, after=after)
            assert 0 < len(page.sequences) <= 11
            found += page.sequences
            after = page.next
        assert tuple(found) == whole
        assert ask(limit=len(whole)).next is None
        assert ask(limit=0).sequences == ()


def test_steps_that_make_no_sense_are_refused(measured_pocket: Catalog, partly: Catalog) -> None:
    model = measured_pocket.model("pocket-230k")
    with pytest.raises(InvalidValue, match="Nothing is kept from step 384 to 384"):
        kept(measured_pocket, model, 384)
    with pytest.raises(
        NotMeasured, match=r"Step 64 of pocket-230k has not been measured; measured are 256, 320, 384\."
    ):
        kept(partly, model, 64)
    assert set(kept(measured_pocket, model, 256, limit=1).to_json()) >= {"since", "until", "kept", "at_until", "next"}
    assert set(relearned(measured_pocket, model, limit=1).to_json()["sequences"][0]) == {
        "sequence",
        "forgotten",
        "relearned",
    }
