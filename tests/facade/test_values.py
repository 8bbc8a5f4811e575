"""Values in a program: short when shown, hashable, with a length and rows; names and objects stand for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import seenat

ANSWERS: dict[str, Callable[[seenat.Catalog], Any]] = {
    "model": lambda catalog: catalog.model("pythia-70m"),
    "checkpoint": lambda catalog: catalog.model("pythia-70m").checkpoint(3000),
    "order": lambda catalog: catalog.order("pile"),
    "batch": lambda catalog: catalog.order("pocket-order").batch(1),
    "sequence": lambda catalog: catalog.order("pocket-order")[-1],
    "schedule": lambda catalog: catalog.model("pythia-70m").schedule,
    "models": lambda catalog: catalog.models(),
    "describe": lambda catalog: catalog.describe("pythia-70m"),
    "step": lambda catalog: catalog.step("pythia-70m", 3000),
    "ids": lambda catalog: catalog.batch("pocket-order", 0, tokens=True, decode=True),
    "onsets": lambda catalog: catalog.onsets("pocket-230k", limit=None),
    "trajectory": lambda catalog: catalog.trajectory("pocket-230k", 0),
    "curves": lambda catalog: catalog.studies.forgetting("pocket-230k"),
    "results": lambda catalog: catalog.results(),
    "jobs": lambda catalog: catalog.jobs(),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_value_is_shown_on_one_line_and_equal_ones_have_equal_hashes(pocket: seenat.Catalog, name: str) -> None:
    value, again = ANSWERS[name](pocket), ANSWERS[name](pocket)
    assert len(repr(value)) < 500
    assert "\n" not in repr(value)
    assert value == again
    assert hash(value) == hash(again)


def test_an_order_and_a_batch_are_rows_of_ids(pocket: seenat.Catalog) -> None:
    order = pocket.order("pocket-order")
    batch = order.batch(2)
    assert (len(order), len(batch), len(order[0])) == (3584, 8, 65)
    assert [sequence.index for sequence in batch] == list(range(16, 24)) == list(batch.sequences[:])
    assert batch[-1] == order.sequence(23) == order[np.int64(23)]
    assert batch[-1].batch == 2
    assert np.asarray(batch).dtype == np.uint16
    assert np.array_equal(np.asarray(batch), order.source().tokens(batch.sequences))
    assert np.array_equal(np.asarray(batch[3], dtype=np.int64), np.asarray(batch)[3])
    assert batch.text() == pocket.batch("pocket-order", 2, decode=True).texts
    assert batch[3].text() == batch.text()[3]
    for beyond in (lambda: order.sequence(3584), lambda: pocket.model("pocket-230k").sequence(3584)):
        with pytest.raises(seenat.UnknownSequence):
            beyond()
    with pytest.raises(IndexError):
        order[3584]
    assert np.array_equal(np.asarray(order[16:24]), np.asarray(batch))
    assert (order[3580:], len(order[3580:]), order[5:2].tokens().shape) == (order[-4:], 4, (0, 65))
    assert batch[2:4].text() == batch.text()[2:4]
    for wrong in ("a", slice(0, 8, 2), slice("a", None)):
        with pytest.raises(seenat.InvalidValue):
            order[wrong]  # type: ignore[call-overload]


def test_a_table_has_a_length_and_gives_its_rows(pocket: seenat.Catalog) -> None:
    onsets = pocket.onsets("pocket-230k", limit=None)
    assert len(onsets) == onsets.memorized > 20
    assert list(onsets) == list(onsets.sequences)
    assert onsets[-1] == onsets.sequences[-1]
    assert isinstance(onsets[:2], seenat.Answers)
    assert pocket.which.first("pocket-230k", by=0)  # Without rows it is an answer all the same.
    assert len(pocket.which.first("pocket-230k", 384, limit=None)) == len(onsets)
    assert len(pocket.which.changed("pocket-230k", 0, limit=None)) == len(onsets)


def test_names_and_objects_stand_for_each_other(pocket: seenat.Catalog) -> None:
    model, order = pocket.model("pocket-230k"), pocket.order("pocket-order")
    saved, sequence, batch = model.checkpoint(384), order[20], order.batch(2)
    assert pocket.step(model, saved) == pocket.step("pocket-230k", "step384")
    assert pocket.batch(order, batch) == pocket.batch("pocket-order", 2)
    assert pocket.batch(model, batch) == pocket.batch("pocket-230k", "2")
    assert pocket.trajectory(model, sequence) == pocket.trajectory("pocket-230k", 20)
    assert pocket.trajectories(model, batch) == pocket.trajectories("pocket-230k", 2)
    assert pocket.why(model, saved, sequence) == pocket.why("pocket-230k", 384, 20)
    assert pocket.which.first(model, saved) == pocket.which.first("pocket-230k", 384)
    assert pocket.which.kept(model, model.checkpoint(256)) == pocket.which.kept("pocket-230k", 256)
    assert pocket.duplicates(order, batches="0:4") == pocket.duplicates("pocket-order", batches="0:4")
    assert pocket.order(order) == order
    job = pocket.jobs()[0]
    assert pocket.job(job) == pocket.job(job.id)


@pytest.mark.parametrize(
    "call",
    [
        lambda catalog: catalog.model(3),
        lambda catalog: catalog.onsets(catalog.order("pile")),
        lambda catalog: catalog.batch(None, 0),
        lambda catalog: catalog.batch("pile", 1.5),
        lambda catalog: catalog.order("pile").sequence([1]),
        lambda catalog: catalog.which.first("pocket-230k", range(3)),
        lambda catalog: catalog.job("first"),
        lambda catalog: catalog.order(catalog.model("pocket-230k")),
    ],
)
def test_anything_else_is_refused_in_a_sentence(pocket: seenat.Catalog, call: Callable[[seenat.Catalog], Any]) -> None:
    with pytest.raises(seenat.InvalidValue, match=r"^.{10,200}\.$"):
        call(pocket)
