"""What two runs may share, and from when on it is a fault."""

from __future__ import annotations

import pytest

from seenat.registry.evaluations.duplicate_runs import DuplicateRun, Run, compare_runs


def runs(*described: tuple[str, int, int, int]) -> dict[Run, dict[tuple[str, str], float]]:
    """Runs of 100 numbers, `(model, step, numbers of its own, seed)`; all others they share."""
    values_of_run = {}
    for place, (name, step, own, seed) in enumerate(described):
        values = {(f"task{number}", "acc"): float(number) for number in range(100)}
        values |= {(f"task{number}", "acc"): seed + number / 1000 for number in range(own)}
        values_of_run[Run(model=name, step=step, shots=0, file=f"{place}.json")] = values
    return values_of_run


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (("a", 0, 0, 1), ("a", 1, 0, 2), "identity"),
        (("a", 0, 0, 1), ("b", 0, 0, 2), "identity"),
        (("a", 0, 0, 1), ("b", 1, 0, 2), None),
        (("a", 0, 1, 1), ("a", 1, 1, 2), None),
        (("a", 2, 0, 1), ("b", 2, 0, 2), "coincidence"),
        (("a", 2, 0, 1), ("a", 4, 0, 2), "coincidence"),
        (("a", 1, 0, 1), ("a", 2, 0, 2), None),
        (("a", 512, 1, 1), ("b", 512, 1, 2), None),
        (("a", 1000, 60, 1), ("b", 1000, 60, 2), "coincidence"),
        (("a", 1000, 61, 1), ("b", 1000, 61, 2), None),
        (("a", 1000, 60, 1), ("a", 9000, 60, 2), "coincidence"),
        (("a", 1000, 0, 1), ("a", 1000, 0, 2), None),
        (("a", 1000, 60, 1), ("a", 1000, 60, 2), None),
        (("a", 1000, 61, 1), ("a", 1000, 61, 2), "contradiction"),
        (("a", 0, 61, 1), ("a", 0, 61, 2), "contradiction"),
    ],
)
def test_what_two_runs_may_share(
    first: tuple[str, int, int, int], second: tuple[str, int, int, int], kind: str | None
) -> None:
    pairs = compare_runs(runs(first, second))
    assert [pair.kind for pair in pairs] == ([] if kind is None else [kind])


def test_few_numbers_say_nothing_and_other_numbers_of_examples_neither() -> None:
    few = {run: dict(list(values.items())[:39]) for run, values in runs(("a", 5, 0, 1), ("b", 5, 0, 2)).items()}
    assert compare_runs(few) == ()
    (first, values), (second, others) = runs(("a", 5, 0, 1), ("b", 5, 0, 2)).items()
    assert compare_runs({first: values, Run(model="b", step=5, shots=5, file=second.file): others}) == ()


def test_a_coincidence_counts_what_both_have() -> None:
    (first, values), (second, others) = runs(("a", 5, 0, 1), ("b", 5, 0, 2)).items()
    (pair,) = compare_runs({first: values, second: {key: value for key, value in others.items() if key[0] < "task7"}})
    assert pair == DuplicateRun(first=first, second=second, equal=67, common=67, kind="coincidence")
    assert pair.sentence == "67 of 67 results with 0 examples are the same for a at step 5 and b at step 5"
