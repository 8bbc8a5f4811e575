"""What others measured: evaluations as JSON, and sets of memorized sequences as Parquet and as `datasets` saves them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from support.published import hub_run, neox_run, newer_run, write_rows

from fuzz.mutator import damage_json
from fuzz.target import Target
from seenat.memorization.published.sources import open_published
from seenat.registry.evaluations.harness_files import read_runs
from seenat.registry.evaluations.rejected import Rejected

__all__ = ["TARGETS"]

_RESULTS = {"piqa": {"acc": 0.5, "acc_stderr": 0.01}, "sciq": {"acc": 0.25}}
_FOLDER = PurePosixPath(
    "pythia-v0/pythia-70m/zero-shot/pythia-70m-0shot-global_step3000_eval_results_11-25-2022-10-16-50.json"
)


def _evaluations(_folder: Path) -> list[bytes]:
    newer = newer_run(
        "pretrained=EleutherAI/pythia-70m, revision=step3000,dtype=float16", _RESULTS, {"piqa": 0, "sciq": 5},
        groups={"both": {"acc,none": 0.3}}, group_subtasks={"both": ["piqa", "sciq"]},
    )  # fmt: skip
    arguments = {"pretrained": "EleutherAI/pythia-70m", "revision": "step3000", "peft": None}
    documents = [
        hub_run("EleutherAI/pythia-70m", 3000, _RESULTS),
        neox_run(3000, _RESULTS),
        newer,
        newer_run(arguments, _RESULTS, {"piqa": 0, "sciq": 0}),
        {"results": [], "table_results": {}, "config": {"model_args": {"load": "/ckpts", "iteration": 9}}},
    ]
    return [json.dumps(document).encode() for document in documents]


def _read_evaluation(data: bytes, _folder: Path) -> None:
    """What is read must be what any database takes, and one line where it is a reason."""
    outcome = read_runs(_FOLDER, data)
    if isinstance(outcome, Rejected):
        assert outcome.reason.isprintable(), outcome.reason
        assert len(outcome.reason) < 1_000
        return
    for run in outcome:
        assert run.values
        assert all(task.isprintable() and metric.isprintable() for task, metric in run.values)
        assert run.note is None or run.note.isprintable()
        assert 0 <= run.shots < 10_000
        assert run.number < 2**63


def _parquet(folder: Path) -> list[bytes]:
    index = [3, 1, 2, 2**40, 7]
    tokens = [[place] * 8 for place in range(5)]
    files = [
        write_rows(folder / "list.parquet", index=index, tokens=tokens),
        write_rows(folder / "flags.parquet", index=index, memorized=[True, False, True, True, False]),
        write_rows(folder / "scores.parquet", index=index, memorization_score=[0.0, 1.0, 0.5, 1 / 32, 1.0]),
        write_rows(
            folder / "sample.parquet", **{"Index": index, "70M": [0.5] * 5, "1.4B": [1.0] * 5, "Tokens": tokens}
        ),
    ]
    return [file.read_bytes() for file in files]


def _read_parquet(data: bytes, folder: Path) -> None:
    path = folder / "my.parquet"
    path.write_bytes(data)
    _read_rows(path)


def _arrow(folder: Path) -> list[bytes]:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    rows = {"index": [3, 1, 2], "tokens": [[1, 2]] * 3, "memorized": [True, False, True]}
    Dataset.from_dict(rows).save_to_disk(str(folder / "disk"))
    (file,) = (folder / "disk").glob("*.arrow")
    return [file.read_bytes()]


def _read_arrow(data: bytes, folder: Path) -> None:
    """One of two folders at a time: `datasets` maps the file of the last one into memory."""
    disk = folder / "disk"
    if not disk.exists():
        _arrow(folder)
    for file in disk.glob("*.arrow"):
        file.unlink()
        file.write_bytes(data)
    _read_rows(disk)


def _read_rows(source: Path) -> None:
    with open_published(str(source)) as splits:
        for split in splits:
            for tokens in (False, True):
                for piece in split.pieces(tokens=tokens):
                    assert len(piece.index) == len(piece.index[piece.index >= 0])


TARGETS: Sequence[Target] = [
    Target(name="evaluation-json", samples=_evaluations, parse=_read_evaluation, damage=damage_json),
    Target(name="memorized-parquet", samples=_parquet, parse=_read_parquet),
    Target(name="memorized-arrow", samples=_arrow, parse=_read_arrow),
]
