"""Each kind of mistake gets one sentence, with the value and what there is instead, and its exit code; never a traceback."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.cli import Call, Called, environment, run_process

from seenat.cli.main import _culprit
from seenat.registry.storage.local import written_atomically

USAGE, NOT_FOUND, STALE, UNREACHABLE = 2, 3, 4, 5

MISTAKES = [
    # not what it should be
    ("memorize pocket-2m --sequences 5", USAGE, ["'5' is not a range", "START:STOP"]),
    ("memorize pocket-2m --sequences 7:3", USAGE, ["7:3 is not a range within 0:3584"]),
    ("memorize pocket-2m --sequences 0:99999", USAGE, ["0:99999", "at most 3584"]),
    ("memorize pocket-2m --steps 1,foo", USAGE, ["'foo' is not a step", "step3000"]),
    ("memorize pocket-2m --steps ,", USAGE, ["'' is not a step"]),
    ("memorize pocket-2m --steps 1,000", USAGE, ["is a list", "1_000"]),
    ("memorize pocket-2m --steps 9:12", NOT_FOUND, ["9:12", "the nearest are 8 and 16"]),
    ("memorize pocket-2m --steps 0", USAGE, ["Nothing is asked for", "--unseen"]),
    ("memorize pocket-2m --steps 1 --sample 1", USAGE, ["the sample of 1", "--unseen"]),
    ("memorize pocket-2m --sample 99999", USAGE, ["A sample of 99999", "1 to 3584"]),
    ("memorize pocket-2m --sample 0", USAGE, ["A sample of 0"]),
    ("memorize pocket-2m --seed -1", USAGE, ["'-1' is not a seed"]),
    ("memorize pocket-2m --prompt 0", USAGE, ["is not a prompt length; write a whole number from 1"]),
    ("memorize pocket-2m --prompt 60", USAGE, ["ids 0 to 91", "65"]),
    ("memorize pocket-2m --continuation 300", USAGE, ["at most 254 ids, not 300"]),
    ("memorize pocket-2m --device abacus", USAGE, ["'abacus'", "cpu"]),
    ("memorize pocket-2m --device meta", USAGE, ["'meta'", "cpu"]),
    ("memorize pocket-2m --device cuda:99", USAGE, ["'cuda:99'", "cpu"]),
    ("memorize pocket-2m --dtype float64", USAGE, ["'float64'", "'bfloat16-rechecked'"]),
    (
        "memorize pocket-2m --measure score --dtype bfloat16-rechecked",
        USAGE,
        ["only the prefix", "float32, or bfloat16"],
    ),
    ("step pocket-2m soon", USAGE, ["'soon' is not a step"]),
    ("sequence pocket-2m first", USAGE, ["'first' is not a sequence", "seenat sequence --help"]),
    ("batch pocket-2m -1", USAGE, ["-1 is no option and no index", "from 0"]),
    ("batch pocket-2m", USAGE, ["Missing argument 'BATCH'", "seenat batch --help"]),
    ("batch pocket-2m 0 --out .", USAGE, ["--out", "does not end in .npy"]),
    ("batch pocket-2m 0 --out x.csv", USAGE, ["x.csv", "does not end in .npy"]),
    ("batch pocket-2m 0 --out x", USAGE, ["x does not end in .npy"]),
    ("batch pocket-2m 0 --out new/x.npy", USAGE, ["new does not exist", "make this folder first"]),
    ("batch pocket-2m 0 --out \udcff.npy", USAGE, [r"\xff.npy", "not UTF-8", "rename"]),
    ("onset pocket-230k --plot \udcff.svg", USAGE, [r"\xff.svg", "not UTF-8", "rename"]),
    ("register \udcff.toml", USAGE, [r"\xff.toml", "not UTF-8", "rename"]),
    ("find", USAGE, ["one of a text, --ids and --file", "seenat find --help"]),
    ("find '' --order pocket-order", USAGE, ["An empty text stands everywhere"]),
    ("find --ids 1,x --order pocket-order", USAGE, ["'x' is no id", "17,204,9"]),
    ("find a --order pocket-order --after 5", USAGE, ["'5' is not a place", "SEQUENCE:OFFSET"]),
    ("find a --order pocket-order --step 4", USAGE, ["Step 4 is of a model", "--model"]),
    ("find a --order pocket-order --scan 9:2", USAGE, ["9:2 is not a range within 0:448"]),
    ("find a --order pocket-order --measure", USAGE, ["say by which model"]),
    ("find --file {broken} --order pocket-order", USAGE, ["no text in UTF-8, from byte 0 on"]),
    ("find a --order pile", NOT_FOUND, ["300.0 GB", "seenat index build pile", "--scan A:B"]),
    ("find a --model pythia-70m-seed1", NOT_FOUND, ["not published"]),
    ("trace {broken} --order pocket-order", USAGE, ["no text in UTF-8, from byte 0 on"]),
    ("trace --order pocket-order", USAGE, ["give a file, - for stdin, or --ids"]),
    ("trace 'some words of it' --order pocket-order", USAGE, ["There is no file 'some words of it'", "stdin"]),
    ("which pocket-2m", USAGE, ["No such command 'pocket-2m': there are first, earlier, kept"]),
    ("index build pocket-order --batches 7:3", USAGE, ["7:3 is not a range within 0:448"]),
    ("index build pocket-order --dense --window 4", USAGE, ["--dense is --window 1", "--window 4"]),
    ("index verify pile", NOT_FOUND, ["pile has no index", "seenat index build pile"]),
    ("job one", USAGE, ["'one' is not a job"]),
    ("onset pocket-230k --plot x.gif", USAGE, ["x.gif", ".svg", ".png", ".html"]),
    ("trajectory pocket-230k 84 --plot x.gif", USAGE, ["x.gif", ".svg", ".png", ".html"]),
    ("demo --plot x.gif", USAGE, ["x.gif", ".svg", ".png", ".html"]),
    ("checkpoints pocket-2m --status bad", USAGE, ["'bad'", "'suspect'"]),
    ("register nowhere.toml", USAGE, ["nowhere.toml does not exist"]),
    ("register .", USAGE, ["is a folder"]),
    ("models --sizes 70m", USAGE, ["--sizes", "--size"]),
    ("memorise pocket-2m", USAGE, ["'memorise'", "'memorize'"]),
    # not there
    ("model pocket-3m", NOT_FOUND, ["'pocket-3m'", "pocket-2m"]),
    ("model pocket-order", NOT_FOUND, ["is an order, not a model", "seenat models --order pocket-order"]),
    ("order pocket-2m", NOT_FOUND, ["is a model, not an order", "seenat model pocket-2m"]),
    ("model https://huggingface.co/EleutherAI/pythia-3b", NOT_FOUND, ["EleutherAI/pythia-3b", "did you mean"]),
    ("checkpoints pocket-2m --status wrong", NOT_FOUND, ["No checkpoint has all of this"]),
    ("checkpoints pocket-2m --tokens 10B:1k", USAGE, ["10B:1k is not a range; START must be below STOP."]),
    ("sequence pocket-2m 99999999999999999999", USAGE, ["larger than any sequence"]),
    ("model zzz", NOT_FOUND, ["'zzz'", "seenat models"]),
    ("batch zzz 0", NOT_FOUND, ["no model or order 'zzz'"]),
    ("models --family pithia", NOT_FOUND, ["No model has family pithia", "1.4b", "Did you mean family pythia?"]),
    ("models --size 3b", NOT_FOUND, ["No model has size 3b", "1.4b"]),
    ("models --size 12b --family pocket", NOT_FOUND, ["No model has size 12b, family pocket"]),
    ("checkpoints --family pithia", NOT_FOUND, ["No model has family pithia", "Did you mean family pythia?"]),
    ("checkpoints --size 3b", NOT_FOUND, ["No model has size 3b"]),
    ("models --order pocket", NOT_FOUND, ["'pocket'", "pocket-order"]),
    ("step pocket-2m 3", NOT_FOUND, ["step 3", "2 and 4", "batches 2 to 3"]),
    ("step pythia-70m 1500", NOT_FOUND, ["step 1500", "1000 and 2000"]),
    ("memorize pocket-2m --steps 1,3", NOT_FOUND, ["step 3", "2 and 4"]),
    ("batch pocket-order 448", NOT_FOUND, ["batch 448", "0 to 447"]),
    ("batch pythia-70m 143000", NOT_FOUND, ["was not trained on a batch 143000", "0 to 142999"]),
    ("sequence pocket-order 3584", NOT_FOUND, ["sequence 3584", "0 to 3583"]),
    ("sequence pythia-70m 146432000", NOT_FOUND, ["146432000", "0 to 146431999"]),
    ("batch pythia-70m-seed1 0", NOT_FOUND, ["pythia-70m-seed1", "not published"]),
    ("memorize pythia-70m-seed1", NOT_FOUND, ["pythia-70m-seed1", "not published"]),
    ("trajectory pythia-70m 0", NOT_FOUND, ["pythia-70m", "seenat memorize pythia-70m"]),
    ("trajectory pocket-230k 3500", NOT_FOUND, ["3500", "--sequences 3500:3501 --unseen"]),
    ("onset pocket-230k --protocol zzz", NOT_FOUND, ["zzz", "measured by"]),
    ("job 999", NOT_FOUND, ["no job 999", "the last are"]),
]


def assert_one_sentence(called: Called, code: int, parts: list[str]) -> None:
    assert called.code == code, called.err
    assert called.out == ""
    assert called.err.startswith("Error: ")
    assert called.err.count("\n") == 1
    assert called.err.endswith((".\n", ".`\n", "?\n"))
    for part in parts:
        assert part in called.err


@pytest.mark.parametrize(("line", "code", "parts"), MISTAKES, ids=[line for line, _, _ in MISTAKES])
def test_mistake(call: Call, line: str, code: int, parts: list[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_bytes(b"\xff\xfe text")
    assert_one_sentence(call(*shlex.split(line.replace("{broken}", str(broken)))), code, parts)


def test_several_mistakes_of_a_manifest_are_a_line_each(call: Call, tmp_path: Path) -> None:
    manifest = tmp_path / "SUITE.toml"
    manifest.write_text('[suite]\nname = "a\\nb"\nlicense = 3\n')
    done = call("register", str(manifest))
    lines = done.err.rstrip("\n").split("\n")
    assert done.code == USAGE
    assert len(lines) > 1
    assert all(str(manifest) in line for line in lines)


def test_a_file_that_cannot_be_written_has_its_final_name(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a.csv"
    with pytest.raises(FileNotFoundError) as error, written_atomically(path):
        pass
    assert str(error.value.filename) != str(path)
    assert _culprit(error.value).startswith(f"{path} cannot be used: ")


def test_a_plan_that_was_refused_is_no_job(call: Call) -> None:
    before = call("jobs", "--json").out
    call("memorize", "pythia-70m-seed1")
    call("memorize", "pocket-2m", "--device", "abacus")
    assert call("jobs", "--json").out == before


def test_a_hub_that_does_not_answer(tmp_path: Path) -> None:
    for args in (
        ["memorize", "pythia-70m", "--steps", "1", "--sequences", "0:2"],
        ["batch", "pythia-70m", "0", "--tokens"],
    ):
        done = run_process(tmp_path, args, more={"HF_HUB_OFFLINE": "1"})
        assert (done.returncode, done.stdout) == (UNREACHABLE, "")
        last = done.stderr.splitlines()[-1]
        assert last.startswith("Error: ")
        assert "HF_HUB_OFFLINE" in last
        assert "Traceback" not in done.stderr
    assert json.loads(run_process(tmp_path, ["sequence", "pythia-70m", "0", "--json"]).stdout)["trajectories"] == []


def test_a_place_that_cannot_be_written(call: Call, tmp_path: Path) -> None:
    """A file where a folder should be: a refusal that holds for the superuser too."""
    (tmp_path / "file").write_text("")
    assert_one_sentence(call("batch", "pocket-2m", "0", "--out", "file/x.npy"), 1, ["file", "check the path"])
    for line in ("onset pocket-230k", "study onsets pocket-230k", "trajectory pocket-230k 84"):
        called = call(*line.split(), "--plot", "file/x.svg")
        assert_one_sentence(called, 1, ["file/x.svg", "Not a directory", "check the path"])


def test_a_batch_is_written_to_a_new_file_only(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.npy").write_text("mine")
    assert_one_sentence(call("batch", "pocket-2m", "0", "--out", "mine.npy"), USAGE, ["mine.npy exists already"])
    assert (tmp_path / "mine.npy").read_text() == "mine"
    assert call("batch", "pocket-2m", "0", "--out", "batch.npy").code == 0
    assert np.load(tmp_path / "batch.npy").shape[0] == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.npy", "batch.npy.json", "mine.npy"]


@pytest.mark.parametrize(
    ("line", "heading", "parts"),
    [
        ("study exposures pocket-230k --until 64", "occurrences", ["by pocket-230k up to step 64", "--until"]),
        ("study predict pocket-230k --step 64", "predictor", ["memorized nothing at step 64", "--step"]),
    ],
)
def test_nothing_to_draw_is_said_after_the_answer(
    call: Call, tmp_path: Path, line: str, heading: str, parts: list[str]
) -> None:
    called = call(*line.split(), "--plot", "chart.svg")
    assert called.code == NOT_FOUND
    assert heading in called.out
    assert called.out == call(*line.split()).out
    assert called.err.startswith("Error: ")
    assert "Drawn" not in called.err
    for part in parts:
        assert part in called.err
    assert not (tmp_path / "chart.svg").exists()
    printed = call(*line.split(), "--plot", "chart.svg", "--json")
    assert printed.code == NOT_FOUND
    assert json.loads(printed.out)


def test_one_step_is_singular(call: Call) -> None:
    line = "study sets pocket-230k --never pocket-230k --within"
    assert "by pocket-230k within 1 step\n" in call(*line.split(), "1").out
    assert "by pocket-230k within 2 steps\n" in call(*line.split(), "2").out


def test_a_file_in_the_making_is_named_as_what_it_was_to_be(call: Call) -> None:
    folder = Path("/proc/self")
    if not folder.is_dir():
        pytest.skip("this system has no folder in which even the superuser can make no file")
    called = call("batch", "pocket-2m", "0", "--out", str(folder / "x.npy"))
    assert_one_sentence(called, 1, ["/proc/self/x.npy cannot be used"])


@pytest.mark.parametrize(
    ("url", "code", "parts"),
    [
        ("mysql://host/name", USAGE, ["mysql", "postgresql://"]),
        ("postgresql://nobody@127.0.0.1:9/seenat", UNREACHABLE, ["127.0.0.1", "Connection refused"]),
        ("other.sqlite", USAGE, ["not a seenat catalog", "books"]),
        ("text.sqlite", UNREACHABLE, ["text.sqlite", "not a database"]),
        ("newer.sqlite", STALE, ["9999", "update seenat"]),
        ("file/catalog.sqlite", UNREACHABLE, ["file", "cannot be"]),
    ],
)
def test_a_catalog_that_cannot_be_used(
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    pythia_home: Path,
    tmp_path: Path,
    url: str,
    code: int,
    parts: list[str],
) -> None:
    _write_databases(tmp_path, pythia_home / "catalog.sqlite")
    monkeypatch.setenv("SEENAT_DATABASE_URL", url)
    assert_one_sentence(call("models"), code, parts)
    assert_one_sentence(call("db", "check"), code, parts)


def test_a_catalog_that_is_not_made_yet_is_stale(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEENAT_HOME", str(tmp_path / "new"))
    assert_one_sentence(call("db", "check"), STALE, ["is empty", "seenat db upgrade"])


def _write_databases(folder: Path, catalog: Path) -> None:
    (folder / "file").write_text("")
    (folder / "text.sqlite").write_text("no database at all\n" * 100)
    shutil.copy(catalog, folder / "newer.sqlite")
    for name, statement in {
        "other.sqlite": "CREATE TABLE books (title TEXT)",
        "newer.sqlite": "UPDATE alembic_version SET version_num = '9999'",
    }.items():
        database = sqlite3.connect(folder / name)
        database.execute(statement)
        database.commit()
        database.close()


def test_without_torch_it_says_what_to_install(home: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('No module named torch')\n")
    done = run_process(home, ["memorize", "pocket-2m", "--steps", "1", "--unseen"], more={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "pip install 'seenat[jobs]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_debugging_shows_the_traceback(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_DEBUG", "1")
    called = call("step", "pocket-2m", "3")
    assert called.code == NOT_FOUND
    assert "Traceback" in called.err
    assert "UnknownCheckpoint" in called.err


def test_no_arguments_are_answered_by_the_help(call: Call) -> None:
    for args in ([], ["db"]):
        called = call(*args)
        assert called.code == USAGE
        assert "Commands:" in called.err


def test_interrupting_a_job_keeps_what_is_done(measured_home: Callable[[], Path]) -> None:
    home = measured_home()  # Its own: how much is done when it is interrupted is not for others to find.
    command = [sys.executable, "-m", "seenat", "memorize", "pocket-2m", "--measure", "score", "--unseen"]
    started = subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stderr is not None
    assert started.stderr.readline().startswith("Job ")
    time.sleep(4)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert started.returncode == -signal.SIGINT  # A shell calls it 130.
    assert out == ""
    assert "run the same command to continue" in err
    assert "Traceback" not in err
    state = run_process(home, ["jobs", "--json"]).stdout
    assert json.loads(state)[0]["state"] == "pending"


def test_a_reader_that_went_away_ends_a_command_as_any_other(home: Path) -> None:
    """More than a pipe holds, so that the command finds out."""
    command = f"{shlex.quote(sys.executable)} -m seenat checkpoints --json | head -c 10; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], check=False, env=environment(home), capture_output=True, text=True)
    assert done.stdout.endswith("141\n")
    assert "Error" not in done.stderr
    assert "BrokenPipe" not in done.stderr
