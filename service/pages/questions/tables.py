"""The table of each study: the rows that its command prints, from the same answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seenat.memorization.studies.effects.counterfactual import PARALLEL_P_VALUE

__all__ = ["Column", "Table", "tables_of"]

Document = Any


@dataclass(frozen=True)
class Column:
    """The head of a column."""

    name: str
    is_number: bool = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of words; None is what is not known."""

    about: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]

    @classmethod
    def of(cls, about: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> Table:
        """Of cells of any kind; names of columns stand between semicolons, those of texts with a < before them."""
        heads = tuple(Column(name.lstrip("<"), not name.startswith("<")) for name in columns.split(";"))
        return cls(about=about, columns=heads, rows=tuple(tuple(map(_words, row)) for row in rows))


def tables_of(study: str, document: Document) -> tuple[Table, ...]:
    """The tables of a study's answer."""
    return tuple(_TABLES[study](document))


def _words(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.3g}"


def _share(part: float | None, at_least: float | None = None) -> str | None:
    if part is None:
        return None if at_least is None else f"at least {at_least:.1%}"
    return f"{part:.1%}"


def _onsets(curves: Document) -> Iterator[Table]:
    rows = (
        (
            curve["model"],
            row["step"],
            row["measured"],
            row["memorized"],
            _share(row["share"], row["share_at_least"]) if row["measured"] else "none measured",
            row["onsets"],
            row["onsets_so_far"],
        )
        for curve in curves
        for row in curve["steps"]
    )
    yield Table.of("Memorized by step", "<model;step;measured;memorized;share;onsets;onsets so far", rows)


def _forgetting(curves: Document) -> Iterator[Table]:
    names = ("step", "memorized", "onsets", "forgotten", "relearned")
    rows = ((curve["model"], *(row[name] for name in names)) for curve in curves for row in curve["steps"])
    yield Table.of("Forgotten and learned again by step", "<model;step;memorized;onsets;forgotten;learned again", rows)


def _exposures(answers: Document) -> Iterator[Table]:
    classes = (
        (
            answer["model"],
            row["times"],
            row["contents"],
            row["memorized"],
            row["median_step"] if row["memorized"] else "none memorized",
            f"{row['median_exposures_before']:,} to {row['median_exposures']:,}"
            if row["memorized"]
            else "none memorized",
        )
        for answer in answers
        for row in answer["classes"]
    )
    heads = "<model;occurrences;contents;memorized;median step;median exposures"
    yield Table.of("Contents by how often they occur", heads, classes)
    if any("risks" in answer for answer in answers):
        heads = "<model;exposures so far;not yet memorized;memorized then;share"
        risks = (row for answer in answers for row in _risks(answer))
        yield Table.of("Contents by how often they had been seen", heads, risks)


def _risks(answer: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """By powers of two: 1, 2, 3 to 4, 5 to 8."""
    powers: dict[int, list[Mapping[str, Any]]] = {}
    for risk in answer.get("risks", ()):
        powers.setdefault(max(0, risk["exposures"] - 1).bit_length(), []).append(risk)
    for power, risks in sorted(powers.items()):
        low, high = 2**power // 2 + 1, 2**power
        at_risk, then = sum(risk["at_risk"] for risk in risks), sum(risk["onsets"] for risk in risks)
        between = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        yield answer["model"], between, at_risk, then, _share(then / at_risk if at_risk else None)


def _batches(answer: Document) -> Iterator[Table]:
    facts = [
        ("slices", f"{answer['slices']:,} of {answer['slice_sequences']:,} sequences, {answer['left_out']:,} left out"),
        ("memorized", f"{answer['mean']:,.3f} a slice, {_share(answer['share'])}"),
        ("dispersion index", answer["index"]),
        ("index if independent, at this share", 1 - answer["share"]),
        ("p-value of a Poisson process", answer["p_value"]),
    ]
    yield Table.of(f"{answer['model']} at step {answer['step']:,}", "<of the counts;<value", iter(facts))
    counts = ((row["memorized"], row["slices"]) for row in answer["counts"])
    yield Table.of("Slices by what was memorized of them", "memorized;slices", counts)


def _predict(answer: Document) -> Iterator[Table]:
    rows = (
        (
            row["model"],
            row["step"],
            row["sequences"],
            _share(row["precision"]) if row["predicted"] else "none predicted",
            _share(row["recall"]),
            _share(row["recall_of_all"]),
        )
        for row in answer["predictions"]
    )
    yield Table.of("Predictors", "<predictor;step;sequences;precision;recall;recall of all", rows)


def _sets(answer: Document) -> Iterator[Table]:
    other = answer["other"]
    within = "" if answer["within"] is None else f" within {answer['within']:,} steps"
    rows = [
        (f"memorized by {answer['model']}{within}", answer["memorized"]),
        (f"never by {other}", answer["never"]),
        (f"also memorized by {other}", answer["also"]),
        (f"not measured by {other}", answer["not_measured"]),
    ]
    yield Table.of("What became of them", "<case;sequences", iter(rows))


def _counterfactual(profiles: Document) -> Iterator[Table]:
    rows = (
        (
            profile["model"],
            row["checkpoints_since"],
            _between(row["steps_since"]),
            row["cohorts"],
            row["sequences"],
            row["effect"],
            None if row["low"] is None else f"{row['low']:,.3g} to {row['high']:,.3g}",
        )
        for profile in profiles
        for row in profile["profile"]
    )
    heads = "<model;checkpoints since;steps since;cohorts;sequences;effect;interval"
    trends = [profile["parallel_trends"] for profile in profiles if profile["parallel_trends"] is not None]
    is_effect = all(trend["p_value"] >= PARALLEL_P_VALUE for trend in trends)
    called = "Effect on" if is_effect else "No effect, as trends are not parallel: difference in"
    quantity, unit = profiles[0]["quantity"].replace("_", "-"), profiles[0]["unit"]
    yield Table.of(f"{called} {quantity}, in {unit}", heads, rows)


def _between(ends: Sequence[int]) -> str:
    low, high = ends
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _labels(answer: Document) -> Iterator[Table]:
    rows = (
        (
            row["step"],
            row["before"],
            row["after"],
            row["gap"],
            row["standard_error"],
            row["best"],
            row["verdict"],
            _steps(row["possible"]),
        )
        for row in answer["labels"]
    )
    heads = "step;before;after;gap;standard error;best;<verdict;<possible steps"
    yield Table.of(f"Checkpoints of {answer['model']}", heads, rows)


def _steps(steps: Sequence[int]) -> str:
    return ", ".join(f"{step:,}" for step in steps) or "none of those measured"


_TABLES = {
    "onsets": _onsets,
    "forgetting": _forgetting,
    "exposures": _exposures,
    "batches": _batches,
    "predict": _predict,
    "sets": _sets,
    "counterfactual": _counterfactual,
    "labels": _labels,
}
