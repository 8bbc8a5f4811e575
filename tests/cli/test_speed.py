"""What people wait for: whole processes, with a warm cache of compiled modules and of files.

Measured is the processor time of the process, user and system, not the time on the wall: these machines may be busy with
other work. The median of five counts.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.cli import environment

pytestmark = pytest.mark.alone

LOOKUP_SECONDS = 0.4
HELP_SECONDS = 0.1
RUNS = 5

COMPLETION = {"_SEENAT_COMPLETE": "bash_complete", "COMP_WORDS": "seenat me", "COMP_CWORD": "1"}
HEAVY = {"alembic", "torch", "transformers"}
ALL_BUT_CLICK = HEAVY | {"numpy", "rich", "sqlalchemy", "zarr", "huggingface_hub"}

LOOKUPS = [
    ["step", "pythia-70m", "3000"],
    ["batch", "pythia-70m", "71490"],
    ["sequence", "pythia-70m", "3071999"],
]


def processor_seconds(home: Path, args: list[str], more: Mapping[str, str]) -> float:
    compiled = environment(home, PYTHONPYCACHEPREFIX=str(home / "compiled"), **more)
    compiled.pop("PYTHONDONTWRITEBYTECODE", None)  # Where it is set, a new clone is compiled by every process.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "seenat", *args], env=compiled, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median_seconds(home: Path, args: list[str], more: Mapping[str, str] | None = None) -> float:
    processor_seconds(home, args, more or {})  # It fills the caches.
    return statistics.median(processor_seconds(home, args, more or {}) for _ in range(RUNS))


LIST_OF_COMMANDS = {"seenat.cli.main", "seenat.cli.framework"} | {
    f"seenat.cli.framework.{name}" for name in ("lazy_group", "signals", "terminal")
}


def imported(home: Path, args: list[str], more: Mapping[str, str] | None = None) -> set[str]:
    """Packages, and seenat's own modules."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "seenat", *args],
        env=environment(home, **(more or {})),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    names = {line.rpartition("|")[2].strip() for line in lines}
    assert "click" in names
    return {name if name.startswith("seenat.") else name.partition(".")[0] for name in names}


def commands(modules: set[str]) -> set[str]:
    """What of the command line is imported beside the list of commands."""
    return {name for name in modules if name.startswith("seenat.cli.")} - LIST_OF_COMMANDS


@pytest.mark.parametrize("args", LOOKUPS, ids=lambda args: args[0])
def test_a_look_up_in_pythia(pythia_home: Path, args: list[str]) -> None:
    assert median_seconds(pythia_home, args) < LOOKUP_SECONDS
    assert not imported(pythia_home, args) & HEAVY


def test_help(pythia_home: Path) -> None:
    assert median_seconds(pythia_home, ["--help"]) < HELP_SECONDS
    for args in (["--help"], ["memorize", "--help"], ["--version"]):
        modules = imported(pythia_home, args)
        assert not modules & ALL_BUT_CLICK
        assert bool(commands(modules)) == ("memorize" in args)


def test_completion(pythia_home: Path) -> None:
    assert median_seconds(pythia_home, [], COMPLETION) < HELP_SECONDS
    modules = imported(pythia_home, [], COMPLETION)
    assert not modules & ALL_BUT_CLICK
    assert not commands(modules)


def test_completion_of_names_and_the_script_for_the_shell(pythia_home: Path) -> None:
    def complete(more: Mapping[str, str]) -> str:
        command = [sys.executable, "-m", "seenat"]
        env = environment(pythia_home, **more)
        return subprocess.run(command, check=False, env=env, capture_output=True, text=True).stdout

    assert complete(COMPLETION).split() == ["plain,memorize"]
    assert "complete -o nosort -F _seenat_completion seenat" in complete({"_SEENAT_COMPLETE": "bash_source"})
    for shell in ("zsh", "fish"):
        assert "_SEENAT_COMPLETE" in complete({"_SEENAT_COMPLETE": f"{shell}_source"})
