"""What is left out on other Pythons is there, has a reason, and runs on the one Python that runs everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.briefly import LEFT_OUT, kept_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("line", LEFT_OUT)
def test_a_line_of_the_table_names_tests_and_a_reason(line: str) -> None:
    path, _, test = line.partition("::")
    assert (ROOT / path).exists()
    assert not test or f"def {test.partition('[')[0]}" in (ROOT / path).read_text(encoding="utf-8")
    every, reason = LEFT_OUT[line]
    assert every != 1
    assert len(reason) > 10


def test_only_the_run_without_torch_leaves_them_out() -> None:
    recipes = re.split(r"\n(?=\S)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    (brief,) = (recipe for recipe in recipes if "--briefly" in recipe)
    assert brief.startswith("test-without-torch:")
    assert "test-without-torch" not in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_of_each_line_as_many_are_kept_as_it_says() -> None:
    table = {"a/": (0, "none of them"), "b.py::test_x": (3, "a third of them")}
    names = ["a/t.py::test_1", *(f"b.py::test_x[{number}]" for number in range(7)), "b.py::test_y", "c.py::test_1"]
    kept = kept_of(names, table)
    assert kept == {"b.py::test_x[0]", "b.py::test_x[3]", "b.py::test_x[6]", "b.py::test_y", "c.py::test_1"}
