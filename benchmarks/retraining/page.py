"""The section of docs/influence.md, and its figure: what leaving out did to the loss of each query.

A query's change by a way is the mean, over seeds (and draws), of its loss after a run without the chosen sequences minus
its loss after the whole run of the same seed. Means over queries have Student's 95 % interval over queries, as queries
are what one would generalise to; differences between ways are taken query by query. Beside them stand the means over
queries of each seed, with the interval over seeds: what differs between runs of the same queries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.page import table
from benchmarks.retraining.chosen import NAMES, Query
from benchmarks.retraining.trials import Trial
from seenat.memorization.plots.optional import altair_or_refuse
from seenat.memorization.plots.save import save
from seenat.memorization.statistics.distributions import student_quantile

__all__ = ["changes", "draw", "section"]

_TAIL = 0.025
_AGAINST = (
    ("influence", "random"),
    ("influence", "bm25"),
    ("scaled", "random"),
    ("scaled", "bm25"),
    ("scaled", "influence"),
    ("bm25", "random"),
)

Changes = npt.NDArray[np.float64]
"""`[ways, queries, seeds]`, in nats."""


def changes(trials: Sequence[Trial], ways: Sequence[str], asked: Sequence[Query], seeds: Sequence[int]) -> Changes:
    """The change of each query's loss by each way and seed, against the whole run of that seed."""
    whole = {trial.seed: np.array(trial.losses) for trial in trials if not trial.way}
    found = np.zeros((len(ways), len(asked), len(seeds)))
    for number, way in enumerate(ways):
        for place in range(len(asked)):
            for column, seed in enumerate(seeds):
                of_way = [it for it in trials if (it.way, it.seed) == (way, seed) and it.query in (-1, place)]
                found[number, place, column] = np.mean([it.losses[place] for it in of_way]) - whole[seed][place]
    return found


def section(found: Changes, ways: Sequence[str], asked: Sequence[Query], removed: int, trained: int) -> str:
    """Tables of means by kind of query, and of differences between ways."""
    by_query = found.mean(axis=2)
    groups = {"all": np.arange(len(asked))}
    for kind in dict.fromkeys(query.kind for query in asked):
        groups[kind] = np.array([place for place, query in enumerate(asked) if query.kind == kind])
    means = [
        (NAMES[way], *(_interval(by_query[number, places]) for places in groups.values()))
        for number, way in enumerate(ways)
    ]
    pairs = []
    for one, other in _pairs(ways):
        apart = by_query[ways.index(one)] - by_query[ways.index(other)]
        more = int((apart > 0).sum())
        cells = (_interval(apart[places]) for places in groups.values())
        pairs.append((f"{NAMES[one]} - {NAMES[other]}", *cells, f"{more} of {len(asked)}"))
    heads = [f"{name} ({len(places)})" for name, places in groups.items()]
    seeds = f"{found.shape[2]} seed{'s' if found.shape[2] != 1 else ''}"
    said = (
        f"{removed} of {trained:,} training sequences left out, {len(asked)} queries, {seeds}. Change of the "
        "query's loss in nats, mean over queries and 95 % interval:\n"
    )
    compared = (
        "Differences, query by query; the last column counts the queries at which the first raised the loss more:\n"
    )
    parts = [said, table(("left out by", *heads), means), compared, table(("", *heads, "more"), pairs)]
    return "\n".join(parts if found.shape[2] < 2 else [*parts, *_by_seed(found, ways)])


def _pairs(ways: Sequence[str]) -> list[tuple[str, str]]:
    return [pair for pair in _AGAINST if set(pair) <= set(ways)]


def _by_seed(found: Changes, ways: Sequence[str]) -> tuple[str, str]:
    """The means over all queries, seed by seed."""
    of_way = dict(zip(ways, found.mean(axis=1), strict=True))
    rows = [(NAMES[way], of_way[way]) for way in ways]
    rows += [(f"{NAMES[one]} - {NAMES[other]}", of_way[one] - of_way[other]) for one, other in _pairs(ways)]
    cells = [(name, *(f"{mean:+.3f}" for mean in means), _interval(means)) for name, means in rows]
    said = "The same over all queries, seed by seed, and the 95 % interval over seeds:\n"
    return said, table(("", *(f"seed {number + 1}" for number in range(found.shape[2])), "all seeds"), cells)


def _interval(values: npt.NDArray[np.float64]) -> str:
    mean = float(values.mean())
    if len(values) < 2:
        return f"{mean:+.3f}"
    half = student_quantile(_TAIL, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]"


def draw(found: Changes, ways: Sequence[str], asked: Sequence[Query], path: Path) -> None:
    """A point for each query and way, with the range over seeds; queries by the change that influence made."""
    altair = altair_or_refuse()
    order = np.argsort(-found[0].mean(axis=1))
    rows = [
        {
            "query": f"{rank + 1}",
            "rank": rank,
            "kind": f"query: {asked[place].kind}",
            "left out by": NAMES[way],
            "change": float(found[number, place].mean()),
            "low": float(found[number, place].min()),
            "high": float(found[number, place].max()),
        }
        for rank, place in enumerate(order.tolist())
        for number, way in enumerate(ways)
    ]
    x = altair.X("left out by:N", title=None, axis=altair.Axis(labels=False, ticks=False), sort=list(NAMES.values()))
    colour = altair.Color(
        "left out by:N", sort=list(NAMES.values()), legend=altair.Legend(orient="bottom", labelLimit=0)
    )
    base = altair.Chart().encode(x=x, color=colour)
    rules = base.mark_rule(strokeWidth=2).encode(y=altair.Y("low:Q", title="change of the loss, nats"), y2="high:Q")
    points = base.mark_point(filled=True, size=45, opacity=1).encode(y="change:Q")
    panels = [
        altair.layer(rules, points, data=altair.Data(values=[row for row in rows if row["kind"] == kind]))
        .properties(width=34, height=220)
        .facet(column=altair.Column("rank:O", title=kind, header=altair.Header(labels=False)), spacing=2)
        for kind in dict.fromkeys(f"query: {query.kind}" for query in asked)
    ]
    save(altair.hconcat(*panels).properties(title="Loss of a query when training leaves sequences out"), path, force=True)
