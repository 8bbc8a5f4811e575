"""Counterfactual profiles of the pocket suite, against the definition, sequence by sequence."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seenat.memorization.studies.effects.counterfactual import counterfactual_profiles
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.units import SequenceRange

TRAINED, LAST = 3072, 384


def taking_part(model: Model, repeated: bool) -> list[int]:
    """Sequences whose ids occur once in the whole order, or all."""
    rows = [tuple(row) for row in model.order.source().tokens(SequenceRange(0, 3584)).tolist()]
    times = Counter(rows)
    return [index for index, row in enumerate(rows) if repeated or times[row] == 1]


def effects_by_definition(known: Any, quantity: str, control: str, repeated: bool, least: int) -> Any:
    """Effect, standard error and counts of every cohort at every step."""
    values = known.values.astype(float)
    if quantity == "memorized":
        values = np.where(values == 32, 1.0, np.where(values == 255, 255.0, 0.0))
    chosen = taking_part(known.model, repeated)
    found = {}
    for before, cohort in zip(known.steps, known.steps[1:], strict=False):
        treated = [index for index in chosen if 8 * before <= index < 8 * cohort]
        for step in known.steps:
            limit = TRAINED if control == "never" else 8 * max(step, cohort)
            groups = treated, [index for index in chosen if index >= limit]
            changes = []
            for group in groups:
                now, then = values[known.steps.index(step), group], values[known.steps.index(before), group]
                changes.append((now - then)[(now != 255) & (then != 255)])
            if step != before and min(map(len, changes)) >= least:
                error = np.sqrt(sum(change.var(ddof=1) / len(change) for change in changes))
                found[cohort, step] = (changes[0].mean() - changes[1].mean(), error, *map(len, changes))
    return found


@pytest.mark.parametrize(
    ("quantity", "control", "repeated", "least"),
    [
        ("prefix", "never", False, 30),
        ("prefix", "not-yet", False, 20),
        ("memorized", "never", True, 30),
        ("memorized", "not-yet", True, 2),
    ],
)
def test_effects_are_those_of_the_definition(
    measured_pocket: Catalog, seen: Callable[..., Any], quantity: str, control: str, repeated: bool, least: int
) -> None:
    known = seen(measured_pocket, "pocket-230k")
    expected = effects_by_definition(known, quantity, control, repeated, least)
    (found,) = counterfactual_profiles(
        measured_pocket, [known.model], "243582", quantity=quantity, control=control, repeated=repeated, least=least
    )
    assert [(one.cohort, one.step) for one in found.effects] == list(expected)
    for one, (effect, error, treated, controls) in zip(found.effects, expected.values(), strict=True):
        assert (one.treated, one.controls) == (treated, controls)
        assert one.effect == pytest.approx(effect, abs=1e-12)
        assert one.standard_error == (pytest.approx(error, abs=1e-12) if error else None)
    assert len(expected) > 60


def test_the_profile_weighs_cohorts_by_their_sequences(measured_pocket: Catalog) -> None:
    model = measured_pocket.model("pocket-230k")
    (found,) = counterfactual_profiles(measured_pocket, [model], "243582", repeated=True, least=60)
    places = {step: place for place, step in enumerate(model.schedule.saved)}
    lags, residual = defaultdict(list), []
    for one in found.effects:
        lags[places[one.step] - places[one.cohort]].append(one)
        if one.step == LAST > one.cohort:
            residual.append(one)
    assert [point.checkpoints_since for point in found.profile] == sorted(lags)
    for point in found.profile:
        effects = lags[point.checkpoints_since]
        weights = [one.treated for one in effects]
        assert point.effect == pytest.approx(np.average([one.effect for one in effects], weights=weights))
        assert (point.cohorts, point.sequences) == (len(effects), sum(weights))
        steps = [one.step - one.cohort for one in effects]
        assert point.steps_since == (min(steps), max(steps))
        # At once for 18 points: between one alone, 1.96 standard errors, and as many independent ones, 3.
        assert 1.96 < (point.high - point.effect) / point.standard_error < 3.05
    assert found.instantaneous is next(point for point in found.profile if point.checkpoints_since == 0)
    expected = np.average([one.effect for one in residual], weights=[one.treated for one in residual])
    assert found.residual.effect == pytest.approx(expected)
    assert json.loads(json.dumps(found.to_json()))["residual"]["effect"] == pytest.approx(expected)


def test_contents_that_occur_again_are_known_before(measured_pocket: Catalog) -> None:
    """So trends are parallel without them only."""
    model = measured_pocket.model("pocket-230k")
    for quantity in ("prefix", "memorized"):
        (once,), (all_,) = (
            counterfactual_profiles(measured_pocket, [model], "243582", quantity=quantity, repeated=repeated)
            for repeated in (False, True)
        )
        assert all_.parallel_trends.largest > 10
        assert all_.parallel_trends.p_value < 1e-4
        assert once.parallel_trends is None or once.parallel_trends.p_value > 0.01


def test_what_cannot_be_answered_is_refused(measured_pocket: Catalog, partly: Catalog) -> None:
    models = {name: measured_pocket.model(f"pocket-{name}") for name in ("230k", "2m")}
    with pytest.raises(
        NotMeasured, match=r"Only 0 control sequences of pocket-230k .* --unseen`, or take --control not-yet"
    ):
        counterfactual_profiles(partly, [partly.model("pocket-230k")])
    with pytest.raises(NotMeasured, match="No cohort of pocket-2m has 30 sequences"):
        counterfactual_profiles(measured_pocket, [models["2m"]], "243582")
    with pytest.raises(
        InvalidValue, match=r"A mean of 1 sequences says nothing of chance; ask for at least 2 \(`--least 2`\)"
    ):
        counterfactual_profiles(measured_pocket, [models["230k"]], least=1)
    with pytest.raises(InvalidValue, match="prefix does not give 'loss' of a sequence; it gives prefix or memorized"):
        counterfactual_profiles(measured_pocket, [models["230k"]], "243582", quantity="loss")
    with pytest.raises(
        InvalidValue, match=r"all its 3,584 sequences must be read .* take them as they are with --repeated"
    ):
        counterfactual_profiles(measured_pocket, [models["230k"]], most=3583)
