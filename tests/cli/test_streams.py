"""Streams that are closed, full or of another encoding, and signals that end a command: one sentence and an exit code."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.exc import PendingRollbackError
from support.cli import Call, Called, environment, run_process

import seenat
from seenat.cli.framework.progress import Moment, progress
from seenat.cli.framework.signals import EndedError, drained, ended_tidily

COMMANDS = ["models --json", "--help"]


def in_shell(home: Path, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which $S is `seenat`."""
    command = f"{shlex.quote(sys.executable)} -m seenat"
    return subprocess.run(
        ["bash", "-c", line.replace("$S", command)],
        check=False,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("args", COMMANDS)
def test_a_closed_stdout_is_said_before_anything_is_done(pythia_home: Path, args: str) -> None:
    done = in_shell(pythia_home, f"$S {args} >&-")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Standard output is closed")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("args", COMMANDS)
def test_other_closed_streams_take_nothing_from_the_answer(pythia_home: Path, args: str) -> None:
    for closed in ("2>&-", "<&-", "<&- 2>&-"):
        done = in_shell(pythia_home, f"$S {args} {closed}")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout) > 1


def test_a_mistake_has_its_exit_code_where_nobody_can_read_it(pythia_home: Path) -> None:
    assert in_shell(pythia_home, "$S model zzz 2>&-").returncode == 3


def test_no_file_takes_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What a library prints on descriptor 1 would else be written into the catalog."""
    script = (
        "import os\nfrom seenat.cli.framework.terminal import open_closed_streams\n"
        "assert not open_closed_streams()\nprint('lost')\nos.write(1, b'lost')\nassert os.open('file', os.O_CREAT) > 2\n"
    )
    command = f"cd {shlex.quote(str(tmp_path))} && {shlex.quote(sys.executable)} -c {shlex.quote(script)} <&- >&- 2>&-"
    done = subprocess.run(["bash", "-c", command], check=False, env=environment(tmp_path))
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("args", ["models", "models --json"])
def test_a_full_disk(pythia_home: Path, args: str) -> None:
    done = in_shell(pythia_home, f"$S {args} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: The answer cannot be written to standard output: No space left on device; "
        "redirect it to a place that holds it.\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_another_encoding(pythia_home: Path, encoding: str) -> None:
    for args in (["model", "pythia-1b"], ["evals", "--help"], ["model", "pythia-1b", "--disputed"]):
        done = run_process(pythia_home, args, more={"PYTHONIOENCODING": encoding})
        assert (done.returncode, done.stderr) == (0, "")
    unknown = run_process(pythia_home, ["model", "→"], more={"PYTHONIOENCODING": encoding})
    assert unknown.returncode == 3
    assert unknown.stderr == "Error: There is no model '\\u2192'; `seenat models` lists all.\n"
    same = [
        json.loads(run_process(pythia_home, ["model", "pythia-1b", "--json"], more=more).stdout)
        for more in ({}, {"PYTHONIOENCODING": encoding})
    ]
    assert same[0] == same[1]


def test_names_that_are_no_utf8(call: Call) -> None:
    name = os.fsdecode(b"\xff\x1b[2J")
    for args, code in (
        (["register", f"{name}.toml"], 2),
        (["model", name], 2),
        (["models", "--family", name], 2),
        (["trajectory", "pocket-230k", "84", "--plot", f"{name}.gif"], 2),
    ):
        called = call(*args)
        assert (called.code, called.out) == (code, ""), called
        assert called.err.startswith("Error: ")
        assert re.search(
            r"\\(udc|x)ff\\x1b\[2[Jj]", called.err
        )  # As Python escapes it in a name, or the terminal in a text.
        assert called.err.count("\n") == 1


def test_no_home_and_no_user(pythia_home: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    for name in ("HOME", "SEENAT_HOME", "XDG_DATA_HOME"):
        env.pop(name, None)
    script = """
import os, sys
from seenat.cli.main import main

def run(home):
    os.environ["SEENAT_HOME"] = home
    try:
        main()
    except SystemExit as stop:
        return stop.code

