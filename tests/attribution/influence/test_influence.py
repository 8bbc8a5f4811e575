"""Influence of the pocket suite's sequences, by the public catalog, against its own definition. 15 seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import seenat
from seenat.attribution.influence.gradients import gradient, norm, preconditioned, second_moment
from seenat.attribution.influence.query import read_query
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.pocket import POCKET
from seenat.memorization.pocket.text.order import repetitions
from seenat.registry.errors import InvalidValue, UnknownOrder
from seenat.registry.hub.location import CheckpointLocation

Rows = npt.NDArray[np.int64]
MODEL = "pocket-230k"


def checkpoint(manifest: Path, step: int) -> Any:
    folder = manifest.parent / "models" / MODEL / f"step{step}"
    return load_checkpoint(CheckpointLocation.local(folder))


def product(one: Any, other: Any) -> float:
    return sum(float((part.double() * other[name]).sum()) for name, part in one.items())


def test_a_repetition_of_the_query_ranks_first(public: seenat.Catalog, rows: Rows) -> None:
    """The query occurs once in all of training; nothing but its ids is told."""
    times = repetitions(rows.astype(np.uint16))
    once = next(sequence for sequence in range(140 * 8, 150 * 8) if times[sequence] == 1)
    found = public.influence(MODEL, rows[once].tolist(), batches="130:160", top=3)
    assert (found.candidates, len(found.sequences)) == (240, 3)
    first = found.sequences[0]
    assert (first.rank, first.sequence, first.batch, first.step) == (1, once, once // 8, once // 8 + 1)
    assert first.score > 3 * found.sequences[1].score
    assert found.baseline[0].sequence == once
    assert (first.bm25_rank, found.baseline[0].influence_rank) == (1, 1)
    assert found.error is not None
    assert found.error < 1e-3


@pytest.mark.parametrize("options", [{}, {"unit_norm": True}, {"second_moment": True, "unit_norm": True}], ids=str)
def test_scores_are_weighted_products_of_gradients(
    public: seenat.Catalog, rows: Rows, pocket_manifest: Path, options: Any
) -> None:
    """By the formula, from gradients of single sequences; around update 100 are the checkpoints at steps 64 and 128."""
    sequence, query = 100 * 8 + 5, rows[3100]
    found = public.influence(MODEL, query.tolist(), sequences=[sequence], loss="33:65", way="jvp", **options)
    rate, due = POCKET.learning_rate(POCKET.models[0], 100), {}
    for step, share in ((64, 28 / 64), (128, 36 / 64)):
        model = checkpoint(pocket_manifest, step)
        direction = gradient(model, torch.from_numpy(query[None]), lambda losses: losses[:, 32:].mean())
        if "second_moment" in options:
            batch = torch.from_numpy(rows[step * 8 : step * 8 + 8])
            direction = preconditioned(direction, second_moment(model, batch, 8))
        length = norm(direction) if options else 1
        due[step] = rate * share / length * product(gradient(model, torch.from_numpy(rows[[sequence]])), direction)
    (row,) = found.sequences
    assert {part.step: part.score for part in row.checkpoints} == pytest.approx(due, rel=1e-4)
    assert row.score == pytest.approx(sum(due.values()), rel=1e-4)


def test_parts_add_up_to_the_score(public: seenat.Catalog, rows: Rows) -> None:
    found = public.influence(MODEL, rows[3100].tolist(), batches="60:68", steps=[32, 384], top=5)
    assert found.method.steps == (32, 384)
    scores = [row.score for row in found.sequences]
    assert scores == sorted(scores, reverse=True)
    for row in found.sequences:
        assert len(row.contributions) == 64
        assert row.contributions.sum() == pytest.approx(row.score)
        assert sum(part.score for part in row.checkpoints) == pytest.approx(row.score)
        assert [part.step for part in row.checkpoints] == [32, 384]
        start, stop = row.passage
        sums = np.convolve(row.contributions, np.ones(16), "valid")
        assert row.contributions[start - 1 : stop - 1].sum() == pytest.approx(sums.max())


def test_many_queries_answer_as_each_alone(public: seenat.Catalog, rows: Rows) -> None:
    asked = [rows[3100].tolist(), "The default process group", rows[3200, :20].tolist()]
    together = public.influences(MODEL, asked, batches="60:70", top=4)
    for query, found in zip(asked, together, strict=True):
        alone = public.influence(MODEL, query, batches="60:70", top=4)
        assert alone.query == found.query
        assert [row.sequence for row in alone.sequences] == [row.sequence for row in found.sequences]
        for mine, theirs in zip(alone.sequences, found.sequences, strict=True):
            assert (mine.score, mine.checkpoints) == (theirs.score, theirs.checkpoints)
            np.testing.assert_array_equal(mine.contributions, theirs.contributions)
            assert mine.bm25 == pytest.approx(theirs.bm25)


def test_progress_counts_candidates_at_checkpoints(public: seenat.Catalog, rows: Rows) -> None:
    told: list[tuple[int, int, int]] = []
    public.influence(
        MODEL, rows[3100].tolist(), batches="62:66", progress=lambda *now: told.append(now), device="cpu", top=1
    )
    # Batches 62 and 63 lie between steps 32 and 64, batch 64 follows its checkpoint, batch 65 lies before step 128.
    assert told[-1][1:] == (16 + 16 + 16 + 8, 56)
    assert sorted({step for step, _, _ in told}) == [32, 64, 128]
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_texts_and_ids_are_the_same_query(public: seenat.Catalog) -> None:
    order = public.order("pocket-order")
    found = read_query(order, "The default process group", "2:4")
    again = read_query(order, found.ids.tolist(), (2, 4))
    assert (found.ids.tolist(), found.span) == (again.ids.tolist(), (1, 3))
    answer = public.influence(MODEL, "The default process group", sequences="0:8", top=1)
    assert answer.query.text == "The default process group"
    assert answer.query.ids == tuple(found.ids.tolist())
    assert (answer.query.start, answer.query.stop) == (1, len(found.ids))
    assert isinstance(answer.sequences[0].text, str)
    assert list(answer.to_pandas()["sequence"]) == [answer.sequences[0].sequence]


@pytest.mark.parametrize(
    ("query", "loss", "said"),
    [
        ("", None, "2 to 65 ids of pocket-order, and this one has 0"),
        ([5], None, "this one has 1"),
        ([5] * 66, None, "this one has 66; give a shorter"),
        ("x" * 5000, None, "5,000 characters is too long"),
        ([5, 1024], None, "id 1024 is not in the vocabulary"),
        ([5, -1], None, "id -1 is not in the vocabulary"),
        ([[5, 6]], None, "a text or a list of ids"),
        ([5, 6, 7], "0:2", "0:2 is not a range of ids"),
        ([5, 6, 7], "2:2", "2:2 is not a range of ids"),
        ([5, 6, 7], (1, 4), "1:4 is not a range of ids"),
        ([5, 6, 7], "two", "write START:STOP"),
    ],
)
def test_what_is_no_query_is_refused(public: seenat.Catalog, query: Any, loss: Any, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        read_query(public.order("pocket-order"), query, loss)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either batches or sequences"),
        ({"batches": "0:1", "sequences": "0:8"}, "either batches or sequences"),
        ({"batches": "0:385"}, "not a range within 0:384"),
        ({"batches": "0:1", "top": 0}, "at least 1"),
        ({"batches": "0:1", "way": "backward"}, "'differences' or 'jvp'"),
        ({"batches": "0:1", "rates": "mine"}, "schedule or equal"),
        ({"batches": "0:1", "device": "abacus"}, "no device 'abacus'"),
    ],
)
def test_what_cannot_be_scored_is_refused(public: seenat.Catalog, options: Any, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        public.influence(MODEL, [5, 6, 7], **options)


def test_a_run_whose_order_is_not_known_has_none(public: seenat.Catalog) -> None:
    unknown = next(model for model in public.models() if model.training_order is None)
    with pytest.raises(UnknownOrder, match="not published"):
        public.influence(unknown, "a text", batches="0:1")


PROGRAM = """
import json, resource, sys
import torch
import seenat

torch.set_num_threads(1)
with seenat.open(sys.argv[1]) as catalog:
    found = catalog.influence("pocket-230k", list(range(2, 60)), sequences=sys.argv[2], steps=384, top=1)
print(json.dumps([found.candidates, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units elsewhere")
def test_memory_does_not_grow_with_the_candidates(registered: Path) -> None:
    """512 more: their gradients would be 470 MB, and their logits 130 MB; 512 fill a block already."""
    peaks = []
    for sequences in ("0:512", "0:1024"):
        command = [sys.executable, "-c", PROGRAM, str(registered), sequences]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(json.loads(done.stdout))
    (few, before), (many, after) = peaks
    assert (few, many) == (512, 1024)
    assert (after - before) / 1024 < 40
