"""Lists of memorized sequences and the compaction, as commands."""

from __future__ import annotations

import json
from typing import Any

from support.cli import Call


def answer(call: Call, *args: str) -> Any:
    called = call(*args, "--json")
    assert called.code == 0, called.err
    return json.loads(called.out)


def test_pages_of_what_was_memorized_first(call: Call) -> None:
    whole = answer(call, "which", "first", "pocket-230k", "--by", "256", "--limit", "100000")
    assert whole["count"] == len(whole["sequences"]) > 10
    assert whole["next"] is None
    page = answer(call, "which", "first", "pocket-230k", "--by", "256", "--limit", "3")
    after = page["next"]
    rest = answer(
        call, "which", "first", "pocket-230k", "--by", "256", "--limit", "3", "--after", str(after["step"]),
        str(after["sequence"]),
    )  # fmt: skip
    assert page["sequences"] + rest["sequences"] == whole["sequences"][:6]
    called = call("which", "first", "pocket-230k", "--by", "256", "--limit", "3")
    assert called.out.startswith(
        f"{whole['count']:,} sequences memorized first by pocket-230k at step 256 or before.\n"
    )
    assert called.err == f"... and more; `--after {after['step']} {after['sequence']}` continues.\n"


def test_kept_and_relearned(call: Call) -> None:
    found = answer(call, "which", "kept", "pocket-230k", "--since", "256", "--limit", "2")
    assert found["until"] == 384
    assert found["sequences"] == sorted(found["sequences"])
    called = call("which", "kept", "pocket-230k", "--since", "256", "--limit", "2")
    assert f"at every step up to 384  {found['kept']:,}\n" in called.out
    assert called.err == f"... and more; `--after {found['next']}` continues.\n"
    found = answer(call, "which", "relearned", "pocket-230k", "--limit", "1")
    (one,) = found["sequences"]
    assert one["relearned"]
    called = call("which", "relearned", "pocket-230k", "--limit", "1")
    assert f"{one['sequence']:,}" in called.out.splitlines()[-1]
    assert f"learned again    {found['relearned']:,}\n" in called.out


def test_what_changed(call: Call) -> None:
    asked = ("which", "changed", "pocket-230k", "--since", "256")
    found = answer(call, *asked, "--change", "gained", "--limit", "2")
    assert (found["until"], found["other"]) == (384, "pocket-230k")
    assert [row["change"] for row in found["sequences"]] == ["gained", "gained"]
    called = call(*asked, "--change", "gained", "--limit", "2")
    assert called.out.startswith("From pocket-230k at step 256 to pocket-230k at step 384")
    assert f"gained         {found['gained']:,}" in called.out
    assert called.err == f"... and more; `--after {found['next']}` continues.\n"
    assert call(*asked, "--change", "lost").code == 2


def test_batches(call: Call) -> None:
    found = answer(call, "which", "batches", "pocket-230k", "--step", "384", "--batches", "380:390")
    assert [one["batch"] for one in found["counts"]] == [380, 381, 382, 383]
    assert answer(call, "which", "batches", "pocket-230k", "--step", "384")["measured"] == 3072
    called = call("which", "batches", "pocket-230k", "--step", "384", "--batches", "380:390")
    assert called.out.startswith("Of batches 380:390 at step 384, pocket-230k had memorized ")
    assert len(called.out.splitlines()) == 3 + 4


def test_compaction(call: Call) -> None:
    found = answer(call, "compact", "pocket-230k")
    assert (found["written"], found["left_out"]) == (0, 0), "the job did it"
    called = call("compact", "pocket-230k")
    assert (
        called.out
        == f"{found['blocks']} blocks of pocket-230k by trajectory, {found['bytes']:,} bytes; 0 written now.\n"
    )


def test_mistakes_are_told_in_one_sentence(call: Call) -> None:
    for args, code, said in (
        (("kept", "pocket-230k", "--since", "100"), 3, "pocket-230k has no checkpoint at step 100; the nearest are "),
        (("kept", "pocket-230k", "--since", "256", "--until", "64"), 2, "Nothing is kept from step 256 to 64"),
        (("batches", "pocket-230k", "--step", "384", "--batches", "5:2"), 2, "5:2 is not a range within 0:448"),
        (("first", "pythia-70m", "--by", "5"), 3, "Nothing of pythia-70m has been measured yet"),
        (("first", "pocket-230k"), 2, "Missing option '--by'"),
    ):
        called = call("which", *args)
        assert called.code == code
        assert said in called.err
        assert called.err.count("\n") == 1
