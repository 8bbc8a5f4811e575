"""Each table is written by one module: who asks where a row comes from has one file to read."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from seenat.registry.database.generation import COUNTED_TABLES
from seenat.registry.database.tables.complete import metadata

ROOT = Path(__file__).parents[3]
ROOMS = ("registry", "memorization", "attribution", "cli", "src/seenat")

WRITERS = {"insert": 0, "update": 0, "delete": 0, "bulk_insert": 1, "insert_rows": 1, "upsert": 1}
"""Functions that write to a table, and which of their arguments it is."""
FOR_ANY_TABLE = {"registry/database/bulk_insert.py", "registry/database/copy_rows.py", "registry/database/rows.py"}
"""The modules of such functions; everywhere else the table is named where it is written."""
STATEMENT = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")

MARKED_BY_OTHERS = {("measurements", "registry/catalog/checkpoint_tables.py")}
"""Who replaces a checkpoint's content marks the onsets that were derived from it."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not path.is_symlink() and not (room == "src/seenat" and path.parent != ROOT / room):
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def written(tree: ast.Module) -> Iterator[str]:
    """What each statement of a module writes to: the name of a table, or the expression that stands for one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (match := STATEMENT.match(node.value)):
            yield match[1]
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and len(node.args) > WRITERS.get(node.func.id, 99):
            yield ast.unparse(node.args[WRITERS[node.func.id]])
        elif isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS:
            yield from {ast.unparse(node.func.value)} & metadata.tables.keys()


@pytest.fixture(scope="module")
def owners() -> dict[str, set[str]]:
    modules: dict[str, set[str]] = defaultdict(set)
    for name, tree in sources():
        for table in written(tree):
            if name not in FOR_ANY_TABLE and (table, name) not in MARKED_BY_OTHERS:
                modules[table].add(name)
    return modules


def test_each_table_is_written_by_one_module(owners: dict[str, set[str]]) -> None:
    assert {table: modules for table, modules in owners.items() if len(modules) > 1} == {}


def test_each_table_is_named_where_it_is_written(owners: dict[str, set[str]]) -> None:
    assert owners.keys() <= metadata.tables.keys()
    assert owners.keys() == metadata.tables.keys()


def test_the_counted_tables_exist() -> None:
    assert metadata.tables.keys() >= COUNTED_TABLES


@pytest.mark.parametrize(
    ("code", "tables"),
    [
        ("connection.execute(insert(models), rows)", ["models"]),
        ("connection.execute(update(models).where(True))", ["models"]),
        ("connection.execute(models.delete())", ["models"]),
        ("bulk_insert(connection, models, columns, rows)", ["models"]),
        ("connection.execute(text('DELETE FROM models'))", ["models"]),
        ("rows.update(models)", []),
    ],
)
def test_every_way_to_write_is_seen(code: str, tables: list[str]) -> None:
    assert list(written(ast.parse(code))) == tables
