"""The rooms: small enough to look over, each with a map, no circle among them, and nothing written twice."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest
from support.source_tree import PACKAGED, ROOMS, imported_modules, module_of, name_of, packages, tree_of

MOST_FILES = 12
OWN_ROOMS = [path for path in PACKAGED.iterdir() if path.is_dir() and not path.is_symlink()]
"""Those of the public package, beside the links to the others."""
FOLDERS = [
    *packages(*ROOMS, "benchmarks"),
    PACKAGED,
    *sorted(path.parent for room in OWN_ROOMS for path in room.rglob("__init__.py")),
]
SOURCES = sorted(path for folder in FOLDERS for path in folder.glob("*.py"))
SAME_LINES = 6


def children(folder: Path) -> set[str]:
    """The names of a folder's modules and sub-rooms."""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    rooms = {path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink()}
    return modules | rooms - {"__pycache__"}


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_folder_can_be_looked_over(folder: Path) -> None:
    names = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    assert len(names) <= MOST_FILES, sorted(names)


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder.name != "versions"], ids=name_of)
def test_every_room_has_a_map_with_a_line_a_file(folder: Path) -> None:
    if not children(folder):
        return
    # In the docstring; for the public package, whose docstring is its help page, in a comment.
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    lines = [re.match(r"[#\s]*(\w+)/?\s{2,}\S", line) for line in text.splitlines()]
    assert children(folder) - {line[1] for line in lines if line} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports within functions and for types only count too: a circle is one whenever it is run."""
    known = {module_of(path) for path in SOURCES if "benchmarks" not in path.parts}
    graph = {
        module_of(path): set(imported_modules(tree_of(path), known)) - {module_of(path)}
        for path in SOURCES
        if "benchmarks" not in path.parts
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


# -- nothing twice


def lines_of_imports(path: Path) -> set[int]:
    """The numbers of the lines that import statements take."""
    statements = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Import | ast.ImportFrom))
    return {line for node in statements for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def telling_lines(path: Path) -> list[tuple[int, str]]:
    """Numbers and text of the lines that say something: no blank ones, comments, imports, or lone punctuation."""
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    left_out = lines_of_imports(path)
    return [
        (number, line.strip())
        for number, line in lines
        if number not in left_out and re.search(r"\w{2}", line) and not line.strip().startswith(("#", "@", '"""'))
    ]


def is_boilerplate(lines: tuple[str, ...]) -> bool:
    """Whether a run is a list of names: parameters, or arguments passed on under their own names."""
    return all(re.fullmatch(r"[\"'\w.]+(: [\w\[\], |.\"]+)?( = [\w.()\"]+)?,?", line) for line in lines)


def test_no_six_lines_stand_twice() -> None:
    places = defaultdict(list)
    for path in SOURCES:
        if "versions" in path.parts:
            continue
        lines = telling_lines(path)
        for start in range(len(lines) - SAME_LINES + 1):
            run = lines[start : start + SAME_LINES]
            if all(after - before <= 3 for (before, _), (after, _) in pairwise(run)):
                places[tuple(text for _, text in run)].append(f"{name_of(path)}:{run[0][0]}")
    twice = {tuple(found) for lines, found in places.items() if len(found) > 1 and not is_boilerplate(lines)}
    assert sorted(twice) == []
