"""The same view as a command, as Python, as an address: each gives the same JSON."""

from __future__ import annotations

import json
import shlex
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.served import Served

from seenat.cli.main import seenat as command_line
from seenat.registry.answer import to_json

PAGES = [
    "/",
    "/?colour=memorized",
    "/models/pocket-230k",
    "/models/pythia-70m?task=piqa",
    "/models/pythia-2.8b/steps/3000",
    "/models/pocket-230k/batches/2?step=128",
    "/orders/pocket-order/batches/2",
    "/models/pocket-230k/sequences/20?step=128",
    "/orders/pocket-order/sequences/20",
    "/audit?model=pythia-2.8b",
    "/find?text=process+group&model=pocket-230k",
    "/trace?text=the+distributed+process+group+of+this+rank,+isn%27t+it%3F%0AYes&model=pocket-230k&step=256",
    "/compare?a=pocket-230k@256&b=pocket-230k@384",
    "/studies/forgetting?models=pocket-230k&models=pocket-660k",
    "/studies/predict?model=pocket-660k&others=pocket-230k&step=384",
    "/jobs",
    "/jobs/1",
]
HTML = {"accept": "text/html"}


class Again(HTMLParser):
    """The questions behind a page: what stands under `command`, `Python` and `curl`, and where `.json` and `.csv` lead."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._name = self._text = ""
        self._href: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("class") == "form":
            self.forms.append({})
        self._href = found.get("href") if tag == "a" else self._href
        self._text = ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "dt":
            self._name = self._text
        elif tag == "code" and self.forms and self._name:
            self.forms[-1][self._name], self._name = self._text, ""
        elif tag == "a" and self.forms and self._text.startswith((".json", ".csv")):
            self.forms[-1][self._text[:5].strip(",")] = str(self._href)


def forms_of(served: Served, path: str) -> list[dict[str, str]]:
    parser = Again()
    response = served.http.get(path, headers=HTML)
    assert response.status_code == 200, response.text
    parser.feed(response.text)
    assert parser.forms
    return parser.forms


def by_python(served: Served, expression: str) -> object:
    return json.loads(json.dumps(to_json(eval(expression, {"catalog": served.catalog}))))


def by_command(pocket_path: Path, line: str) -> object:
    words, text = shlex.split(line), None
    if "|" in words:
        assert words[:2] == ["printf", "%s"]
        text, words = words[2], words[words.index("|") + 1 :]
    name, *arguments = words
    assert name == "seenat"
    runner = CliRunner()
    result = runner.invoke(command_line, arguments, input=text, env={"SEENAT_DATABASE_URL": str(pocket_path)})
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def by_curl(served: Served, line: str) -> object:
    name, address = shlex.split(line)
    assert name == "curl"
    assert address.startswith(served.url)
    return served.http.get(address.removeprefix(served.url)).json()


@pytest.mark.parametrize("path", PAGES)
def test_every_form_of_a_view_gives_the_same(served: Served, pocket_path: Path, path: str) -> None:
    for form in forms_of(served, path):
        answer = served.http.get(form[".json"]).json()
        assert by_curl(served, form["curl"]) == answer
        assert by_python(served, form["Python"]) == answer
        if "command" in form:
            assert by_command(pocket_path, form["command"]) == answer, form["command"]


def test_only_what_no_command_asks_has_none(served: Served) -> None:
    missing = {form["Python"] for path in PAGES for form in forms_of(served, path) if "command" not in form}
    # `seenat audit` audits anew, which writes.
    assert missing == {"catalog.findings('pythia-2.8b')"}


def test_a_list_tells_how_many_rows_its_csv_has(served: Served) -> None:
    [form, *_] = forms_of(served, "/models/pocket-230k/batches/2")
    body = served.http.get(form[".csv"]).text.splitlines()
    assert len(body) == 9
    assert ".csv, all 8 rows" in served.http.get("/models/pocket-230k/batches/2", headers=HTML).text


def test_a_page_is_there_as_json_and_csv(served: Served) -> None:
    get = partial(served.http.get, follow_redirects=True)
    found = get("/models/pocket-230k/steps/256.json")
    assert found.json() == to_json(served.catalog.step("pocket-230k", 256))
    assert get("/models/pocket-230k/batches/2.csv").text.startswith("sequence,onset,values")
