"""What is answered about the measured pocket suite, against the stored values: seen and unseen, onsets, trajectories."""

import numpy as np
import pytest

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import measured_trajectories, measured_values, trajectory
from seenat.registry.errors import InvalidValue, NotMeasured, UnknownSequence
from seenat.registry.units import SequenceRange

MODELS = ("pocket-230k", "pocket-660k", "pocket-2m")
CONTROLS = SequenceRange(3072, 3584)


def values_of(catalog, name):
    model = catalog.model(name)
    return model, measured_values(catalog, model, model.order.sequences)


@pytest.mark.parametrize("name", MODELS)
def test_counts_tell_what_was_seen_from_what_was_not(measured_pocket, name):
    model, found = values_of(measured_pocket, name)
    counts = {count.step: count for count in onsets(measured_pocket, model).steps}
    assert tuple(counts) == found.steps
    for step, values in zip(found.steps, found.values, strict=True):
        seen = np.arange(len(values)) < step * 8
        measured, memorized = values != NOT_MEASURED, values == 32
        count = counts[step]
        assert (count.measured, count.memorized) == ((measured & seen).sum(), (memorized & seen).sum())
        assert count.unseen_measured == (measured & ~seen).sum()
        assert count.unseen_memorized == (memorized & ~seen).sum()
        assert count.measured == 8 * step
        assert count.share == (count.memorized / count.measured if step else None)


def test_controls_are_measured_and_hardly_memorized(measured_pocket):
    for name in MODELS:
        model = measured_pocket.model(name)
        last = onsets(measured_pocket, model).steps[-1]
        assert last.unseen_measured == len(CONTROLS)
        assert last.unseen_memorized < 0.05 * last.unseen_measured
        assert last.memorized > 0.2 * last.measured


def test_points_tell_what_was_seen_from_what_was_not(measured_pocket):
    model, found = values_of(measured_pocket, "pocket-230k")
    for sequence in (0, 7, 8, 511, 512, 1030, 3071, 3072, 3583):
        answer = trajectory(measured_pocket, model, sequence)
        points = answer.trajectory.points
        assert [point.step for point in points] == list(model.schedule.saved)
        assert [point.seen for point in points] == [sequence < 8 * step for step in model.schedule.saved]
        assert [point.values["prefix"] for point in points] == found.values[:, sequence].tolist()
        assert [point.memorized for point in points] == found.memorized[:, sequence].tolist()
        seen = [point.step for point in points if point.seen]
        assert answer.first_checkpoint_seen == (seen[0] if seen else None)
        assert (answer.first_checkpoint_seen is None) == (sequence in CONTROLS)


def test_points_that_were_not_measured_are_left_out(measured_pocket):
    model = measured_pocket.model("pocket-2m")
    steps = [point.step for point in trajectory(measured_pocket, model, 1030).trajectory.points]
    assert steps == [192, 256, 320, 384]
    steps = [point.step for point in trajectory(measured_pocket, model, 3100).trajectory.points]
    assert steps == [0, 64, 384]


