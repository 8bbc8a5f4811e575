"""`seenat influence`: one JSON document with its keys, a table, and mistakes told in one sentence. 10 seconds."""

from __future__ import annotations

import io
import json
import sys

import pytest
from support.cli import Call

ANSWER = {"model", "order", "query", "method", "candidates", "error", "sequences", "baseline"}
ROW = {
    "rank",
    "sequence",
    "batch",
    "step",
    "score",
    "bm25",
    "bm25_rank",
    "checkpoints",
    "contributions",
    "passage",
    "text",
}


def test_json_is_one_document(call: Call) -> None:
    called = call("influence", "pocket-230k", "The default process group", "--batches", "60:68", "--top", "3", "--json")
    assert called.code == 0, called.err
    assert called.out.count("\n") == 1
    found = json.loads(called.out)
    assert set(found) == ANSWER
    assert (found["model"], found["candidates"]) == ("pocket-230k", 64)
    assert found["query"]["text"] == "The default process group"
    assert found["method"] == {
        "way": "differences",
        "second_moment": False,
        "unit_norm": False,
        "rates": "schedule",
        "steps": [32, 64, 128],
        "around": True,
    }
    assert [row["rank"] for row in found["sequences"]] == [1, 2, 3]
    for row in found["sequences"]:
        assert set(row) == ROW
        assert sum(row["contributions"]) == pytest.approx(row["score"])
        assert row["step"] == row["batch"] + 1 == row["sequence"] // 8 + 1
    assert [row["rank"] for row in found["baseline"]] == [1, 2, 3]


def test_people_get_a_table(call: Call) -> None:
    options = ("--unit-norm", "--second-moment", "--equal-rates", "--exact", "--top", "2")
    called = call(
        "influence",
        "pocket-230k",
        "--ids",
        "40,41,42",
        "--loss",
        "2:3",
        "--sequences",
        "8,9,3071",
        "--steps",
        "384",
        *options,
    )
    assert called.code == 0, called.err
    lines = called.out.splitlines()
    assert lines[1].split(maxsplit=1) == ["query", "3 ids, loss over 2:3"]
    assert "for all: step 384" in called.out
    assert "all alike" in called.out
    assert lines[-3].split()[:3] == ["rank", "score", "sequence"]
    assert {line.split()[2] for line in lines[-2:]} <= {"8", "9", "3,071"}


def test_a_text_may_come_from_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("The default process group"))
    called = call("influence", "pocket-230k", "-", "--batches", "0:1", "--top", "1", "--json")
    assert json.loads(called.out)["query"]["text"] == "The default process group"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("a text",), 2, "either batches or sequences"),
        (("--batches", "0:1"), 2, "Give either a TEXT or --ids"),
        (("a text", "--ids", "1,2", "--batches", "0:1"), 2, "Give either a TEXT or --ids"),
        (("a text", "--batches", "0:400"), 2, "not a range within 0:384"),
        (("a text", "--sequences", "3000:3100"), 3, "never consumed sequence 3099"),
        (("a text", "--sequences", "five"), 2, "'five' is not a sequence"),
        (("a text", "--batches", "0:1", "--steps", "100"), 3, "no checkpoint at step 100"),
        (("--ids", "5,1024", "--batches", "0:1"), 2, "not in the vocabulary"),
        (("--ids", "five", "--batches", "0:1"), 2, "'five' is not a token id"),
        (("a text", "--batches", "0:1", "--loss", "9:99"), 2, "9:99 is not a range of ids"),
    ],
)
def test_mistakes_are_told_in_one_sentence(call: Call, args: tuple[str, ...], code: int, said: str) -> None:
    called = call("influence", "pocket-230k", *args)
    assert (called.code, called.out) == (code, "")
    assert said in called.err
    assert len(called.err.splitlines()) == 1
