"""A slice of `make faults`: whatever strikes at random, results are those of an undisturbed run."""

from __future__ import annotations

from pathlib import Path

from support.trained_run import Mine

from faults.campaign import campaign

FAULTS = 30


def test_faults_at_random_moments_change_no_cell(mine: Mine, tmp_path: Path) -> None:
    tally = campaign(tmp_path, mine, faults=FAULTS, seed=15, worlds=["sqlite"])
    print(tally)
    assert tally.is_clean, str(tally)
    assert tally.faults >= FAULTS
