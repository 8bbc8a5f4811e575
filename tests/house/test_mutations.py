"""The list of mutations speaks of the code as it is; no time at all. `make mutants` tries them."""

from pathlib import Path

import pytest
from house.mutants import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutation_names_one_place_and_the_tests_that_catch_it(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
    assert mutation.new != mutation.old
    assert mutation.tests
    for test in mutation.tests:
        assert (ROOT / test.partition("::")[0]).exists(), test


def test_a_mutation_is_undone(tmp_path: Path) -> None:
    mutation = Mutation(file="code.py", old="a < b", new="a <= b", tests=["tests"])
    (tmp_path / "code.py").write_text("if a < b:\n", encoding="utf-8")
    with mutation.applied(tmp_path):
        assert (tmp_path / "code.py").read_text(encoding="utf-8") == "if a <= b:\n"
    assert (tmp_path / "code.py").read_text(encoding="utf-8") == "if a < b:\n"


def test_there_are_enough_of_them() -> None:
    assert len(MUTATIONS) >= 20
