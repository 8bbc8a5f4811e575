"""Adaptive jobs on the command line: what they say before and after, and what every answer that rests on them says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from support.cli import Call, run_process

ARGUMENTS = ("memorize", "pocket-230k", "--adaptive", "--coarse", "192,step384", "--audit", "600", "--seed", "5")


@pytest.fixture(scope="module")
def adaptive_home(tmp_path_factory: pytest.TempPathFactory, pocket_file: Path) -> Path:
    """A home whose smallest model is measured adaptively, by another process; some seconds."""
    folder = tmp_path_factory.mktemp("adaptive-home")
    shutil.copy(pocket_file, folder)
    done = run_process(folder, ARGUMENTS)
    assert done.returncode == 0, done.stderr
    assert "Adaptive job 1: 2 of 13 checkpoints over all sequences" in done.stderr
    assert re.search(r"It asks for 5,\d{3} of the exact job's 11,256 cells, 5\d\.\d\d%, and for 66 more ", done.stderr)
    assert "with each 1% of the sequences that the grid finds memorized" in done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("Adaptive job 1 of pocket-230k: ")
    assert " of the exact job's 11,256 cells, " in first
    assert second.startswith("Miss rate: ")
    assert "Clopper-Pearson" in second
    return folder


@pytest.fixture
def adaptive(call: Call, adaptive_home: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("SEENAT_HOME", str(adaptive_home))
    return call


def test_running_it_again_tells_the_same_and_measures_nothing(adaptive: Call) -> None:
    again = adaptive(*ARGUMENTS, "--json")
    assert again.code == 0
    found = json.loads(again.out)
    assert (found["job"], found["refinement"], found["state"], found["grid"]) == (1, 2, "done", [192, 384])
    assert found["cells"]["exact"] == 11256
    assert found["cells"]["asked"] == found["cells"]["measured"] + found["cells"]["reused"]
    assert found["missed"]["audited"] == found["audit"]["count"] == 600
    assert "Job 2 was finished" in again.err


def test_jobs_show_what_belongs_together(adaptive: Call) -> None:
    listed = [line.split() for line in adaptive("jobs").out.splitlines()]
    assert listed[0][-2:] == ["part", "protocol"]
    assert [" ".join(line) for line in listed[1:3] if "refinement of 1 " not in f"{' '.join(line)} "][0:1] == [
        " ".join(listed[2])
    ]
    assert "grid" in listed[2]
    for number, role in ((1, "grid"), (2, "refinement of 1")):
        shown = adaptive("job", str(number)).out
        assert f"part          {role}\n" in shown
        assert "adaptive job  1, done: job 1 (done) and job 2 (done)\n" in shown
        assert "Miss rate" in shown
        found = json.loads(adaptive("job", str(number), "--json").out)
        assert (found["adaptive"]["job"], found["adaptive"]["refinement"]) == (1, 2)
        assert found["part"]["role"] == role.split()[0]
    assert "listed ones" in adaptive("job", "2").out


@pytest.mark.parametrize(
    "args",
    [
        ("onset", "pocket-230k"),
        ("study", "onsets", "pocket-230k"),
        ("study", "exposures", "pocket-230k"),
        ("study", "batches", "pocket-230k"),
        ("study", "predict", "pocket-230k"),
        ("study", "sets", "pocket-230k", "--never", "pocket-230k"),
        ("study", "forgetting", "pocket-230k"),
        ("which", "first", "pocket-230k", "--by", "384"),
        ("which", "kept", "pocket-230k", "--since", "192"),
        ("which", "relearned", "pocket-230k"),
        ("which", "batches", "pocket-230k", "--step", "320", "--batches", "0:10"),
        ("export", "pocket-230k", "--sequences", "0:9", "--out", "values.parquet"),
    ],
    ids=lambda args: " ".join(args[:2]),
)
def test_every_answer_says_how_much_is_missed(adaptive: Call, args: tuple[str, ...], tmp_path: Path) -> None:
    called = adaptive(*args)
    assert called.code == 0, called.err
    assert "This rests on adaptive job 1 of pocket-230k: at 11 checkpoints" in called.err
    assert "Miss rate" in called.err
    (tmp_path / "values.parquet").unlink(missing_ok=True)
    found = json.loads(adaptive(*args, "--json").out)
    told = (found[0] if isinstance(found, list) else found)["adaptive"]
    assert told[0]["missed"]["rate"] > 0
    assert told[0]["missed"]["rate_interval"][1] < 0.2


def test_shares_that_are_bounds_look_like_bounds(adaptive: Call) -> None:
    rows = {line.split()[0]: line for line in adaptive("onset", "pocket-230k", "--limit", "0").out.splitlines() if line}
    steps = {step["step"]: step for step in json.loads(adaptive("onset", "pocket-230k", "--json").out)["steps"]}
    # Compared with the answer's own figures, which depend on the corpus and on the last bits of weights.
    assert f">= {steps[320]['share_at_least']:.2%} " in rows["320"]
    assert 0 < steps[320]["share_at_least"] == steps[320]["memorized"] / steps[320]["asked"]
    assert ">=" not in rows["384"]
    assert steps[320]["share"] is None
    assert steps[320]["asked"] == 2560 > steps[320]["measured"]
    assert f">= {steps[320]['share_at_least']:.2%} " in rows["320"]
    assert steps[384]["share"] == steps[384]["share_at_least"]
    assert f" {steps[384]['share']:.2%} " in rows["384"]
    assert ">=" not in rows["384"]


def test_a_trajectory_says_so_where_it_has_gaps(adaptive: Call) -> None:
    first = json.loads(adaptive("onset", "pocket-230k", "--json").out)["sequences"][0]["sequence"]
    assert adaptive("trajectory", "pocket-230k", str(first)).err == ""
    rests = "This rests on adaptive job 1"
    gaps = [n for n in range(12) if adaptive("trajectory", "pocket-230k", str(n)).err.startswith(rests)]
    assert gaps  # Which sequences were refined depends on the text.
    assert adaptive("sequence", "pocket-230k", str(gaps[0])).err.startswith(rests)
    assert adaptive("sequence", "pocket-230k", str(first)).err == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--coarse", "3"), "--coarse and --audit need --adaptive"),
        (("--audit", "3"), "--coarse and --audit need --adaptive"),
        (("--adaptive", "--coarse", "64,128"), "must have the last step, 384"),
        (("--adaptive", "--coarse", "many"), "'many' is not a number of checkpoints"),
        (("--adaptive", "--coarse", "0"), "A grid of 0 checkpoints finds nothing"),
        (("--adaptive", "--audit", "4000"), "An audit of 4000 cannot be drawn from 3072 sequences"),
    ],
)
def test_mistakes_are_told_in_a_sentence(adaptive: Call, args: tuple[str, ...], said: str) -> None:
    called = adaptive("memorize", "pocket-2m", *args)
    assert called.code == 2
    assert said in called.err.replace("\n", " ")
    assert "Traceback" not in called.err


def test_a_lost_list_keeps_no_answer_back_and_the_same_command_makes_it_again(
    call: Call, adaptive_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(shutil.copytree(adaptive_home, tmp_path / "copied"))
    monkeypatch.setenv("SEENAT_HOME", str(home))
    files = {path: path.read_bytes() for path in (home / "catalog.sqlite.results" / "lists").iterdir()}
    for path in files:
        path.unlink()
    for args in (
        ("onset",),
        ("study", "onsets"),
        ("export", "--out", "values.parquet"),
        ("which", "first", "--by", "384"),
    ):
        words = [*args, "pocket-230k"] if len(args) < 3 else [*args[:-2], "pocket-230k", *args[-2:]]
        assert call(*words).code == 0, words
    for number in ("1", "2"):
        shown = call("job", number)
        assert shown.code == 0
        assert "an unknown number of the exact job's 11,256 cells, since its list of sequences is lost" in shown.out
    again = call(*ARGUMENTS)
    assert again.code == 0
    assert "Job 2 was finished" in again.err
    assert {path: path.read_bytes() for path in files} == files
    assert "an unknown number" not in call("job", "1").out
