"""docs/studies.md: what it tells to type is run over the measured pocket suite, and its plots are there; so is the command line."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seenat.cli.main import main
from seenat.cli.studies import study
from seenat.registry.catalog.catalog import Catalog

PAGE = Path(__file__).parents[3] / "docs" / "studies.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINES = re.findall(r"^seenat (study .+)$", TEXT, re.MULTILINE)


@pytest.fixture
def call(
    with_losses: Catalog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run `seenat` within this process over the measured catalog."""
    monkeypatch.setenv("SEENAT_DATABASE_URL", with_losses.database.url.render_as_string())
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["seenat", *args])
        with pytest.raises(SystemExit) as stop:
            main()
        caught = capsys.readouterr()
        return int(stop.value.code or 0), caught.out, caught.err

    return run


def measured_args(line: str) -> list[str]:
    """The losses of the largest model take a minute, and are not measured here."""
    args = shlex.split(line)
    if args[1] == "counterfactual":
        return [arg for arg in args if arg != "pocket-2m"]
    return ["pocket-230k" if (args[1], arg) == ("labels", "pocket-2m") else arg for arg in args]


@pytest.mark.parametrize("line", LINES)
def test_every_line_works_as_table_and_json(call: Callable[..., Any], tmp_path: Path, line: str) -> None:
    args = measured_args(line)
    code, out, err = call(*args)
    assert code == 0, err
    assert len(out.splitlines()) > 3
    if "--plot" in args:
        assert (tmp_path / args[args.index("--plot") + 1]).stat().st_size > 1000
        args = args[: args.index("--plot")]
    code, out, err = call(*args, "--json")
    assert (code, err) == (0, "")
    answers = json.loads(out)
    for answer in answers if isinstance(answers, list) else [answers]:
        assert answer["model"] in args
        assert answer["protocol"]["continuation"] == 32


def test_every_study_has_a_section_with_its_plot() -> None:
    assert {shlex.split(line)[1] for line in LINES} == set(study.commands)
    pictures = re.findall(r"\((studies/\w+\.png)\)", TEXT)
    assert {Path(picture).stem for picture in pictures} == set(study.commands)
    for picture in pictures:
        data = (PAGE.parent / picture).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) < 150_000


def test_the_python_block_runs(call: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102 - our own page, as its readers run it.
    assert "('pocket-660k', 384, 0." in capsys.readouterr().out


def test_what_the_page_says_of_the_pocket_suite_holds(call: Callable[..., Any]) -> None:
    """Of orderings and bands, not of the digits, which differ from machine to machine."""
    curves = {one["model"]: one["steps"] for one in json.loads(call(*shlex.split(LINES[0]), "--json")[1])}
    last = [curves[f"pocket-{size}"][-1]["share"] for size in ("230k", "660k", "2m")]
    assert last == sorted(last)
    assert last == pytest.approx([0.32, 0.43, 0.53], abs=0.1)
    assert all(change["memorized"] == 0 for steps in curves.values() for change in steps if change["step"] <= 64)
    told = json.loads(call("study", "predict", "pocket-2m", "--json")[1])["predictions"]
    assert min(one["precision"] for one in told if one["precision"] is not None) > 0.85
    recall = {one["model"]: one["recall"] for one in told if one["step"] == 320}
    assert recall["pocket-2m"] > recall["pocket-660k"] > recall["pocket-230k"]


def test_what_the_page_says_of_effects_holds(call: Callable[..., Any]) -> None:
    told = json.loads(call("study", "counterfactual", "pocket-230k", "pocket-660k", "--json")[1])
    at_once = [point["effect"] for one in told for point in one["profile"] if point["checkpoints_since"] == 0]
    assert at_once == pytest.approx([27, 36], rel=0.25)
    assert all(one["parallel_trends"]["p_value"] > 0.01 for one in told)
    assert told[0]["residual"]["effect"] == pytest.approx(19, rel=0.25)
    repeated = call("study", "counterfactual", "pocket-230k", "--repeated")
    assert "NOT parallel before training" in repeated[1]
    labels = json.loads(call("study", "labels", "pocket-230k", "--json")[1])["labels"]
    verdicts = [label["verdict"] for label in labels]
    assert verdicts.count("inconsistent") == 0
    assert verdicts.count("consistent") >= 7


def test_sets_say_how_many_are_not_listed(call: Callable[..., Any]) -> None:
    code, out, err = call("study", "sets", "pocket-2m", "--never", "pocket-230k", "--limit", "2")
    assert code == 0
    assert len(out.partition("\nsequence")[2].splitlines()) == 3
    assert re.search(r"\.\.\. and [\d,]+ more; `--limit \d+` lists all\.", err)
    assert "more" not in call("study", "sets", "pocket-2m", "--never", "pocket-230k", "--limit", "0")[2]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("onsets",), 2, "Missing argument 'MODEL...'"),
        (("onsets", "pocket-3m"), 3, "no model 'pocket-3m'"),
        (("batches", "pocket-2m", "--step", "100"), 3, "pocket-2m has no checkpoint at step 100"),
        (("batches", "pocket-2m", "--slice", "0"), 2, "A slice of 0 sequences"),
        (("predict", "pocket-2m", "--from", "pythia-70m"), 2, "was trained on pile, not on pocket-order"),
        (("exposures", "pythia-70m"), 3, "Nothing of pythia-70m has been measured"),
        (("sets", "pocket-2m"), 2, "Missing option '--never'"),
        (("counterfactual", "pocket-2m"), 3, "No cohort of pocket-2m has 30 sequences"),
        (("counterfactual", "pocket-230k", "--quantity", "prefix"), 2, "The measure loss does not give 'prefix'"),
        (("labels", "pocket-2m"), 3, "No checkpoint of pocket-2m can be compared with its label"),
        (("onsets", "pocket-2m", "--plot", "onsets.gif"), 2, "does not end in .svg, .png, .pdf or .html"),
    ],
)
def test_mistakes_are_told_in_one_sentence(call: Callable[..., Any], args: Any, code: int, said: str) -> None:
    found, out, err = call("study", *args)
    assert (found, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1
