"""What runs where torch is not installed: most tests of the catalog, and none that computes; 20 seconds, to collect twice."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def collected(*arguments: str) -> set[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return set(done.stdout.splitlines())


@pytest.mark.needs_torch
def test_without_torch_what_needs_it_is_left_out_and_counted() -> None:
    """Of three folders: of pure look-ups everything runs, of the engine nothing, of the pocket suite a part."""
    lookups, engine, pocket = "tests/registry/orders", "tests/memorization/engine", "tests/memorization/pocket"
    every = collected(lookups, engine, pocket)
    without = collected(lookups, engine, pocket, "--without-torch")
    (said,) = (line for line in without if line.startswith("without torch: "))
    tests, modules = map(int, re.findall(r"\d+", said))
    assert tests > 0
    assert modules > 5
    for folder, share in ((lookups, 1.0), (engine, 0.1), (pocket, 0.8)):
        ran, all_ = (sum(line.startswith(f"{folder}/") for line in lines) for lines in (without, every))
        assert ran <= all_ * share, folder
        assert ran > 0 or folder == engine
    assert sum(line.startswith(f"{lookups}/") for line in without) > 200
