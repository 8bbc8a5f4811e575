"""A slice of `make faults`: whatever strikes at random, results are those of an undisturbed run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from support.cells import Difference, Results
from support.trained_run import Mine

from faults.campaign import Tally, campaign

FAULTS = 30


def test_faults_at_random_moments_change_no_cell(mine: Mine, tmp_path: Path) -> None:
    tally = campaign(tmp_path, mine, faults=FAULTS, seed=15, worlds=["sqlite"])
    print(tally)
    assert tally.is_clean, str(tally)
    assert tally.faults >= FAULTS


def test_what_differs_is_counted() -> None:
    right = Results(np.array([[1, 2, 255]], np.uint8), {"rows": {(1, 2)}}, 2)
    assert not right.difference(right)
    lost = Results(np.array([[1, 255, 255]], np.uint8), {"rows": {(1, 2)}}, 2)
    doubled = Results(right.values, right.rows, 3)
    wrong = Results(np.array([[1, 3, 255]], np.uint8), {"rows": set()}, 2)
    assert [one.difference(right) for one in (lost, doubled, wrong)] == [
        Difference(lost=1),
        Difference(doubled=1),
        Difference(wrong=2),
    ]


def test_what_could_not_strike_is_told() -> None:
    tally = Tally(struck=Counter({"worker killed": 3}), not_struck=Counter({"old fence": 2, "late heartbeat": 1}))
    assert "could not strike: 3 (1 late heartbeat, 2 old fence)" in str(tally).splitlines()
    assert "could not strike: 0" in str(Tally()).splitlines()
