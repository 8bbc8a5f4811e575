"""A catalog that an earlier seenat made opens, and every command answers on it as it did, byte for byte.

The catalog and its answers are the two archives beside this file; README.md says what they hold. About 30 seconds.
"""

from __future__ import annotations

import difflib
import json
import lzma
import math
import re
import sqlite3
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seenat.cli.main import main

HERE = Path(__file__).parent
HOME, WORK = "{HOME}", "{WORK}"
"""Stand for the folder of the catalog, in the catalog itself too, and for the folder in which a command runs."""

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
ROUNDED = ("study", "counterfactual")
"""A command whose numbers come from products of matrices: their last digits are the processor's."""

BATCHES = """
WITH RECURSIVE place(batch) AS (SELECT 0 UNION ALL SELECT batch + 1 FROM place WHERE batch < 142999)
INSERT OR IGNORE INTO batches
SELECT id, batch, batch * 1024, 1024, batch * 1024 * 4098, 1024 * 4098, NULL, NULL FROM orders, place
WHERE location LIKE 'hf://%'
"""
"""The batches of Pythia's two orders: 286,000 rows that follow from their place, and would be two thirds of the archive."""

SINCE = {"card", "other_protocols", "recitals", "trained_on"}
SINCE_OF = {
    "batch": {"learning_rate"},
    "model": {"id", "learning_rates"},
    "study": {"risks"},
}
"""Keys that answers have had since, of all commands and of some: those that were there before them are compared without."""

Call = Callable[..., tuple[int, str]]
Counts = dict[str, int]


@dataclass(frozen=True)
class Answer:
    """What a command said: `stderr` is kept to be read, never compared."""

    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    files: dict[str, Any]
    """The content of each file that it wrote, by name."""