first, sys.argv[:2] = sys.argv[1], ["seenat"]
assert run(first) == 0  # It loads all that another user may not read.
os.setuid(54321)
print("|", flush=True)
sys.exit(run(""))
"""
    if os.getuid():
        pytest.skip("only the superuser can become a user who has no entry")
    tmp_path.chmod(0o777)
    for args in (["models"], ["db", "check"]):
        command = [sys.executable, "-c", script, str(pythia_home), *args]
        done = subprocess.run(command, check=False, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stdout.split("|")[-1]) == (2, "\n"), done.stderr
        assert done.stderr == (
            "Error: This user has no home folder; set SEENAT_HOME to a folder for the catalog and the results.\n"
        )
    assert list(tmp_path.iterdir()) == []


def test_a_home_of_a_user_who_has_none(tmp_path: Path) -> None:
    done = run_process(tmp_path, ["models"], more={"SEENAT_HOME": "~nobody-of-this-name/x"})
    assert done.returncode == 2
    assert done.stderr.startswith("Error: SEENAT_HOME begins with ~nobody-of-this-name, and no home folder")
    doctor = run_process(tmp_path, ["doctor", "--json"], more={"SEENAT_HOME": "~nobody-of-this-name/x"})
    assert doctor.returncode == 1
    assert len(json.loads(doctor.stdout)["problems"]) == 1


# -- signals


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begun(command: list[str], env: dict[str, str]) -> subprocess.Popen[str]:
    """A process that does not ignore Ctrl-C, whatever started the tests."""
    return subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - no thread of the tests holds a lock that this takes.
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["click", "sqlalchemy"])
def test_a_signal_while_modules_are_imported(tmp_path: Path, number: int, module: str) -> None:
    """A module that takes its time, as any does on a slow disk; the command line imports one, and a command the other."""
    (tmp_path / f"{module}.py").write_text(
        "import sys, time\nprint('begun', file=sys.stderr, flush=True)\ntime.sleep(60)\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with begun([sys.executable, "-m", "seenat", "models"], environment(tmp_path, PYTHONPATH=path)) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "begun\n"
        process.send_signal(number)
        assert process.wait(60) == (-number if number == signal.SIGINT else 128 + number)
        assert process.stderr.read().strip() == ""


def test_a_signal_whose_exception_was_dropped_ends_the_work_at_its_next_moment() -> None:
    with ended_tidily(), progress() as show:
        with suppress(KeyboardInterrupt):  # As Python does with what is raised while it collects garbage.
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(EndedError) as ended:
            show(Moment(task="measured", done=1, total=2))
    assert ended.value.number == signal.SIGTERM


def test_the_first_sigterm_drains_and_the_second_ends() -> None:
    asked: list[bool] = []
    with ended_tidily():
        with drained(lambda: asked.append(True)):
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked == [True]
            with pytest.raises(EndedError) as ended:
                os.kill(os.getpid(), signal.SIGTERM)
        assert (asked, ended.value.number) == ([True], signal.SIGTERM)


def test_sigterm_ends_again_where_nothing_is_drained_any_more() -> None:
    with ended_tidily():
        with drained(lambda: None):
            pass
        with pytest.raises(EndedError):
            os.kill(os.getpid(), signal.SIGTERM)


def test_what_fails_because_of_a_signal_is_no_fault(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    def broken_off(*_: object, **_conditions: object) -> None:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        raise PendingRollbackError("Can't reconnect until invalid transaction is rolled back.")

    monkeypatch.setattr(seenat.Catalog, "models", broken_off)
    assert call("models") == Called(143, "", "")


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    script = (
        "import signal, os\nfrom seenat.cli.framework.signals import ended_tidily\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with ended_tidily():\n    os.kill(os.getpid(), signal.SIGHUP)\nprint('went on')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.stdout == "went on\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_ended_keeps_what_is_done(measured_home: Callable[[], Path], number: int) -> None:
    home = measured_home()
    command = [sys.executable, "-m", "seenat", "memorize", "pocket-2m", "--measure", "score", "--unseen"]
    with begun(command, environment(home)) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Job ")
        time.sleep(4)
        process.send_signal(number)
        assert process.wait(60) == 128 + number
        said = process.stderr.read()
    assert "run the same command to continue" in said
    assert "Traceback" not in said
    assert json.loads(run_process(home, ["jobs", "--json"]).stdout)[0]["state"] == "pending"
    assert not list(home.rglob("*.partial"))
