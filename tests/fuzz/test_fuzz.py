"""A slice of each fuzzing campaign, with all inputs that once failed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.briefly import damaged_inputs

from fuzz.__main__ import main, run_target
from fuzz.targets import all_targets

TARGETS = all_targets()


@pytest.fixture(autouse=True)
def _tests_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the process in which each target is read."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=":")


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_read_or_refused(name: str, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    if TARGETS[name].needs_torch and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    outcome = run_target(TARGETS[name], seed=0, inputs=damaged_inputs(pytestconfig), folder=tmp_path)
    assert outcome.failures == {}


def test_the_command_counts_what_it_read() -> None:
    said = CliRunner().invoke(main, ["database-url", "--inputs", "5", "--no-keep"])
    assert (said.exit_code, ": 5 inputs, 0 failures, " in said.output) == (0, True), said.output
