"""Labels of the pocket suite: none is called wrong, and those of a copy whose files were swapped are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.measuring import measure

from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.studies.effects.boundary_gaps import find_gaps
from seenat.memorization.studies.effects.step_labels import LABEL_CONFIDENCE, possible_steps, step_labels
from seenat.memorization.studies.inputs.panels import Panel, panels
from seenat.memorization.studies.inputs.quantities import COMPARED, quantity_of
from seenat.memorization.studies.inputs.study_data import open_study_data
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.open import open_catalog
from seenat.registry.orders.duplicate_sequences import contents_of
from seenat.registry.suites.register import register_suite

LOSS = Protocol.default_for(0, "loss")
SWAPPED = (128, 320)
BETWEEN = (64, 128, 192, 256, 320, 384)


@pytest.fixture(scope="module")
def swapped(pocket_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog of a copy of the suite in which two checkpoints of the smallest model hold each other's files."""
    folder = tmp_path_factory.mktemp("swapped")
    for path in pocket_manifest.parent.iterdir():
        if path.name != "models":
            (folder / path.name).symlink_to(path)
    for step in (pocket_manifest.parent / "models").glob("*/step*"):
        copy = folder / "models" / step.parent.name / step.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        number = int(step.name.removeprefix("step"))
        if number in SWAPPED and step.parent.name == "pocket-230k":
            number = sum(SWAPPED) - number
        copy.symlink_to(step.with_name(f"step{number}"), target_is_directory=True)
    with open_catalog(str(folder / "catalog.sqlite")) as catalog:
        register_suite(catalog, folder / "SUITE.toml")
        measure(catalog, "pocket-230k", LOSS, steps=BETWEEN, unseen=True)
        yield catalog


@pytest.fixture(scope="module")
def panel(with_losses: Catalog) -> Any:
    """The log-likelihoods of every content of the smallest model, and the steps."""
    results = open_study_data(with_losses, with_losses.model("pocket-230k"), LOSS.id, measures=COMPARED)
    first = contents_of(results.model.order.source(), 3584).first
    read = list(panels(results, quantity_of(LOSS), first))
    joined = Panel(
        sequences=np.concatenate([one.sequences for one in read]),
        cohorts=np.concatenate([one.cohorts for one in read]),
        values=np.concatenate([one.values for one in read], axis=1),
    )
    return results.steps, joined


def test_no_label_of_the_pocket_suite_is_called_wrong(with_losses: Catalog) -> None:
    found = step_labels(with_losses, with_losses.model("pocket-230k"))
    assert found.quantity.name == "log_likelihood"
    verdicts = {label.step: label.verdict for label in found.labels}
    assert "inconsistent" not in verdicts.values()
    assert {verdicts[step] for step in (128, 192, 256, 384)} == {"consistent"}
    late = [label for label in found.labels if label.step >= 64]
    assert all(label.best == label.step and label.own.shown for label in late)
    assert all(label.correlation > 0 for label in late)
    answer = json.loads(json.dumps(found.to_json()))
    assert answer["confidence"] == 0.99
    assert [one["gap"] for one in answer["labels"]] == [
        None if one.own is None else one.own.gap for one in found.labels
    ]


def test_swapped_files_are_found(swapped: Catalog) -> None:
    found = step_labels(swapped, swapped.model("pocket-230k"))
    labels = {label.step: label for label in found.labels}
    assert [step for step in BETWEEN if labels[step].verdict == "inconsistent"] == list(SWAPPED)
    assert all(sum(SWAPPED) - step in labels[step].possible for step in SWAPPED)


def verdicts_of(values: npt.NDArray[np.float64], panel: Panel) -> npt.NDArray[np.bool_]:
    changed = Panel(sequences=panel.sequences, cohorts=panel.cohorts, values=values)
    return possible_steps(find_gaps([changed], len(values), LABEL_CONFIDENCE))


def test_whatever_is_swapped_hardly_any_swap_goes_unnoticed_and_no_other_label_suffers(panel: Panel) -> None:
    steps, known = panel
    unnoticed = []
    for pair in combinations(range(len(steps)), 2):
        values = known.values.copy()
        values[list(pair)] = values[list(pair[::-1])]
        possible = verdicts_of(values, known)
        own = np.diag(possible)
        assert all(own[place] for place in range(len(steps)) if place not in pair), pair
        assert not any(own[place] and possible[place].sum() == 1 for place in pair), pair
        if own[list(pair)].all():
            unnoticed.append(tuple(steps[place] for place in pair))
    assert len(unnoticed) <= 3
    assert all(early < 4 for early, _ in unnoticed)


def test_two_labels_with_the_same_files_are_not_both_right(panel: Panel) -> None:
    steps, known = panel
    found = 0
    for wrong in range(len(steps)):
        for right in set(range(len(steps))) - {wrong}:
            values = known.values.copy()
            values[wrong] = values[right]
            possible = verdicts_of(values, known)
            assert not (possible[wrong, wrong] and possible[wrong].sum() == 1), (steps[wrong], steps[right])
            assert all(possible[place, place] for place in range(len(steps)) if place != wrong)
            found += not possible[wrong, wrong]
    assert found / (len(steps) * (len(steps) - 1)) > 0.6


def test_prefixes_decide_nothing(with_losses: Catalog) -> None:
    """One exposure hardly makes a sequence reproducible."""
    found = step_labels(with_losses, with_losses.model("pocket-230k"), Protocol().id)
    assert {label.verdict for label in found.labels} == {"undecided"}
    assert found.quantity.name == "prefix"


def test_repeated_contents_are_not_compared_with_what_is_never_read(with_losses: Catalog) -> None:
    found = step_labels(with_losses, with_losses.model("pocket-230k"), repeated=True)
    assert found.labels[-1].own is None
    assert found.labels[-1].after == 0
    assert found.labels[-2].own.shown
    assert "inconsistent" not in {label.verdict for label in found.labels}


def test_what_cannot_be_answered_is_refused(with_losses: Catalog, partly: Catalog) -> None:
    with pytest.raises(
        NotMeasured, match=r"No checkpoint of pocket-230k can be compared with its label.*; run .* --unseen"
    ):
        step_labels(partly, partly.model("pocket-230k"))
    with pytest.raises(InvalidValue, match=r"all its 3,584 sequences must be read"):
        step_labels(with_losses, with_losses.model("pocket-230k"), most=3583)
