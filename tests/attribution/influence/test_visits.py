"""Which checkpoints score which candidate, with which weight, and what is refused. 3 seconds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seenat.attribution.influence.candidates import MOST_CANDIDATES, of_batches, of_sequences
from seenat.attribution.influence.visits import Visit, visits_around, visits_at
from seenat.memorization.pocket import POCKET
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.status import Evidence
from seenat.registry.errors import InvalidValue, UnknownCheckpoint, UnknownOrder, UnknownSequence
from seenat.registry.integrity.evidence import AUDIT, replace_evidence
from seenat.registry.learning_rate import learning_rate
from seenat.registry.units import BatchRange, SequenceRange


@pytest.fixture
def model(registry: Catalog) -> Model:
    return registry.model("pocket-230k")


def rate(update: int) -> float:
    return POCKET.learning_rate(POCKET.models[0], update)


def weights(visits: tuple[Visit, ...], place: int = 0) -> dict[int, float]:
    """By step, of the candidate at a place."""
    return {
        visit.checkpoint.step: float(visit.weights[visit.places.tolist().index(place)])
        for visit in visits
        if place in visit.places
    }


def test_the_rates_are_those_of_the_training(model: Model) -> None:
    """To the last update, of all three models: what the manifest states is what they were trained with."""
    for known in POCKET.models:
        stated = replace(model, hyperparameters={**model.hyperparameters, "learning_rate": known.learning_rate,
                                                 "min_learning_rate": known.learning_rate / 10})  # fmt: skip
        rates = [learning_rate(stated.hyperparameters, update, 384) for update in range(384)]
        assert rates == pytest.approx([POCKET.learning_rate(known, update) for update in range(384)], rel=1e-9)


def test_a_candidate_is_scored_around_its_own_update(model: Model) -> None:
    visits = visits_around(model, of_sequences(model, [70 * 8 + 3]))
    assert weights(visits) == pytest.approx({64: rate(70) * 58 / 64, 128: rate(70) * 6 / 64})


def test_a_batch_that_follows_a_checkpoint_needs_it_alone(model: Model) -> None:
    for batch in (0, 1, 64, 320):
        assert weights(visits_around(model, of_batches(model, BatchRange(batch, batch + 1)))) == {
            batch: pytest.approx(rate(batch))
        }


def test_weights_of_a_candidate_add_up_to_its_rate(model: Model) -> None:
    candidates = of_sequences(model, SequenceRange(0, 3072))
    total = np.zeros(len(candidates))
    visits = visits_around(model, candidates)
    for visit in visits:
        total[visit.places] += visit.weights
        assert (np.diff(visit.places) > 0).all()
        assert (visit.weights > 0).all()
    assert total == pytest.approx([rate(sequence // 8) for sequence in candidates.tolist()])
    assert [visit.checkpoint.step for visit in visits] == list(POCKET.saved)


def test_beyond_the_checkpoints_the_only_neighbour_has_the_whole_rate(model: Model) -> None:
    kept = tuple(checkpoint for checkpoint in model.checkpoints if checkpoint.step in (16, 32))
    few = replace(model, checkpoints=kept)
    visits = visits_around(few, of_sequences(few, [8, 20 * 8, 3071]))
    assert weights(visits, 0) == pytest.approx({16: rate(1)})
    assert weights(visits, 1) == pytest.approx({16: rate(20) * 0.75, 32: rate(20) * 0.25})
    assert weights(visits, 2) == pytest.approx({32: rate(383)})


def test_given_steps_score_all_candidates_with_the_rate_of_what_follows(model: Model) -> None:
    visits = visits_at(model, of_sequences(model, [5, 900]), [384, "step64", 64])
    assert [visit.checkpoint.step for visit in visits] == [64, 384]
    assert weights(visits, 0) == weights(visits, 1) == pytest.approx({64: rate(64), 384: rate(383)})


def test_rates_that_are_not_known_are_refused_or_equal(model: Model) -> None:
    unknown = replace(model, hyperparameters={})
    candidates = of_sequences(unknown, [70 * 8])
    with pytest.raises(InvalidValue, match=r"learning_rate, .* unknown for pocket-230k; .*equal rates"):
        visits_around(unknown, candidates)
    assert weights(visits_around(unknown, candidates, rates="equal")) == {64: 58 / 64, 128: 6 / 64}
    with pytest.raises(InvalidValue, match="schedule or equal, not 'none'"):
        visits_around(model, candidates, rates="none")


def test_an_update_without_a_rate_has_no_influence(sqlite_catalog: Catalog) -> None:
    """Pythia's first: its rate is 0."""
    pythia = sqlite_catalog.model("pythia-70m")
    assert visits_around(pythia, of_batches(pythia, BatchRange(0, 1))) == ()
    assert weights(visits_around(pythia, of_sequences(pythia, [1500 * 1024]))) == pytest.approx(
        dict.fromkeys((1000, 2000), learning_rate(pythia.hyperparameters, 1500) / 2)
    )