def answers() -> Iterator[Answer]:
    with lzma.open(HERE / "answers.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            kept = json.loads(line)
            yield Answer(**{**kept, "args": tuple(kept["args"])})


ANSWERS = tuple(answers())


# -- the home


@dataclass(frozen=True)
class Home:
    folder: Path
    before: Counts
    """Rows of each table, as the catalog was kept."""
    after: Counts
    """The same once it was upgraded."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The old catalog, unpacked and upgraded to the schema of this version."""
    folder = tmp_path_factory.mktemp("old-catalog")
    unpack(folder)
    before = counts(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEENAT_HOME", str(folder))
        patch.setattr(sys, "argv", ["seenat", "db", "upgrade", "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
    assert not stop.value.code, "the old catalog cannot be upgraded"
    return Home(folder, before, counts(folder))


def unpack(folder: Path) -> None:
    """Put the kept home into a folder, and that folder's path where the catalog speaks of it."""
    with tarfile.open(HERE / "home.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection, connection:
        for table in tables(connection):
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?) "
                    f"WHERE typeof({column}) = 'text' AND instr({column}, ?)",
                    (HOME, str(folder), HOME),
                )
        connection.execute(BATCHES)


def tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in rows]


def counts(folder: Path) -> Counts:
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables(connection)
        }


# -- files that commands write


def content(path: Path) -> Any:
    """The values of an array, or columns, rows and origin of a table, whatever bytes hold them; of JSON its text."""
    if path.suffix == ".json":
        return path.read_text(encoding="utf-8")
    if path.suffix == ".npy":
        array = np.load(path)
        return {"dtype": str(array.dtype), "values": array.tolist()}
    table, origin = _table(path)
    return {
        "columns": {field.name: str(field.type) for field in table.schema},
        "rows": table.to_pydict(),
        "origin": origin,
    }


def _table(path: Path) -> tuple[Any, str]:
    import pyarrow as arrow
    import pyarrow.parquet

    if path.suffix == ".parquet":
        table = arrow.parquet.read_table(path)
        return table, table.schema.metadata[b"seenat"].decode()
    pieces = [arrow.ipc.open_stream(part).read_all() for part in sorted(path.rglob("*.arrow"))]
    return arrow.concat_tables(pieces), next(path.rglob("seenat.json")).read_text(encoding="utf-8")


# -- the tests


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The empty folder in which a command runs."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def ask(home: Home, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command on the old catalog; returns its exit code and what it printed."""
    monkeypatch.setenv("SEENAT_HOME", str(home.folder))
    monkeypatch.chdir(work)

    def run(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["seenat", *(arg.replace(HOME, str(home.folder)) for arg in args)])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr().out
        return int(stop.value.code or 0), printed.replace(str(home.folder), HOME).replace(str(work), WORK)

    return run


def _case(kept: Answer) -> Any:
    # Decoding needs tokenizers, which come with torch.
    marks = [pytest.mark.needs_torch] if "--decode" in kept.args else []
    return pytest.param(kept, id=" ".join(kept.args), marks=marks)


@pytest.mark.parametrize("kept", [_case(kept) for kept in ANSWERS])
def test_a_command_answers_as_it_did(kept: Answer, ask: Call, work: Path) -> None:
    code, printed = ask(*kept.args)
    stdout = without_new_keys(printed, kept.args)
    assert code == kept.code, f"seenat {' '.join(kept.args)}: exit code {code} instead of {kept.code}"
    if stdout != kept.stdout and not (kept.args[:2] == ROUNDED and same_but_for_rounding(kept.stdout, stdout)):
        pytest.fail(f"seenat {' '.join(kept.args)} answers otherwise than it did:\n{difference(kept.stdout, stdout)}")
    assert {path.name: content(path) for path in work.iterdir()} == kept.files


def without_new_keys(printed: str, args: tuple[str, ...]) -> str:
    """An answer as it was before keys came to it; everything else of it stays byte for byte."""
    try:
        answer = json.loads(printed)
    except ValueError:
        return printed
    new = SINCE | SINCE_OF.get(args[0], set())
    shown = {**answer} if isinstance(answer, dict) else answer
    if args[0] == "job":
        shown.pop("checkpoints", None)  # Of its adaptive job the key is an old one.
    kept = json.dumps(_without(shown, new))
    return f"{kept}\n" if json.dumps(answer) + "\n" == printed else printed


def _without(value: Any, new: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(entry, new) for key, entry in value.items() if key not in new}
    return [_without(entry, new) for entry in value] if isinstance(value, list) else value


def test_an_upgrade_keeps_every_row(home: Home) -> None:
    assert home.before["batches"] > 286_000
    kept = {table: rows for table, rows in home.before.items() if table in home.after and table != "reference_counts"}
    assert {table: home.after[table] for table in kept} == kept
    assert (
        home.after["reference_counts"] == home.before["reference_counts"] + 4
    )  # They ship, and newer versions know more.


def test_a_difference_is_shown_where_it_is() -> None:
    shown = difference('{"a": 1, "b": [2, 3]}\n', '{"a": 1, "b": [2, 4]}\n')
    assert re.findall(r"(?m)^[-+] .*", shown) == ["-    3", "+    4"]
    assert "spelled" in difference('{"a": 1}\n', '{"a":1}\n')


def test_rounding_is_the_only_difference_that_may_be() -> None:
    assert same_but_for_rounding('{"a": 0.1, "b": 3}', '{"a": 0.10000000000000002, "b": 3}')
    assert not same_but_for_rounding('{"a": 0.1, "b": 3}', '{"a": 0.1000001, "b": 3}')
    assert not same_but_for_rounding('{"a": 0.1, "b": 3}', '{"b": 3, "a": 0.1}')
    assert not same_but_for_rounding('{"a": 0.1}', '{"a":0.1}')


def same_but_for_rounding(before: str, now: str) -> bool:
    """Whether two texts differ in the last digits of numbers only: 1e-13 of them is the most that was seen."""
    if NUMBER.sub("0", before) != NUMBER.sub("0", now):
        return False
    pairs = zip(NUMBER.findall(before), NUMBER.findall(now), strict=True)
    return all(math.isclose(float(one), float(other), rel_tol=1e-10, abs_tol=1e-12) for one, other in pairs)


def difference(before: str, now: str) -> str:
    """The lines that differ, of two JSON documents written a value a line."""
    shown = list(difflib.unified_diff(_lines(before), _lines(now), "before", "now", lineterm="", n=2))
    return "\n".join(shown[:60]) or f"the same values, spelled otherwise:\n{before[:500]}\n{now[:500]}"


def _lines(text: str) -> list[str]:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except ValueError:
        return text.splitlines()
