"""docs/service.md: what it tells to type answers."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

from support.served import Served

from seenat.remote.routes import ROUTES

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


def test_every_address_that_it_shows_answers(served: Served) -> None:
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith("curl ")]
    assert len(lines) > 3
    for line in lines:
        address = shlex.split(line.partition(" #")[0])[1]
        expected = 404 if "# 404" in line else 200
        assert served.http.get(address.removeprefix(ADDRESS)).status_code == expected, line


def test_its_program_runs(served: Served) -> None:
    [program] = [text for kind, text in BLOCKS if kind == "python"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program.replace(ADDRESS, served.url), "docs/service.md", "exec"), {})  # noqa: S102 - our own page.
    assert "pythia-70m" in printed.getvalue()


def test_it_names_every_kind_of_address() -> None:
    words = set(re.findall(r"[\w-]+", PAGE))
    assert {part for route in ROUTES for part in re.findall(r"[\w-]+", route.path)} <= words
