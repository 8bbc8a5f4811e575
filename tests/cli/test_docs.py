"""README and docs: what they tell people to type is run, in a home whose pocket suite is registered and measured.

Blocks that other tests run are not run again: docs/questions.md, docs/evaluations.md, docs/integrity.md, docs/service.md,
docs/studies.md, docs/suites.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.cli import Call, run_process

import seenat

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "docs/adaptive.md",
    "docs/attribution.md",
    "docs/command-line.md",
    "docs/exports.md",
    "docs/influence.md",
    "docs/install.md",
    "docs/jobs.md",
    "docs/memorization.md",
    "docs/pythia.md",
    "docs/scale.md",
    "docs/trace.md",
    "docs/troubleshooting.md",
    "docs/tutorial.md",
    "docs/values.md",
)
TOP_TO_BOTTOM = (
    "docs/duplicates.md",
    "docs/exchange.md",
    "docs/first-run.md",
    "docs/keeping.md",
    "docs/results.md",
)
"""Pages whose commands and programs use what stands above them."""
TOUR = "docs/python.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ELSEWHERE = (
    "seenat serve",
    "seenat sync",
    "seenat memorize pythia-70m",
    "seenat onset pythia-70m",
    "seenat which first pythia-70m",
    "seenat study forgetting pythia-70m",
    "seenat import memorized EleutherAI",
    "seenat export-batches pile",
    "seenat completion install",
)
"""Lines that do not end, or need the hub; the tests of their rooms run them, against one of their own."""

FEWER = ("--sequences", "0:512")
"""Added to what measures a whole run in many ways: the others are measured likewise, in half a minute."""


@pytest.fixture(scope="module")
def home(measured_home: Callable[[], Path]) -> Path:
    """One for this module alone, since what is typed here measures more; its suite is the one that lies in it."""
    home = measured_home()
    done = run_process(home, ["register", str(next(home.glob("pocket-*")) / "SUITE.toml"), "--replace"])
    assert done.returncode == 0, done.stderr
    return home


def blocks(page: str, kind: str) -> list[str]:
    return [text for name, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if name == kind]


def commands(page: str) -> list[list[str]]:
    """The arguments of every `seenat` line, of shell blocks and of consoles."""
    lines = [
        line.removeprefix("$ ")
        for kind in ("sh", "console")
        for text in blocks(page, kind)
        for line in text.splitlines()
    ]
    return arguments(lines)


def arguments(lines: list[str]) -> list[list[str]]:
    """The arguments of every `seenat` line among these."""
    found = [line.partition("#")[0].strip() for line in lines if line.startswith("seenat ")]
    return [shlex.split(line)[1:] for line in found if not line.startswith(ELSEWHERE)]


def run(program: list[str], page: str) -> dict[str, Any]:
    """Run blocks as one program, close the catalogs that it left open, and return its names."""
    names: dict[str, Any] = {}
    try:
        for block in program:
            exec(compile(block, page, "exec"), names)  # noqa: S102 - our own documents, as their readers run them.
    finally:
        for catalog in [value for value in names.values() if isinstance(value, seenat.Catalog)]:
            catalog.close()
    return names


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_tells_to_type_works(page: str, call: Call, home: Path, tmp_path: Path) -> None:
    manifest = next(home.glob("pocket-*")) / "SUITE.toml"
    (tmp_path / "text.txt").write_text("torch.distributed needs a process group.\n", "utf-8")
    for args in commands(page):
        # Only the smallest model of the pocket suite is measured here, and it stands for one's own run as well.
        mine = [
            {"SUITE.toml": str(manifest), "mine-small": "pocket-230k", "pocket-2m": "pocket-230k"}.get(arg, arg)
            for arg in args
        ]
        # A sample is small already.
        whole = args[:2] == ["memorize", "mine-small"] and "--sample" not in args
        called = call(*mine, *(FEWER if whole else ()))
        assert called.code == 0, (page, args, called.err)


def test_the_commands_about_tokens_work(call: Call, home: Path) -> None:
    """Those of docs/service.md, whose other blocks are run with the service."""
    written = [args for args in commands("docs/service.md") if args[0] == "token"]
    assert [args[1] for args in written] == ["create", "list", "revoke", "log"]
    for args in written:
        called = call(*args)
        assert (called.code, bool(called.out)) == (0, True), (args, called.err)


@pytest.mark.parametrize("page", ["README.md", "docs/scale.md", "docs/tutorial.md"])
def test_a_page_shows_what_is_printed(page: str, call: Call) -> None:
    for console in blocks(page, "console"):
        for shown in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
            command, _, expected = shown.partition("\n")
            printed = call(*shlex.split(command)[1:]).out.splitlines()
            lines = expected.splitlines()
            told = lines[: lines.index("...")] if "..." in lines else lines
            assert printed[: len(told)] == told


@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/attribution.md", "docs/exports.md", "docs/influence.md", "docs/trace.md", "docs/tutorial.md"],
)
def test_python_blocks_run(page: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_HOME", str(home))
    for block in blocks(page, "python"):
        run([block], page)


@pytest.mark.parametrize("page", TOP_TO_BOTTOM)
def test_a_page_runs_from_top_to_bottom(
    page: str, call: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEENAT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    try:
        for kind, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
            for args in arguments(text.splitlines()) if kind == "sh" else []:
                called = call(*args)
                assert called.code == 0, (page, args, called.err)
            if kind == "toml":
                Path("SUITE.toml").write_text(text, encoding="utf-8")
            if kind == "python":
                exec(compile(text, page, "exec"), names)  # noqa: S102 - our own documents, as their readers run them.
    finally:
        if "catalog" in names:
            names["catalog"].close()


def test_results_open_as_the_page_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first block, of the results that are there."""
    monkeypatch.chdir(home)
    results = Path("catalog.sqlite.results", "pocket-230k")
    array = next(results.glob("243582cf555b-*[!s].zarr"))
    first = blocks("docs/values.md", "python")[0]
    block = re.sub(r'"catalog\.sqlite\.results/.*?"', repr(str(array)), first)
    names = run([block], "docs/values.md")
    # Step 0 had seen nothing to be measured, unless a page before has asked for unseen sequences.
    assert names["measured"].sizes["checkpoint"] in (12, 13)


def test_the_tour_of_the_library_runs(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its blocks are one program: later ones use the names of earlier ones."""
    monkeypatch.setenv("SEENAT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    run(blocks(TOUR, "python"), TOUR)


def test_no_page_teaches_a_path_below_seenat() -> None:
    """What stands below may move; CONTRIBUTING is for those who move it."""
    deeper = re.compile(r"seenat\.(?:registry|memorization|attribution|service|cli|migrations)\b|from seenat\.")
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        assert deeper.findall(page.read_text(encoding="utf-8")) == [], page.name


def test_the_pages_are_all_run_by_some_test() -> None:
    run_elsewhere = {
        f"docs/{name}.md"
        for name in ("questions", "evaluations", "integrity", "scale", "service", "studies", "suites", "suite-mistakes")
    }
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    measured_by_hand = {"docs/benchmarks.md", "docs/benchmarks-zen4.md"}
    without_blocks_to_run = {f"docs/{name}.md" for name in ("commands", "conventions", "environment", "glossary")}
    listed = {TOUR, *PAGES, *TOP_TO_BOTTOM} - {"README.md"}
    assert pages == listed | run_elsewhere | measured_by_hand | without_blocks_to_run
