"""`python -m benchmarks.retraining`: leave out what mattered, train again, and see what that did to the loss of each query."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import numpy.typing as npt

import seenat
from benchmarks.machine import CACHE, cpu_seconds, say
from benchmarks.page import with_section
from benchmarks.retraining.chosen import WAYS, Chosen, Query, by_chance, by_influence, queries, read_rows
from benchmarks.retraining.left_out import left_out
from benchmarks.retraining.page import changes, draw, section
from benchmarks.retraining.trials import run_trials
from seenat.memorization.pocket import POCKET, build_pocket_suite, pocket_folder
from seenat.registry.storage.local import write_atomic

_MODEL = "pocket-230k"
_FIGURE = "![Change of each query's loss when training leaves sequences out](influence/retraining.png)"
_DOCS = Path(__file__).parents[2] / "docs"


@click.command()
@click.option("--queries", "count", default=16, show_default=True, help="Queries, a multiple of 4.")
@click.option("--seeds", default=5, show_default=True, help="Runs of each kind, each from other first weights.")
@click.option("--removed", default=32, show_default=True, help="Training sequences that are left out.")
@click.option("--scaled/--no-scaled", default=True, help="Also choose by scores scaled by the second moment.")
@click.option("--page/--no-page", "writes", default=True, help="Write docs/influence.md and its figure.")
def main(count: int, seeds: int, removed: int, scaled: bool, writes: bool) -> None:
    """Choose sequences to leave out, train what has not been trained yet, and write what it showed."""
    import torch

    torch.set_num_threads(1)
    manifest = build_pocket_suite(pocket_folder(CACHE))
    rows = read_rows(manifest)
    asked = queries(rows, count)
    folder = CACHE / f"retraining-{manifest.parent.name}-{count}-{removed}"
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [Chosen("", -1, []), *by_chance(removed)]
    for by_second_moment in (False, True)[: 1 + scaled]:
        file = folder / f"chosen-{'scaled' if by_second_moment else 'plain'}.json"
        chosen += _kept(file, lambda on=by_second_moment: _choose(manifest, rows, asked, removed, scaled=on))  # type: ignore[misc]
    numbers = list(range(1, seeds + 1))
    trials = run_trials(folder / "trials.jsonl", _MODEL, rows, [query.sequence for query in asked], chosen, numbers)
    ways = [way for way in WAYS if scaled or way != "scaled"]
    found = changes(trials, ways, asked, numbers)
    text = f"{section(found, ways, asked, removed, POCKET.trained)}\n{left_out(chosen, rows[: POCKET.trained], ways)}"
    print(text, flush=True)
    if writes:
        with_section(_DOCS / "influence.md", "retraining", f"{text}\n{_FIGURE}")
        draw(found, ways, asked, _DOCS / "influence" / "retraining.png")
    say(f"done in {cpu_seconds():.0f} s of CPU")


def _choose(
    manifest: Path, rows: npt.NDArray[np.int64], asked: list[Query], removed: int, *, scaled: bool
) -> list[Chosen]:
    with TemporaryDirectory() as home, seenat.open(str(Path(home) / "catalog.sqlite")) as catalog:
        catalog.register(manifest)
        return by_influence(catalog, _MODEL, rows, asked, removed, scaled=scaled)


def _kept(file: Path, make: Callable[[], list[Chosen]]) -> list[Chosen]:
    """What was chosen, once and for all runs."""
    if not file.exists():
        write_atomic(file, json.dumps(make()).encode())
    return [Chosen(*fields) for fields in json.loads(file.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    main()
