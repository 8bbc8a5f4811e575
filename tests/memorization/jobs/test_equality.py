"""What is read back from the result store equals what transformers' `generate` says, row by row."""

import numpy as np
import pytest

from seenat.memorization.protocol.protocol import NOT_MEASURED, RECHECKED, Protocol
from seenat.memorization.queries.trajectories import measured_values
from seenat.registry.units import SequenceRange

POCKET_MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")


def test_every_model_of_the_pocket_suite_was_measured_at_every_checkpoint(measured_pocket):
    for name in POCKET_MODELS:
        model = measured_pocket.model(name)
        found = measured_values(measured_pocket, model, model.order.sequences)
        assert found.steps == model.schedule.saved
        assert len(found.steps) == 13
        for step, values in zip(found.steps, found.values, strict=True):
            seen = model.schedule.sequences_seen(step).stop
            assert (values[:seen] != NOT_MEASURED).all()


@pytest.mark.parametrize("step", [384, 256])
def test_the_pocket_suite_equals_generate(measured_pocket, reference, step):
    protocol = Protocol()
    compared = memorized = with_zero = 0
    for name in POCKET_MODELS:
        model = measured_pocket.model(name)
        rows = model.order.source().tokens(model.order.sequences)
        found = measured_values(measured_pocket, model, model.order.sequences)
        values = found.values[found.steps.index(step)]
        chosen = np.flatnonzero(values != NOT_MEASURED)[::3]
        expected = reference(model, step, rows[chosen], protocol)
        assert values[chosen].tolist() == expected.prefix.tolist()
        assert found.memorized[found.steps.index(step), chosen].tolist() == expected.memorized.tolist()
        compared += len(chosen)
        memorized += int(expected.memorized.sum())
        with_zero += int((rows[chosen, 32:64] == 0).any(axis=1).sum())
    print(f"step {step}: {compared} cells, {memorized} memorized, {with_zero} with the end of a document")
    assert compared >= 2000
    assert with_zero >= 100
    assert min(memorized, compared - memorized) >= 300


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("mine-a", Protocol()),
        ("mine-a", Protocol(eos="allowed")),
        ("mine-a", Protocol(prompt=20, continuation=40, offset=3)),
        ("mine-b", Protocol(prompt=20, continuation=40, offset=3)),
        ("mine-a", Protocol(measure="score")),
        ("mine-a", Protocol(dtype=RECHECKED)),
    ],
    ids=["32+32", "EOS allowed", "20+40 from 3", "without an index", "score", "rechecked"],
)
def test_another_suite_equals_generate(mine, mine_catalog, measured, reference, name, protocol):
    steps = (20, 120, 200)
    measured(mine_catalog, name, protocol, steps=steps, unseen=True)
    model = mine_catalog.model(name)
    found = measured_values(mine_catalog, model, SequenceRange(0, 2520), protocol.id)
    memorized = []
    for step, values in zip(steps, found.values, strict=True):
        expected = reference(model, step, mine.rows, protocol)
        wanted = expected.score if protocol.measure == "score" else expected.prefix
        assert values.tolist() == wanted.tolist()
        assert ((values == protocol.continuation) == expected.memorized).all()
        memorized.append(int(expected.memorized.sum()))
    zeros = (mine.rows[:, protocol.offset + protocol.prompt : protocol.window[1]] == 0).any(axis=1)
    assert found.steps == steps
    assert memorized[0] < 200 < memorized[1]
    assert zeros.sum() > 500
    assert found.memorized[:, zeros].any() == (protocol.eos == "allowed")
