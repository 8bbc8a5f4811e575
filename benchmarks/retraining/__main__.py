"""`python -m benchmarks.retraining`: leave out what mattered, train again, and see what that did to the loss of each query."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import numpy.typing as npt

import seenat
from benchmarks.machine import CACHE, cpu_seconds, say
from benchmarks.page import with_section
from benchmarks.retraining.chosen import Query, choose, queries, read_rows
from benchmarks.retraining.page import changes, draw, section
from benchmarks.retraining.trials import Removal, run_trials
from seenat.memorization.pocket import POCKET, build_pocket_suite, pocket_folder

_MODEL = "pocket-230k"
_DOCS = Path(__file__).parents[2] / "docs"


@click.command()
@click.option("--queries", "count", default=16, show_default=True, help="Queries, a multiple of 4.")
@click.option("--seeds", default=5, show_default=True, help="Runs of each kind, each from other first weights.")
@click.option("--removed", default=32, show_default=True, help="Training sequences that are left out.")
@click.option("--page/--no-page", "writes", default=True, help="Write docs/influence.md and its figure.")
def main(count: int, seeds: int, removed: int, writes: bool) -> None:
    """Choose sequences to leave out, train what has not been trained yet, and write what it showed."""
    import torch

    torch.set_num_threads(1)
    manifest = build_pocket_suite(pocket_folder(CACHE))
    rows = read_rows(manifest)
    asked = queries(rows, count)
    folder = CACHE / f"retraining-{manifest.parent.name}-{count}-{removed}"
    folder.mkdir(parents=True, exist_ok=True)
    removals = [Removal("", -1, ()), *_removals(folder / "chosen.json", manifest, rows, asked, removed)]
    numbers = list(range(1, seeds + 1))
    trials = run_trials(folder / "trials.jsonl", _MODEL, rows, [query.sequence for query in asked], removals, numbers)
    found = changes(trials, asked, numbers)
    text = section(found, asked, removed, POCKET.trained)
    print(text, flush=True)
    if writes:
        with_section(_DOCS / "influence.md", "retraining", text)
        draw(found, asked, _DOCS / "influence" / "retraining.png")
    say(f"done in {cpu_seconds():.0f} s of CPU")


def _removals(
    file: Path, manifest: Path, rows: npt.NDArray[np.int64], asked: list[Query], removed: int
) -> list[Removal]:
    """What each way leaves out, chosen once and kept."""
    if not file.exists():
        with TemporaryDirectory() as home, seenat.open(str(Path(home) / "catalog.sqlite")) as catalog:
            catalog.register(manifest)
            chosen = list(choose(catalog, _MODEL, rows, asked, removed))
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(chosen), encoding="utf-8")
        partial.rename(file)
    kept = json.loads(file.read_text(encoding="utf-8"))
    return [Removal(way, query, tuple(sequences)) for way, query, sequences in kept]


if __name__ == "__main__":
    main()
