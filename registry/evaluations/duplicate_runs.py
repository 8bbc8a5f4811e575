"""Results that two runs share though nothing they have in common explains it, or do not share though they should.

Two checkpoints rarely score exactly the same: of the 344 zero-shot numbers of Pythia's models, two models at one step share 1
to 84 (in 1,975 pairs; 2.8b left out), by chance and because many tasks have few questions. Weights that are the same give
the same numbers, all of them, or most where they were run in two precisions: steps 0 and 1 of pythia-1b and pythia-1b-deduped
share 228. Compared is every pair of runs with the same number of examples, over the numbers that both have.

* A *coincidence* is a pair that shares 40% or more where both runs are at step 1000 or later, or everything where both are
  at step 2 or later. One of the two was run on the other's weights: both checkpoints become `suspect`.
* An *identity* is a pair at steps 0 and 1 that shares everything. Step 1 equals step 0, since the first update has learning
  rate 0 (https://github.com/EleutherAI/pythia/issues/83), and models of one size and seed start from the same weights.
* A *contradiction* is a pair of runs of one checkpoint that shares less than 40%: one of the two measured something else.
  The published `baseline` run of pythia-70m-deduped at step 143000 shares 36 of 344 with the zero-shot run of the same name
  and revision. Why is not known; both are kept, apart from each other, and the checkpoint's status stays.
* Other runs of one checkpoint are repetitions. Pairs at early steps that share much, though not everything, are as close as
  their weights still are: neither is reported.

What is found is kept as evidence of the checkpoints, of the kinds `audit` and `identity`, which their statuses follow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from seenat.registry.answer import Answer
from seenat.registry.catalog.status import Evidence
from seenat.registry.database.tables.catalog import checkpoints, evidence, models
from seenat.registry.database.tables.imports import evaluation_files, evaluations
from seenat.registry.integrity.evidence import IMPORT, replace_evidence

__all__ = ["COINCIDENCE_SOURCE", "DuplicateRun", "Run", "compare_runs", "record_coincidences"]

COINCIDENCE_SOURCE = f"{IMPORT} evals: all imported results compared with each other"
"""The source of the evidence that is recorded here."""

# Between what chance gave (at most 84 of 344) and the least that shared weights left (210 of 344).
_SHARE = 0.4
# Numbers; over fewer, a share says little.
_LEAST_COMMON = 40
# Steps; two models of the same initial weights have by then nothing left of them in common.
_LATE = 1000


@dataclass(frozen=True, kw_only=True)
class Run(Answer):
    """One imported file."""

    json_names = ("model", "step", "file")

    model: str
    step: int
    shots: int
    file: str


@dataclass(frozen=True, kw_only=True)
class DuplicateRun(Answer):
    """Two runs that share their numbers, or should."""

    json_names = ("kind", "runs", "shots", "equal", "common")

    first: Run
    second: Run
    equal: int
    common: int
    kind: str
    """`coincidence`, `identity` or `contradiction`."""

    @property
    def runs(self) -> tuple[Run, Run]:
        """Both runs."""
        return self.first, self.second

    @property
    def shots(self) -> int:
        """The number of examples in the prompts of both."""
        return self.first.shots

    @property
    def sentence(self) -> str:
        """What was found."""
        if self.kind == "contradiction":
            return (
                f"only {self.equal} of {self.common} results with {self.shots} examples are the same in two runs of "
                f"{self.first.model} at step {self.first.step}, {self.first.file} and {self.second.file}"
            )
        return (
            f"{self.equal} of {self.common} results with {self.first.shots} examples are the same for "
            f"{self.first.model} at step {self.first.step} and {self.second.model} at step {self.second.step}"
        )


def compare_runs(runs: Mapping[Run, Mapping[tuple[str, str], float]]) -> tuple[DuplicateRun, ...]:
    """The coincidences, identities and contradictions among some runs' numbers, which are given by task and metric."""
    by_shots: dict[int, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.model, run.step, run.file)):
        by_shots[run.shots].append(run)
    return tuple(pair for _, group in sorted(by_shots.items()) for pair in _compared(group, runs))


