"""Phrases that several commands share: onsets, protocols, jobs, shares, and what adaptive jobs left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seenat.cli.framework.output import count, plural, share

if TYPE_CHECKING:
    from seenat import Coverage, Job, MemorizedSequence, Onset, Protocol

__all__ = [
    "adaptive_words",
    "basis_words",
    "coverage_words",
    "miss_words",
    "onset_words",
    "plan_words",
    "protocol_words",
    "rate_words",
    "see_words",
    "sequence_table",
    "share_words",
    "steps_words",
]


def onset_words(onset: Onset | None) -> str:
    """An onset's bracket: `after step 64, by step 128`."""
    if onset is None:
        return "never"
    by = f"by step {onset.step:,}"
    return f"{by}, not measured before" if onset.bracket_low is None else f"after step {onset.bracket_low:,}, {by}"


def sequence_table(sequences: Sequence[MemorizedSequence]) -> tuple[tuple[str, ...], list[list[object]]]:
    """Columns and rows of sequences and their onsets; a last column says what had been seen, unless everything had."""
    columns: tuple[str, ...] = (">sequence", "<memorized", ">last memorized at", ">times lost")
    rows: list[list[object]] = [
        [count(row.sequence), onset_words(row.onset), count(row.last_step), row.times_lost] for row in sequences
    ]
    if not all(row.seen for row in sequences):
        columns = (*columns, "<had seen it")
        for cells, row in zip(rows, sequences, strict=True):
            cells.append("yes" if row.seen else "no")
    return columns, rows


def protocol_words(protocol: Protocol) -> str:
    """A protocol's id and what it means: `243582cf555b: 32 + 32 ids from 0, EOS banned`."""
    return f"{protocol.id}: {protocol.words}"


def see_words(model: str, protocol: Protocol, sequence: int) -> str:
    """The command that shows what was measured by a protocol: of a loss, which has no onsets, of one sequence."""
    if not protocol.value_type.decodes:
        return f"See it: seenat trajectory {model} {sequence} --protocol {protocol.id}"
    by = f" --protocol {protocol.id}" if protocol.options else ""  # Without an id the default one answers.
    return f"See when: seenat onset {model}{by}"


def share_words(exact: float | None, at_least: float | None) -> str | None:
    """A share, or its lower bound: `1.94%`, `>= 1.94%`."""
    if exact is not None or at_least is None:
        return share(exact)
    return f">= {share(at_least)}"


def adaptive_words(answers: Iterable[Any]) -> Iterator[str]:
    """A sentence for each adaptive job that answers rest on: what it left out, and what that may hide.

    Answers carry these jobs as objects or within their JSON, so all are read from the JSON.
    """
    return plan_words(plan for answer in answers for plan in answer.to_json()["adaptive"])


def plan_words(plans: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The same for the JSON of adaptive jobs."""
    for plan in plans:
        refined = plan["checkpoints"] - len(plan["grid"])
        yield (
            f"This rests on adaptive job {plan['job']} of {plan['model']}: at {plural(refined, 'checkpoint')} it measures only "
            f"what it found memorized at the other {len(plan['grid'])}, and an audit. {miss_words(plan)}"
        )


def basis_words(answers: Iterable[Any]) -> Iterator[str]:
    """What answers rest on and do not show: a sentence for each adaptive job, and for each model with other protocols."""
    answers = list(answers)
    chosen = {words for answer in answers for words in getattr(answer, "where", None) or ()}
    if chosen:
        yield f"Counted are only sequences with {' and '.join(sorted(chosen))}."
    yield from adaptive_words(answers)
    told = set()
    for answer in answers:
        if answer.other_protocols and answer.model not in told:
            told.add(answer.model)
            others = "; ".join(f"{other.id} ({other.words})" for other in answer.other_protocols)
            yield (
                f"This is by protocol {answer.protocol.id} ({answer.protocol.words}). {answer.model} was also measured by "
                f"{others}: choose with --protocol ID."
            )


def miss_words(plan: Mapping[str, Any]) -> str:
    """What an adaptive job missed, by its audit."""
    missed, drawn = plan["missed"], plural(plan["audit"]["count"], "sequence")
    if missed is None:
        return "It is not finished, so how much it misses is not known yet."
    low, high = missed["of_all_interval"]
    confidence = f"{missed['confidence']:.0%}"
    if missed["rate"] is None:
        return (
            f"None of the {drawn} of the audit is memorized at any checkpoint, so its miss rate is not known; of "
            f"{missed['sequences']:,} sequences at most {high:,.0f} are missed ({confidence}, {missed['method']})."
        )
    rates = " to ".join(str(share(end)) for end in missed["rate_interval"])
    return (
        f"Miss rate: {share(missed['rate'])}, {missed['missed']:,} of {missed['memorized']:,} memorized ones among "
        f"the {drawn} of the audit ({confidence} {missed['method']} interval {rates}), and {share(missed['cell_rate'])} of "
        f"their memorized checkpoints; so about {missed['of_all']:,.0f} of {missed['sequences']:,} sequences are missed "
        f"({low:,.0f} to {high:,.0f})."
    )


def rate_words(job: Job) -> str | None:
    """How many sequences a second a job measured; None where it measured nothing."""
    rate = job.progress.values_per_second
    return f"{rate:,.0f} sequences a second" if rate else None


def steps_words(steps: tuple[int, ...]) -> str:
    """How many checkpoints, with the first step and the last."""
    if len(steps) == 1:
        return f"1, at step {steps[0]:,}"
    return f"{len(steps):,}, from step {steps[0]:,} to {steps[-1]:,}"


def coverage_words(coverage: Coverage) -> str:
    """Which of the sequences that count were searched for a text: `all 3,584 sequences`."""
    total = len(coverage.sequences)
    exact, some, missing = (sum(map(len, parts)) for parts in (coverage.exact, coverage.lower_bound, coverage.missing))
    words = []
    if exact == total:
        words.append(f"all {plural(total, 'sequence')}")
    elif exact:
        words.append(f"{exact:,} of {plural(total, 'sequence')}")
    if some:
        words.append(f"{some:,} in part: the text is shorter than the index window")
    if missing:
        words.append(f"{missing:,} not at all: no index covers them")
    if coverage.altered_from_step is not None:
        words.append(f"batches from step {coverage.altered_from_step:,} on were altered and are not known")
    return "; ".join(words)
