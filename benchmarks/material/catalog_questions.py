"""The questions that the documents answer from the catalog, how each is asked, and which tables its plan reads whole.

The ten of docs/questions.md are asked by their SQL, and by the method that their command calls; those about results, of
docs/results.md, by the query that theirs calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, event, text

import seenat
from benchmarks.material.full_catalog import Filled
from seenat.memorization.results.block_table import committed_files, counts_by_batch, counts_of_batches
from seenat.memorization.results.measurements import current_rows
from seenat.memorization.results.onset_rows import Scaled, count_onsets, earlier_columns, onset_page
from seenat.registry.database.engine import Database
from seenat.registry.units import BatchRange

__all__ = [
    "BIG_TABLES",
    "Question",
    "Statement",
    "asked",
    "asked_questions",
    "plan_of",
    "read_whole",
    "result_questions",
    "sql_questions",
]

BIG_TABLES = frozenset(
    {"batch_counts", "batches", "blocks", "checkpoints", "measurement_rows", "memorized_sequences", "onset_counts"}
)
"""Those of which nothing may be read whole to answer about a part; the others have some hundred rows."""

_PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
_QUESTION = re.compile(r"^## (\d+)\. (.+?)$.*?```sh\n(.+?)\n```.*?```sql\n(.+?)\n```", re.MULTILINE | re.DOTALL)


class Statement(NamedTuple):
    """A query as it reached the driver."""

    sql: str
    parameters: Any


class Question(NamedTuple):
    """A question, and the asking of it."""

    name: str
    ask: Callable[[], object]


def sql_questions(database: Database) -> Iterator[Question]:
    """The ten, by their SQL."""
    for number, title, _, sql in _QUESTION.findall(_PAGE.read_text(encoding="utf-8")):
        yield Question(f"{number}. {title}", partial(_read, database, partial(_all_rows, sql)))


def asked_questions(catalog: seenat.Catalog) -> Iterator[Question]:
    """The ten, as their commands ask the catalog."""
    tokens, usual = "10000000000:20000000000", ("suspect", "wrong", "missing")
    methods: tuple[Callable[[], object], ...] = (
        lambda: list(catalog.checkpoints(order="pile-deduped", below=10**9, tokens=tokens, not_statuses=usual)),
        lambda: catalog.batch("pythia-1.4b", 71_490),
        lambda: catalog.models(order="pile"),
        lambda: catalog.describe("pythia-1b"),
        lambda: catalog.describe("pythia-19m"),
        lambda: list(catalog.checkpoints(statuses=("wrong",))),
        lambda: catalog.sequence("pile-deduped", 1_048_575),
        lambda: catalog.step("pythia-160m-v0", "step3000"),
        lambda: catalog.models(family="pythia"),
        lambda: catalog.compare("pythia-12b-v0"),
    )
    for number, method in enumerate(methods, start=1):
        yield Question(str(number), method)


def result_questions(database: Database, filled: Sequence[Filled]) -> Iterator[Question]:
    """Those about onsets and counts, of a catalog that `full_catalog` has filled."""
    first, second, counted = (one.measurement for one in (filled[0], filled[1], filled[-1]))
    schedule = filled[0].model.schedule
    last, scale = schedule.steps, schedule.sequences_per_batch
    middle, block = (last // 2, first.sequences // 3), 9
    pair = Scaled(first.id, scale), Scaled(second.id, scale)
    queries: dict[str, Callable[[Connection], object]] = {
        "onsets of a model, counted by step": lambda link: count_onsets(link, first, schedule),
        "onsets of a model, the first page": lambda link: onset_page(link, first, by=last, limit=20),
        "onsets of a model, a page in the middle": lambda link: onset_page(
            link, first, by=last, limit=20, after=middle
        ),
        "which one model memorized before another, the first page": lambda link: earlier_columns(
            link, *pair, -1, 20
        ).tolist(),
        "counts of 20 batches at a checkpoint": lambda link: counts_by_batch(link, counted, 1, BatchRange(1000, 1020)),
        "counts of a batch at every checkpoint": lambda link: counts_of_batches(link, counted, BatchRange(1000, 1001)),
        "files that hold a sequence at every checkpoint": lambda link: committed_files(
            link, counted, block, [row for row, _ in current_rows(link, counted)]
        ),
    }
    for name, query in queries.items():
        yield Question(name, partial(_read, database, query))


def _all_rows(sql: str, connection: Connection) -> object:
    return connection.execute(text(sql)).all()


def _read(database: Database, ask: Callable[[Connection], object]) -> object:
    with database.read() as connection:
        return ask(connection)


# -- plans


@contextmanager
def asked() -> Iterator[list[Statement]]:
    """The queries that reach a driver meanwhile, each once."""
    found: dict[str, Statement] = {}

    def note(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if sql.lstrip().upper().startswith(("SELECT", "WITH")) and " FROM " in f" {' '.join(sql.split())} ":
            found.setdefault(sql, Statement(sql, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    statements: list[Statement] = []
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)
        statements += found.values()


def plan_of(connection: Connection, statement: Statement) -> list[str]:
    """The plan of a query, a line a step; of PostgreSQL's, one that reads a table whole says so."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters)
        return [row[3] for row in rows]
    explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.parameters).scalar_one()
    plan = explained if isinstance(explained, list) else json.loads(explained)
    return list(_steps(plan[0]["Plan"], 0))


def read_whole(plan: list[str]) -> set[str]:
    """The big tables that a plan reads from one end to the other, by an index or not."""
    scanned = (re.match(r"\s*(?:SCAN|Seq Scan on|whole \w[\w ]* on) (\w+)", step) for step in plan)
    return {match[1] for match in scanned if match} & BIG_TABLES


def _steps(node: dict[str, Any], depth: int) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name")
    conditions = node.get("Index Cond") or node.get("Recheck Cond")
    if kind.startswith("Index") and not conditions:
        kind = f"whole {kind}"
    by = f" by {node['Index Name']}" if "Index Name" in node else ""
    yield f"{'  ' * depth}{kind}{f' on {table}' if table else ''}{by}{f': {conditions}' if conditions else ''}"
    for child in node.get("Plans", ()):
        yield from _steps(child, depth + 1)
