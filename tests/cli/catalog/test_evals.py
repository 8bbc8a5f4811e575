"""The commands about what others measured, and every block of docs/evaluations.md, over small files of the same form.

Within this process; about 10 seconds.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from support.published import hub_run, numbers, write_evals, write_json, write_memorized

from seenat.cli.catalog.evals import evals
from seenat.cli.results.published import compare, import_
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.open import open_catalog
from seenat.registry.suites.reference_counts import record_reference_counts

DOCS = Path(__file__).parents[3] / "docs" / "evaluations.md"
COMMANDS = click.Group("seenat", commands=[evals, compare, import_])

Run = Callable[..., str]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, catalog_file: Path) -> Path:
    """A catalog of what ships with seenat, published counts included."""
    path = Path(shutil.copy(catalog_file, tmp_path_factory.mktemp("template")))
    with open_catalog(str(path)) as catalog, catalog.database.write() as connection:
        record_reference_counts(connection)
    return path


@pytest.fixture
def run(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder that holds what the documentation speaks of; returns what it printed."""
    shutil.copy(template, tmp_path / "catalog.sqlite")
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(tmp_path / "catalog.sqlite"))
    monkeypatch.chdir(tmp_path)
    write_evals(tmp_path / "pythia")
    sets = write_memorized(tmp_path / "memorized-evals", {"duped.70m": [3, 1, 3], "deduped.12b.23000": [7]})
    shutil.copy(sets / "duped.70m-00000-of-00001.parquet", tmp_path / "my.parquet")

    def call(*args: str) -> str:
        COMMANDS.main(list(args), prog_name="seenat", standalone_mode=False)
        return capsys.readouterr().out

    return call


def answer(run: Run, *args: str) -> Any:
    printed = run(*args, "--json")
    assert printed.count("\n") == 1
    return json.loads(printed)


def test_every_documented_command_runs(run: Run, tmp_path: Path) -> None:
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", DOCS.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 10
    for line in lines:
        assert run(*shlex.split(line)[1:]), line
    assert "lambada" not in (tmp_path / "subjects.html").read_text(encoding="utf-8")
    assert "hendrycksTest-12" in (tmp_path / "subjects.html").read_text(encoding="utf-8")


def test_the_documentation_lists_every_command() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in ("import evals", "import memorized", "evals", "compare"):
        assert f"seenat {name} " in text


def test_importing_evaluations(run: Run, tmp_path: Path) -> None:
    write_json(tmp_path / "pythia/evals/others/opt.json", hub_run("facebook/opt-125m", 1, numbers(9)))
    first = answer(run, "import", "evals", "pythia/evals")
    assert set(first) == {"files", "added", "replaced", "unchanged", "values", "quarantined", "coincidences"}
    assert (first["files"], first["added"], first["unchanged"], first["values"]) == (8, 8, 0, 6 * 60)
    assert {one["path"] for one in first["quarantined"]} == {
        "others/opt.json",
        "pythia-v1/pythia-70m/five-shot/70m-5shot_step143000.json",
    }
    printed = run("import", "evals", "pythia/evals")
    assert re.search(r"(?m)^unchanged +8$", printed)
    assert "its folder is five-shot, but its configuration has 0 examples" in printed


def test_shared_results_are_shown(run: Run, tmp_path: Path) -> None:
    write_json(
        tmp_path / "pythia/evals/pythia-v1/pythia-70m-deduped/zero-shot/70m-deduped_step1000.json",
        hub_run("EleutherAI/pythia-v1.1-70m-deduped", 1000, numbers(7000)),
    )
    printed = run("import", "evals", "pythia/evals")
    assert re.search(r"(?m)^pythia-70m, pythia-70m-deduped +0 +1000$", printed)
    assert "Suspect, because another run has the same results: step 1,000." in run("evals", "pythia-70m")
    (remark,) = answer(run, "evals", "pythia-70m", "--task", "piqa")["remarks"]
    assert (remark["step"], remark["status"], remark["kind"]) == (1000, "suspect", "audit")


