"""What `seenat estimate` and `memorize --dry-run` print, and what is asked before a large measurement."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from support.cli import Call, environment

WITHOUT_TORCH = (
    "import sys; sys.modules['torch'] = None; sys.argv[0] = 'seenat'; from seenat.cli.main import main; main()"
)


def test_an_estimate_needs_no_torch(home: Path) -> None:
    """It is a question about the catalog: neither torch nor anything on top of it is loaded."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "estimate", "pythia-70m", "pocket-2m"],
        check=False,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "10,544,151,552" in done.stdout
    assert "2 models" in done.stdout


def test_a_dry_run_plans_nothing_and_tells_what_is_missing(call: Call) -> None:
    before = call("jobs", "--json").out
    told = call("memorize", "pythia-12b", "--dry-run")
    assert (told.code, call("jobs", "--json").out) == (0, before)
    has_room = shutil.disk_usage(Path.home()).free > 4 * 10**12
    assert ("--keep-checkpoints" in told.err) != has_room  # All of them take 3.6 TB.
    assert "left out" in told.out  # Two of its checkpoints are known to be wrong.


def test_what_a_laptop_cannot_do_is_refused_without_a_terminal(call: Call) -> None:
    before = call("jobs", "--json").out
    refused = call("memorize", "pythia-1.4b")
    assert refused.code == 2
    assert "10,544,151,552 cells at 154 checkpoints of pythia-1.4b" in refused.err
    assert "--yes" in refused.err
    assert call("jobs", "--json").out == before


def test_a_way_that_does_not_pay_is_told_and_left(call: Call) -> None:
    told = call("memorize", "pocket-230k", "--steps", "320,384", "--sequences", "0:16", "--adaptive")
    assert told.code == 0, told.err
    assert "the exact job is as fast" in told.err
    assert "--as-asked" in told.err
    refused = call("memorize", "pocket-230k", "--steps", "320,384", "--sequences", "0:16", "--adaptive", "--as-asked")
    assert refused.code == 2
    assert "grid" in refused.err
