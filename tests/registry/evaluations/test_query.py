"""Asking for benchmark results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.published import hub_run, numbers, write_json

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import NotMeasured
from seenat.registry.evaluations.importer import import_evaluations
from seenat.registry.evaluations.query import benchmarks


@pytest.fixture
def asked(small: Catalog, evals: Path) -> Catalog:
    folder = evals / "pythia-v1" / "pythia-9m"
    for step in (1000, 3000):
        write_json(folder / "zero-shot" / f"a_step{step}.json", hub_run("EleutherAI/pythia-9m", step, numbers(step)))
    write_json(folder / "baseline" / "a_step3000.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(4)))
    write_json(folder / "again" / "a_step3000.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(6)))
    write_json(folder / "five-shot" / "a_step3000.json", hub_run("EleutherAI/pythia-9m", 3000, numbers(5), shots=5))
    import_evaluations(small, evals)
    return small


def test_results_by_task_examples_metric_and_step(asked: Catalog) -> None:
    outcome = benchmarks(asked, asked.model("pythia-9m"), task="piqa")
    assert [(one.metric, one.shots, one.step, one.series) for one in outcome.values] == [
        ("acc", 0, 1000, None),
        ("acc", 0, 3000, None),
        ("acc", 0, 3000, "baseline"),
        ("acc", 5, 3000, None),
    ]
    first, second, apart, _ = outcome.values
    assert (first.value, first.error) == tuple(numbers(1000)["piqa"].values())
    assert (second.value, second.error) == tuple(numbers(3000)["piqa"].values())
    assert second.repetitions == (numbers(6)["piqa"]["acc"],)
    assert (apart.value, apart.repetitions) == (numbers(4)["piqa"]["acc"], ())
    assert second.file == "pythia-v1/pythia-9m/zero-shot/a_step3000.json"
    assert first.repetitions == ()


def test_results_are_chosen(asked: Catalog) -> None:
    nine = asked.model("pythia-9m")
    assert len(benchmarks(asked, nine).values) == 30 * 4
    assert len(benchmarks(asked, nine, task="hendrycksTest-*", shots=0).values) == 27 * 3
    assert {one.step for one in benchmarks(asked, nine, metric="acc", shots=5).values} == {3000}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"task": "piqua"}, "pythia-9m has no results of a task piqua; there are piqa"),
        ({"metric": "ppl"}, "pythia-9m has no metric ppl there, but acc."),
        ({"shots": 3}, "No benchmark results of pythia-9m with 3 examples"),
    ],
)
def test_what_is_not_there_is_told(asked: Catalog, chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(NotMeasured) as refused:
        benchmarks(asked, asked.model("pythia-9m"), **chosen)
    assert str(refused.value).startswith(message)