def test_a_baseline_is_a_line_of_its_own(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "pythia/evals/pythia-v1/pythia-70m"
    write_json(folder / "baseline/b_step1000.json", hub_run("EleutherAI/pythia-v1.1-70m", 1000, numbers(77)))
    assert "Two runs of one checkpoint share few results" in run("import", "evals", "pythia/evals")
    printed = run("evals", "pythia-70m", "--task", "piqa")
    assert re.search(r"(?m)^piqa \(baseline\) +0 +acc +1,000 ", printed)
    assert "Two runs of the same checkpoint have other results: step 1,000." in printed
    run("evals", "pythia-70m", "--task", "piqa", "--plot", "piqa.svg")
    assert "pythia-70m, baseline" in (tmp_path / "piqa.svg").read_text(encoding="utf-8")


def test_evaluations_as_tables_and_json(run: Run) -> None:
    run("import", "evals", "pythia/evals")
    stated = numbers(7 * 143_000)["piqa"]
    found = answer(run, "evals", "pythia-70m", "--task", "piqa", "--metric", "acc")
    assert (found["model"], found["remarks"]) == ("pythia-70m", [])
    assert [row["step"] for row in found["results"]] == [0, 1000, 143_000]
    assert set(found["results"][0]) == {
        "task",
        "metric",
        "shots",
        "step",
        "value",
        "stderr",
        "file",
        "repetitions",
    }
    assert (found["results"][2]["value"], found["results"][2]["stderr"]) == tuple(stated.values())
    both = answer(run, "evals", "pythia-70m", "pythia-v1.1-70m-deduped")
    assert [one["model"] for one in both] == ["pythia-70m", "pythia-70m-deduped"]
    (line,) = [row for row in run("evals", "pythia-70m").splitlines() if row.startswith("piqa")]
    assert line.split()[:2] == ["piqa", "0"]
    assert line.split()[-3:] == ["143,000", f"{stated['acc']:.4g}", f"{stated['acc_stderr']:.2g}"]


def test_plots(run: Run, tmp_path: Path) -> None:
    run("import", "evals", "pythia/evals")
    run("evals", "pythia-70m", "pythia-70m-deduped", "--task", "piqa", "--plot", "piqa.svg")
    drawn = (tmp_path / "piqa.svg").read_text(encoding="utf-8")
    assert "pythia-70m-deduped" in drawn
    assert "piqa, 0 examples" in drawn
    with pytest.raises(InvalidValue, match="A plot of 30 tasks and metrics cannot be read"):
        run("evals", "pythia-70m", "--plot", "all.svg")
    with pytest.raises(click.UsageError, match="does not end in"):
        run("evals", "nobody", "--plot", "all.gif")


def test_importing_memorized_sequences(run: Run) -> None:
    first, second = answer(run, "import", "memorized", "memorized-evals")
    assert {first["model"], second["model"]} == {"pythia-70m-v0", "pythia-12b-deduped-v0"}
    assert {first["outcome"], second["outcome"]} == {"added"}
    printed = run("import", "memorized", "memorized-evals", "--split", "duped.70m")
    assert re.search(r"(?m)^pythia-70m-v0 +143,000 +memorized +3 +2 +2 +1 +0 +0 +unchanged$", printed)
    assert "Most likely results of the -v0 model" in printed


def test_importing_a_list_that_covers_a_part(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["import", "memorized", "my.parquet", "--model", "pythia-70m"]
    COMMANDS.main(where, prog_name="seenat", standalone_mode=False)
    assert "import it again with --sequences A:B" in capsys.readouterr().err
    COMMANDS.main([*where, "--sequences", "0:5000"], prog_name="seenat", standalone_mode=False)
    said = capsys.readouterr()
    assert "replaced" in said.out
    assert "--sequences" not in said.err


def test_comparing_where_nothing_was_measured(run: Run) -> None:
    run("import", "memorized", "memorized-evals")
    found = answer(run, "compare", "pythia-70m")
    (count,) = found["counts"]
    assert (count["published"], count["published_model"], count["step"]) == (463_953, "pythia-70m-v0", 143_000)
    assert (count["measured"], count["share"], found["protocol"]) == (0, None, None)
    assert found["not_compared"] == ["memorized pythia-70m-v0 step 143000 duped.70m"]
    printed = run("compare", "pythia-70m")
    assert "463,953" in printed
    assert "another training run over the same order" in printed
    with pytest.raises(NotMeasured):
        run("compare", "pythia-14m-seed1")
