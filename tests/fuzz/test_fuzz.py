"""A slice of each fuzzing campaign, with all inputs that once failed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.briefly import damaged_inputs

from fuzz.targets import all_targets

TARGETS = all_targets()
TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_read_or_refused(name: str, pytestconfig: pytest.Config) -> None:
    if TARGETS[name].needs_torch and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", name, "--inputs", str(damaged_inputs(pytestconfig)), "--no-keep"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
