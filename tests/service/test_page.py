"""docs/service.md: what it tells to type answers."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from support.served import Writable

from seenat.remote.actions import ACTIONS, EVENTS
from seenat.remote.bodies import SUBMISSION
from seenat.remote.routes import ROUTES

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


def test_every_address_that_it_shows_answers(writable: Writable) -> None:
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith("curl ")]
    assert len(lines) > 5
    for line in lines:
        written = shlex.split(line.partition(" #")[0])
        [address] = [word for word in written if word.startswith(ADDRESS)]
        options = dict(pairwise(written))
        if "-d" in options:
            headers = dict(
                word.replace("$SEENAT_TOKEN", writable.tokens["jobs:write"]).split(": ")
                for option, word in pairwise(written)
                if option == "-H"
            )
            response = writable.act(address.removeprefix(ADDRESS), None, content=options["-d"], headers=headers)
        else:
            response = writable.served.http.get(address.removeprefix(ADDRESS))
        expected = 404 if "# 404" in line else 202 if "-d" in options else 200
        assert response.status_code == expected, line


def test_its_programs_run(writable: Writable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_TOKEN", writable.tokens["jobs:write"])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for program in [text for kind, text in BLOCKS if kind == "python"]:
            code = compile(program.replace(ADDRESS, writable.served.url), "docs/service.md", "exec")
            exec(code, {})  # noqa: S102 - our own page.
    assert "pythia-70m" in printed.getvalue()
    assert "pending 0 of 2\ncancelled 0 of 2" in printed.getvalue()


def test_it_names_every_kind_of_address() -> None:
    words = set(re.findall(r"[\w-]+", PAGE))
    paths = [*(route.path for route in ROUTES), *(action.path for action in ACTIONS), EVENTS]
    assert {part for path in paths for part in re.findall(r"[\w-]+", path)} <= words


def test_it_names_all_that_a_body_takes() -> None:
    assert {f"`{key}`" for key in SUBMISSION} <= set(re.findall(r"`\w+`", PAGE))