@pytest.mark.parametrize("name", MODELS)
def test_onsets_are_those_of_the_trajectories(measured_pocket, name):
    model, found = values_of(measured_pocket, name)
    answer = onsets(measured_pocket, model, limit=10_000)
    ever = np.flatnonzero(found.memorized.any(axis=0))
    assert sorted(one.sequence for one in answer.sequences) == ever.tolist()
    assert answer.memorized == len(ever)
    assert len(ever) > 100
    assert [(one.onset.step, one.sequence) for one in answer.sequences] == sorted(
        (one.onset.step, one.sequence) for one in answer.sequences
    )
    lost = 0
    for one in answer.sequences[:: max(1, len(ever) // 60)]:
        path = trajectory(measured_pocket, model, one.sequence).trajectory
        assert path.onset == one.onset
        assert len(path.forgotten) == one.times_lost
        assert max(point.step for point in path.points if point.memorized) == one.last_step
    for column in found.values[:, ever].T:
        measured = column[column != NOT_MEASURED] == 32
        lost += (measured[:-1] & ~measured[1:]).any()
    assert answer.lost == lost > 0
    for count in answer.steps:
        assert count.onsets == sum(one.onset.step == count.step for one in answer.sequences)
    assert sum(count.onsets for count in answer.steps) == answer.memorized


def test_the_first_sequences_are_listed(measured_pocket):
    model = measured_pocket.model("pocket-2m")
    everything = onsets(measured_pocket, model, limit=10_000).sequences
    assert onsets(measured_pocket, model, limit=7).sequences == everything[:7]
    assert onsets(measured_pocket, model, limit=0).sequences == ()


def test_every_model_of_the_order_has_its_trajectory(measured_pocket):
    order = measured_pocket.order("pocket-order")
    found = measured_trajectories(measured_pocket, order, 1030)
    assert [one.model for one in found] == list(MODELS)
    assert found[0] == trajectory(measured_pocket, measured_pocket.model(MODELS[0]), 1030)


def test_json_keeps_the_keys_that_others_build_on(measured_pocket):
    model = measured_pocket.model("pocket-2m")
    answer = onsets(measured_pocket, model, limit=1)
    said = trajectory(measured_pocket, model, answer.sequences[0].sequence).to_json()
    assert set(said) >= {"model", "sequence", "protocol", "points", "onset", "forgotten"}
    assert set(said["points"][0]) >= {"step", "seen", "prefix", "memorized"}
    assert said["onset"] == answer.to_json()["sequences"][0]["onset"]
    assert set(said["onset"]) == {"bracket_low", "step"}
    assert said["protocol"]["id"] == answer.protocol.id
    control = trajectory(measured_pocket, model, 3583).to_json()
    assert control["onset"] is None
    assert control["first_checkpoint_seen"] is None


def test_what_is_not_there_is_refused(measured_pocket, mine_catalog, measured):
    model = measured_pocket.model("pocket-2m")
    for ask in (
        lambda: trajectory(measured_pocket, model, 3584),
        lambda: measured_values(measured_pocket, model, SequenceRange(3580, 3585)),
    ):
        with pytest.raises(UnknownSequence, match="no sequence 3584"):
            ask()
    with pytest.raises(NotMeasured, match="by protocol abcd yet; there is"):
        trajectory(measured_pocket, model, 0, "abcd")
    measured(mine_catalog, "mine-a", steps=(1,))
    mine = mine_catalog.model("mine-a")
    with pytest.raises(NotMeasured, match=r"run `seenat memorize mine-a --sequences 12:13`\.$"):
        trajectory(mine_catalog, mine, 12)
    with pytest.raises(NotMeasured, match=r"run `seenat memorize mine-a --sequences 2400:2401 --unseen`\.$"):
        trajectory(mine_catalog, mine, 2400)
    assert measured_trajectories(mine_catalog, mine_catalog.order("mine-bare"), 3) == ()
    with pytest.raises((NotMeasured, InvalidValue)):
        onsets(mine_catalog, mine_catalog.model("mine-b"))


def test_a_point_tells_the_quantities_of_its_measure(mine_catalog, measured):
    model = mine_catalog.model("mine-a")
    score, loss = Protocol(measure="score", prompt=8, continuation=8), Protocol.default_for(0, "loss", prompt=8)
    for protocol in (score, loss):
        measured(mine_catalog, "mine-a", protocol, steps=(1, 200), sequences=SequenceRange(0, 24))
    scored, read = (trajectory(mine_catalog, model, 15, protocol.id).to_json() for protocol in (score, loss))
    assert [point["step"] for point in scored["points"]] == [200]
    assert set(scored["points"][0]) == {"step", "seen", "score", "prefix", "memorized"}
    assert scored["points"][0]["prefix"] == scored["points"][0]["score"]
    assert set(read["points"][0]) == {"step", "seen", "prompt", "continuation", "min_k", "rank"}
    assert (read["onset"], read["forgotten"], read["relearned"]) == (None, [], [])
    with pytest.raises(
        NotMeasured, match=r"run `seenat memorize mine-a --measure loss --prompt 8 --sequences 30:31`\.$"
    ):
        trajectory(mine_catalog, model, 30, loss.id)
    both = measured_trajectories(mine_catalog, model.order, 15)
    assert [{**one.to_json(), "other_protocols": []} for one in both] == [
        {**one, "other_protocols": []} for one in (scored, read)
    ]


def test_onsets_of_a_loss_are_refused(mine_catalog, measured):
    model, loss = mine_catalog.model("mine-a"), Protocol.default_for(0, "loss", prompt=8)
    measured(mine_catalog, "mine-a", loss, steps=(200,), sequences=SequenceRange(0, 24))
    for asked in (None, loss.id):
        with pytest.raises(NotMeasured, match="Of mine-a only loss has been measured"):
            onsets(mine_catalog, model, asked)
