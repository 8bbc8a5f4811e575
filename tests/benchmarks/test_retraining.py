"""The check by training again, small: what is left out has no part in a run, and the page says what the runs say. 8 seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.retraining.chosen import WAYS, Chosen, Query, by_chance, queries, read_rows
from benchmarks.retraining.left_out import left_out
from benchmarks.retraining.page import changes, draw, section
from benchmarks.retraining.training import losses_after
from benchmarks.retraining.trials import Trial, run_trials

from seenat.memorization.pocket import POCKET, RepetitionClass
from seenat.memorization.pocket.text.order import repetitions

SHORT = replace(POCKET, repetitions=(RepetitionClass(1, 64),), saved=(0, 8), unseen=8)
"""Eight updates."""


@pytest.fixture(scope="module")
def rows(pocket_manifest: Path) -> npt.NDArray[np.int64]:
    return read_rows(pocket_manifest)


def test_what_is_left_out_has_no_part_in_a_run(rows: npt.NDArray[np.int64]) -> None:
    trained, asked = rows[:64].copy(), rows[3100:3102]
    run = [trained, SHORT, SHORT.models[0], 1]
    whole = losses_after(*run, [], asked)
    without = losses_after(*run, [5, 40], asked)
    assert whole == losses_after(*run, [], asked)
    assert whole != without
    trained[[5, 40]] = 7  # Whatever stands there.
    assert losses_after(*run, [5, 40], asked) == pytest.approx(without, rel=1e-6)
    assert losses_after(*run, [], asked) != pytest.approx(whole, rel=1e-4)


def test_queries_are_of_their_kinds(rows: npt.NDArray[np.int64]) -> None:
    asked, times = queries(rows, 16), repetitions(rows.astype(np.uint16))
    assert [query.kind for query in asked] == ["unseen"] * 8 + ["four times"] * 4 + ["once"] * 4
    assert [times[query.sequence] for query in asked] == [0] * 8 + [4] * 4 + [1] * 4
    assert queries(rows, 16) == asked
    assert len({query.sequence for query in asked}) == 16


def test_a_stopped_check_goes_on(tmp_path: Path) -> None:
    """From a file that holds all runs, none is trained: the rows here make none possible."""
    chosen = [Chosen("", -1, []), *by_chance(32)]
    kept = [Trial("", -1, 0, 1, (5.0, 4.0)), *(Trial("random", -1, draw, 1, (5.5, 4.0 + draw)) for draw in range(4))]
    lines = [
        f'{{"way": "{it.way}", "query": -1, "draw": {it.draw}, "seed": 1, "losses": {list(it.losses)}}}' for it in kept
    ]
    (tmp_path / "trials.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run_trials(tmp_path / "trials.jsonl", "pocket-230k", np.empty((0, 65), np.int64), [], chosen, [1]) == kept


def test_the_page_says_what_the_runs_say(tmp_path: Path) -> None:
    asked = [Query(3100, "unseen"), Query(3101, "unseen"), Query(34, "once"), Query(35, "once")]
    trials = [Trial("", -1, 0, seed, (4.0, 4.0, 2.0, 2.0)) for seed in (1, 2)]
    for seed in (1, 2):
        for place in range(4):
            losses = [9.0] * 4
            for way, loss in (("influence", 5.0 + place), ("scaled", 4.0 + seed), ("bm25", 4.5)):
                losses[place] = loss
                trials.append(Trial(way, place, 0, seed, tuple(losses)))
        trials += [Trial("random", -1, draw, seed, (4.0 + draw, 4.0, 2.0, 2.0)) for draw in (0, 1)]
    found = changes(trials, WAYS, asked, [1, 2])
    np.testing.assert_allclose(found[0].mean(axis=1), [1, 2, 5, 6])
    np.testing.assert_allclose(found[3].mean(axis=1), [0.5, 0, 0, 0])
    lines = section(found, WAYS, asked, 32, 3072).splitlines()
    # Student's 97.5 % quantile of 3 degrees is 3.18245, of 1 degree 12.706.
    half = 3.18245 * np.std([1, 2, 5, 6], ddof=1) / 2
    assert f"| influence | +3.500 [{3.5 - half:+.3f}, {3.5 + half:+.3f}] | +1.500 [-4.853, +7.853] |" in lines[4]
    assert any(line.startswith("| influence - BM25 |") and line.endswith("| 4 of 4 |") for line in lines)
    assert "| influence, second moment | +2.000 | +3.000 | +2.500 [-3.853, +8.853] |" in lines
    assert "| influence - random | +3.375 | +3.375 | +3.375 [+3.375, +3.375] |" in lines
    draw(found, WAYS, asked, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_left_out_is_counted() -> None:
    rows = np.repeat(np.arange(12)[:, None], 65, axis=1)
    rows[[8, 7]] = rows[[0, 1]]
    chosen = [Chosen("influence", 0, [0, 8, 1]), Chosen("influence", 1, [9, 10, 11])]
    chosen += [Chosen("bm25", 0, [1, 2, 8]), Chosen("bm25", 1, [3, 4, 5]), Chosen("random", -1, [0, 1, 2])]
    lines = left_out(chosen, rows, WAYS).splitlines()
    assert lines[-2:] == [
        "| influence | 2.5 (2 to 3) | 87.5 (75 to 100) | 0.5 (0 to 1) | 1 (0 to 2) |",
        "| BM25 | 3 (3 to 3) | 80 (60 to 100) | 0 (0 to 0) | 3 (3 to 3) |",
    ]
