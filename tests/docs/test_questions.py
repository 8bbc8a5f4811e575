"""docs/questions.md: each question's command and query are run over one catalog, and give the same answer."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from seenat.cli.main import seenat
from seenat.registry.open import open_catalog

PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
QUESTION = re.compile(r"^## (\d+)\. (.+?)$.*?```sh\n(.+?)\n```.*?```sql\n(.+?)\n```", re.MULTILINE | re.DOTALL)

Rows = list[tuple[Any, ...]]
# By the number of the question: what of the command's JSON must equal the query's rows.
SAME: dict[int, Callable[[Any], Rows]] = {
    1: lambda answer: [(row["model"], row["step"]) for row in answer],
    2: lambda answer: [(answer["first_checkpoint_after"],)],
    3: lambda answer: [(row["name"],) for row in answer],
    4: lambda answer: [(row["field"], _as_stored(row["value"]), row["source"]) for row in answer],
    5: lambda answer: [(answer["name"],)],
    6: lambda answer: [(row["model"], row["step"], row["reason"], row["source"]) for row in answer],
    7: lambda answer: [(answer["batch"], answer["bytes"][0]["offset"])],
    8: lambda answer: [(answer["step"],)],
    9: lambda answer: [(row["size"], row["parameters"]["non_embedding"]) for row in answer],
}


def _as_stored(value: Any) -> Any:
    """A JSON value as SQLite gives it back: numbers as numbers, everything else as JSON."""
    return value if isinstance(value, int | float) else json.dumps(value)


def questions() -> Iterator[tuple[int, str, str]]:
    for number, _, command, query in QUESTION.findall(PAGE.read_text(encoding="utf-8")):
        yield int(number), command, query


@pytest.fixture(scope="module")
def catalog_path(tmp_path_factory: pytest.TempPathFactory, catalog_file: Path) -> Path:
    return Path(shutil.copy(catalog_file, tmp_path_factory.mktemp("questions")))


def test_the_page_asks_ten_questions() -> None:
    assert [number for number, _, _ in questions()] == list(range(1, 11))


@pytest.mark.parametrize(("number", "command", "query"), list(questions()))
def test_command_and_query_agree(
    number: int, command: str, query: str, catalog_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(catalog_path))
    result = CliRunner().invoke(seenat, [*shlex.split(command)[1:], "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    with open_catalog(str(catalog_path)) as catalog, catalog.database.read() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    assert rows
    if number in SAME:
        assert rows == SAME[number](answer)
    else:
        # The published count stands somewhere in the answer.
        assert str(rows[0][0]) in result.stdout
