"""How `make docs` makes a site of the pages: Sphinx reads the same Markdown that is read in the repository.

A link or an anchor that leads nowhere is a warning, and warnings end the build.
"""

from __future__ import annotations

from typing import Any

project = "seenat"
author = "the seenat developers"
copyright = author  # noqa: A001 - the name that Sphinx reads.
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md"]
exclude_patterns = [".*", "tests"]
html_theme = "furo"
html_title = "seenat"
html_show_sourcelink = False
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure", "myst.xref_ambiguous"]

CONTENTS = {
    "Begin": (
        "install",
        "tutorial",
        "first-run",
        "commands",
        "command-line",
        "environment",
        "troubleshooting",
        "glossary",
    ),
    "The catalog": ("pythia", "questions", "suites", "suite-mistakes", "integrity", "evaluations"),
    "Measuring": ("memorization", "jobs", "adaptive", "scale", "results", "values", "studies", "exports"),
    "From a text": ("attribution", "trace", "influence", "duplicates", "exchange"),
    "Using it": ("python", "service", "keeping", "conventions", "benchmarks", "benchmarks-zen4"),
}
"""Every page of docs/, by what it is about; the sidebar. A test holds that none is missing."""


def contents() -> str:
    """The trees of pages that the first page hides and the sidebar shows."""
    ours = {title: [f"docs/{page}" for page in pages] for title, pages in CONTENTS.items()}
    ours["The project"] = ["CONTRIBUTING", "CHANGELOG", "SECURITY"]
    trees = (f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(ours[title]) + "\n```\n" for title in ours)
    return "\n" + "\n".join(trees)


def add_contents(app: Any, page: str, source: list[str]) -> None:
    """Append the trees to the first page."""
    if page == root_doc:
        source[0] += contents()


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
