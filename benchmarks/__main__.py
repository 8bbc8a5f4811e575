"""`python -m benchmarks [PART]... [--page FILE]`: measure all parts, or those named, and write their sections of the page."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from benchmarks.machine import cpu_seconds, say
from benchmarks.page import with_section

_PARTS = {
    "equality": "benchmarks.parts.equality",
    "engine": "benchmarks.parts.engine",
    "loss": "benchmarks.parts.loss",
    "memory": "benchmarks.parts.memory",
    "job": "benchmarks.parts.whole_job",
    "scale": "benchmarks.parts.scale",
    "ngrams": "benchmarks.parts.ngrams",
    "influence": "benchmarks.parts.influence",
    "service": "benchmarks.parts.service",
    "catalog": "benchmarks.parts.catalog",
    "queue": "benchmarks.parts.queue",
    "processes": "benchmarks.parts.processes",
}
"""Modules with a function `section(page)` that measures and returns Markdown; in the order of the page."""
_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(_PARTS)))
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), default=_PAGE, help="The Markdown file to write."
)
def main(parts: tuple[str, ...], page: Path) -> None:
    """Measure PARTS, or all, and write each one's section of the page; the page anew where all are measured."""
    import torch

    torch.set_num_threads(1)
    if not parts:
        page.unlink(missing_ok=True)
    for part in parts or _PARTS:
        say(f"measuring {part}")
        section = importlib.import_module(_PARTS[part]).section(page)
        with_section(page, part, section)
        print(section, flush=True)
    say(f"done in {cpu_seconds():.0f} s of CPU")


if __name__ == "__main__":
    main()
