"""The pages that list things list all of them, say of each what the code says, and lead where they say."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from support.commands_page import PAGE
from support.source_tree import ROOMS, packages

import seenat
from seenat.registry import errors

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted(DOCS.glob("*.md"))]
LINK = re.compile(r"\]\(((?!https?://)[^)#\s]*)(?:#([^)\s]+))?\)")
LONG = 160
"""Lines from which on a page begins with its contents."""
LISTS = {"CHANGELOG.md", "commands.md", "questions.md"}
"""Long pages whose contents are a table, or whose headings are all that there is."""


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", text_of(page))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Where links into a page lead: its headings, as a repository's pages and the site name them."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose(page))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def rows(page: str) -> Iterator[list[str]]:
    """The cells of every row of a page's tables."""
    for line in re.findall(r"(?m)^\| (.+) \|$", text_of(DOCS / page)):
        yield [cell.strip() for cell in line.split(" | ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_anchor_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(prose(page)):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), (target, anchor)


def test_every_page_is_linked_and_is_in_the_contents_of_the_site() -> None:
    names = {page.stem for page in DOCS.glob("*.md")}
    linked = {Path(target).stem for target, _ in LINK.findall(text_of(ROOT / "README.md")) if target.endswith(".md")}
    assert names - linked == set()
    contents = runpy.run_path(str(DOCS / "conf.py"))["CONTENTS"]
    assert sorted(page for pages in contents.values() for page in pages) == sorted(names)


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == DOCS], ids=lambda page: page.name)
def test_a_long_page_begins_with_its_contents(page: Path) -> None:
    if text_of(page).count("\n") < LONG or page.name in LISTS:
        return
    sections = re.findall(r"(?m)^## ", prose(page))
    head = text_of(page).partition("\n## ")[0]
    assert len(re.findall(r"\]\(#", head)) >= len(sections), "a link to each section"


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    # In a process of its own: a command keeps the help option of the first context that asked, whose names it may lack.
    code = "import sys; from support.commands_page import render; sys.stdout.write(render())"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path]),
        "PYTHONIOENCODING": "utf-8",
    }
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=True
    )
    assert text_of(PAGE) == said.stdout, "PYTHONPATH=src:tests python -m support.commands_page"


def test_every_variable_of_the_environment_is_listed() -> None:
    listed = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", " ".join(row[0] for row in rows("environment.md"))))
    source = (ROOT / "registry" / "settings.py").read_text(encoding="utf-8")
    literals = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    read = {one for one in literals if isinstance(one, str) and re.fullmatch(r"[A-Z][A-Z0-9_]{3,}", one)}
    told = set(re.findall(r"\b(?:SEENAT|HF|AWS|RAY)_[A-Z_]+[A-Z]\b", source))
    sources = (path.read_text(encoding="utf-8") for room in packages(*ROOMS) for path in room.glob("*.py"))
    ours = set(re.findall(r"\bSEENAT_[A-Z_]+[A-Z]\b", " ".join(sources)))
    serve = {name for name in ours | told if name.startswith("SEENAT_SERVE")}
    assert len(read) > 20
    assert (read | told | ours) - serve - listed == set()
    assert all(f"`{name}" in text_of(DOCS / "environment.md") for name in serve)


def test_every_extra_has_its_price() -> None:
    extras = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]
    listed = {row[0].strip("`"): row[2] for row in rows("install.md") if len(row) == 3}
    assert extras.keys() == listed.keys() - {"extra", "none"}
    assert all(re.fullmatch(r"[\d.,]+ [MG]B.*", listed[name]) for name in listed.keys() & extras.keys())


def test_every_error_says_what_to_do() -> None:
    listed = {row[0].strip("`"): row[1:] for row in rows("troubleshooting.md") if len(row) == 5}
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert listed[name][:2] == [str(kind.exit_code), str(kind.http_status)], name
        assert all(len(cell) > 8 for cell in listed[name][2:]), name


def test_the_words_of_contributing_are_in_the_glossary() -> None:
    words = re.search(r"(?s)## The words\n(.*?)\n## ", text_of(ROOT / "CONTRIBUTING.md"))
    assert words is not None
    wanted = {word for row in re.findall(r"(?m)^\| ([^|]+) \| ", words[1])[1:] for word in row.split(", ")}
    explained = set(re.findall(r"\*\*(.+?)\*\*", " ".join(row[0] for row in rows("glossary.md"))))
    assert len(wanted) > 10
    assert wanted - explained == set()


def test_what_is_expected_is_held_by_tests_that_exist() -> None:
    numbered = [row for row in rows("conventions.md") if row[0].isdigit()]
    assert [int(row[0]) for row in numbered] == list(range(1, 25))
    for row in numbered:
        named = re.findall(r"`(tests/[^`]+)`", row[3])
        assert named, row[0]
        for test in named:
            file, _, name = test.partition("::")
            assert not name or f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), test
            assert (ROOT / file).is_file(), test


def test_the_published_numbers_are_those_that_ship() -> None:
    shipped = counts_that_ship()
    table = [row for row in rows("tutorial.md") if len(row) == 5 and row[2].endswith("%")]
    assert [row[0] for row in table] == ["70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b", "12b"]
    for size, *cells in table:
        for model, count, share in ((f"pythia-{size}-v0", *cells[:2]), (f"pythia-{size}-deduped-v0", *cells[2:])):
            assert (int(count.replace(",", "")), share) == shipped[model]


def counts_that_ship() -> dict[str, tuple[int, str]]:
    """What was published of whole orders, from the file that ships."""
    counts = json.loads((ROOT / "registry" / "data" / "reference_counts.json").read_text(encoding="utf-8"))["counts"]
    whole = [row for row in counts if row["sequences"] == 146_432_000]
    return {row["model"]: (row["memorized"], f"{100 * row['memorized'] / row['sequences']:.2f}%") for row in whole}


def test_the_file_for_citing_is_of_this_version() -> None:
    """The keys that the format, 1.2.0, demands, and what else the file says."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    known = {"cff-version", "message", "type", "title", "abstract", "authors", "version", "license", "keywords"}
    assert cited.keys() <= known
    assert (cited["cff-version"], cited["type"], cited["version"]) == ("1.2.0", "software", seenat.__version__)
    assert cited["license"] == "Apache-2.0"
    assert all(set(author) == {"name"} and author["name"] for author in cited["authors"])
    assert all(isinstance(word, str) for word in cited["keywords"])