def test_checkpoints_that_cannot_be_trusted_are_passed_over_or_refused(registry: Catalog) -> None:
    model = registry.model("pocket-230k")
    suspect = [Evidence(kind="audit", status="suspect", statement="It is another.", source=AUDIT)]
    with registry.database.write() as connection:
        replace_evidence(connection, AUDIT, {model.checkpoint(128).id: suspect})
    model = registry.model("pocket-230k")
    candidates = of_sequences(model, [100 * 8])
    assert set(weights(visits_around(model, candidates))) == {64, 192}
    assert set(weights(visits_around(model, candidates, allow_suspect=True))) == {64, 128}
    with pytest.raises(UnknownCheckpoint, match="step 128 is suspect"):
        visits_at(model, candidates, [128])
    assert set(weights(visits_at(model, candidates, [128], allow_suspect=True))) == {128}
    with pytest.raises(UnknownCheckpoint, match="no checkpoint at step 100"):
        visits_at(model, candidates, [100])
    with pytest.raises(InvalidValue, match="no step to score at"):
        visits_at(model, candidates, [])


def test_candidates_that_the_run_never_consumed_are_refused(model: Model) -> None:
    assert of_sequences(model, [3071, 5, 5]).tolist() == [5, 3071]
    assert of_batches(model, BatchRange(1, 3)).tolist() == list(range(8, 24))
    with pytest.raises(UnknownSequence, match="never consumed sequence 3072"):
        of_sequences(model, [5, 3072])
    for beyond in ([3584], [-1]):
        with pytest.raises(UnknownSequence):
            of_sequences(model, beyond)
    for none in ([], SequenceRange(4, 4)):
        with pytest.raises(InvalidValue, match="no candidates"):
            of_sequences(model, none)
    with pytest.raises(InvalidValue, match="too many for one call"):
        of_sequences(model, SequenceRange(0, MOST_CANDIDATES + 1))
    with pytest.raises(InvalidValue, match="a list of indices"):
        of_sequences(model, ["5"])  # type: ignore[list-item]


def test_what_a_run_consumed_must_be_known(sqlite_catalog: Catalog) -> None:
    models = sqlite_catalog.models()
    unknown = next(one for one in models if one.training_order is None)
    with pytest.raises(UnknownOrder, match="not published"):
        of_batches(unknown, BatchRange(0, 1))
    altered = next(one for one in models if one.altered_from_step is not None)
    assert altered.altered_from_step is not None
    size = altered.schedule.sequences_per_batch
    assert len(of_batches(altered, BatchRange(altered.altered_from_step - 1, altered.altered_from_step))) == size
    with pytest.raises(UnknownOrder, match="altered batches"):
        of_batches(altered, BatchRange(altered.altered_from_step - 1, altered.altered_from_step + 1))