def record_coincidences(connection: Connection) -> tuple[DuplicateRun, ...]:
    """Compare all imported runs, and keep what is found as evidence of their checkpoints; returns it.

    Evidence of earlier comparisons that is no longer found is withdrawn; what is found again keeps its date.
    """
    pairs = compare_runs(_imported(connection))
    ids = {
        (row.name, row.step): row.id
        for row in connection.execute(
            select(models.c.name, checkpoints.c.step, checkpoints.c.id).join(
                checkpoints, checkpoints.c.model_id == models.c.id
            )
        )
    }
    earlier = select(evidence.c.checkpoint_id).distinct().where(evidence.c.source == COINCIDENCE_SOURCE)
    findings: dict[int, list[Evidence]] = {checkpoint_id: [] for checkpoint_id in connection.execute(earlier).scalars()}
    for pair in pairs:
        for run in (pair.first, pair.second):
            if (run.model, run.step) in ids:
                findings.setdefault(ids[run.model, run.step], []).append(_finding(pair))
    replace_evidence(connection, IMPORT, findings)
    return pairs


def _finding(pair: DuplicateRun) -> Evidence:
    kind = "identity" if pair.kind == "identity" else "audit"
    status = "suspect" if pair.kind == "coincidence" else None
    return Evidence(kind=kind, status=status, statement=pair.sentence, source=COINCIDENCE_SOURCE)


def _imported(connection: Connection) -> dict[Run, dict[tuple[str, str], float]]:
    rows = connection.execute(
        select(evaluation_files, models.c.name.label("model"))
        .join(models, models.c.id == evaluation_files.c.model_id)
        .where(evaluation_files.c.status == "imported")
    )
    runs = {row.id: Run(model=row.model, step=row.step, shots=row.shots, file=row.path) for row in rows}
    values: dict[Run, dict[tuple[str, str], float]] = {run: {} for run in runs.values()}
    columns = (evaluations.c.file_id, evaluations.c.task, evaluations.c.metric, evaluations.c.value)
    for file_id, task, metric, value in connection.execute(select(*columns)):
        values[runs[file_id]][task, metric] = value
    return values


def _compared(group: Sequence[Run], runs: Mapping[Run, Mapping[tuple[str, str], float]]) -> Iterator[DuplicateRun]:
    columns = {key: place for place, key in enumerate(dict.fromkeys(key for run in group for key in runs[run]))}
    table = np.full((len(group), len(columns)), np.nan)
    for row, run in enumerate(group):
        table[row, [columns[key] for key in runs[run]]] = list(runs[run].values())
    has_value = ~np.isnan(table)
    for row, run in enumerate(group):
        equal = (table[row] == table[row + 1 :]).sum(axis=1)
        common = (has_value[row] & has_value[row + 1 :]).sum(axis=1)
        for place in np.flatnonzero(common >= _LEAST_COMMON):
            other, counts = group[row + 1 + int(place)], (int(equal[place]), int(common[place]))
            kind = _kind(run, other, *counts)
            if kind is not None:
                yield DuplicateRun(first=run, second=other, equal=counts[0], common=counts[1], kind=kind)


def _kind(first: Run, second: Run, equal: int, common: int) -> str | None:
    """What a pair is: a coincidence, an identity, a contradiction, or None for what is to be expected."""
    much = equal >= _SHARE * common
    if (first.model, first.step) == (second.model, second.step):
        return None if much else "contradiction"
    if not much:
        return None
    earlier, later = sorted((first.step, second.step))
    if earlier >= _LATE or (equal == common and earlier >= 2):
        return "coincidence"
    if equal < common or later > 1:
        return None
    return "identity" if first.model == second.model or first.step == second.step else None
