"""Where the settings of `seenat serve` come from; the unit, the container and the file of docs/service.md."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import webbrowser
from pathlib import Path
from queue import SimpleQueue

import click
import pytest
from support.served import Served

import seenat
from seenat.cli.service.configuration import origins
from seenat.cli.service.demo import open_when_ready
from seenat.cli.service.serve import serve

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
INSTRUCTIONS = {
    *("FROM", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD", "COPY"),
    *("ADD", "ARG", "LABEL", "ONBUILD", "SHELL", "WORKDIR"),
}


def block(kind: str) -> str:
    [found] = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def context(*args: str) -> click.Context:
    """The command with these arguments, read as `seenat serve` reads them."""
    return serve.make_context("serve", list(args), **serve.context_settings)


def test_the_first_that_has_a_setting_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('port = 1\nrate = 2\nseconds = 3\nknown-as = ["a", "b"]\nno-text = true\n', "utf-8")
    monkeypatch.setenv("SEENAT_SERVE_RATE", "4")
    monkeypatch.setenv("SEENAT_SERVE_SECONDS", "5")
    found = {name: (value, place) for name, value, place in origins(context("--config", str(file), "--seconds", "6"))}
    assert found["port"] == ("1", f"the file {file}")
    assert found["rate"] == ("4.0", "the variable SEENAT_SERVE_RATE")
    assert found["seconds"] == ("6.0", "the flag --seconds")
    assert found["known-as"] == ("a, b", f"the file {file}")
    assert found["no-text"] == ("yes", f"the file {file}")
    assert found["host"] == ("127.0.0.1", "the default")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prt = 1", "port"),
        ("port = [1]", "number"),
        ("no-text = 'yes'", "true or false"),
        ("known-as = 'a'", "list"),
        ("port =", "no TOML"),
        ("port = 'x'", "port"),
        ("show-origin = true", "no setting"),
    ],
)
def test_what_a_file_cannot_set_is_said(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(text, "utf-8")
    with pytest.raises((seenat.InvalidValue, click.UsageError), match=told):
        context("--config", str(file))


def test_the_file_of_the_page_is_read(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(block("toml"), "utf-8")
    assert context("--config", str(file)).params["known_as"] == ("seenat.example.org",)


def test_the_unit_starts_the_command() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block("ini"))
    program, command, option, _ = shlex.split(unit["Service"]["ExecStart"])
    assert (Path(program).name, command) == ("seenat", "serve")
    assert option in {name for parameter in serve.params for name in parameter.opts}
    assert unit["Service"]["Environment"] == "SEENAT_HOME=/var/lib/" + unit["Service"]["StateDirectory"]


def test_the_container_starts_the_command_as_nobody() -> None:
    lines = block("dockerfile").replace("\\\n", " ").splitlines()
    instructions = [line.split(maxsplit=1) for line in lines]
    names = [name for name, _ in instructions]
    assert names[0] == "FROM"
    assert set(names) <= INSTRUCTIONS
    given = dict(instructions)  # type: ignore[arg-type]
    assert given["USER"] != "root"
    assert names.index("USER") > names.index("RUN")
    start = [*json.loads(given["ENTRYPOINT"]), *json.loads(given["CMD"])]
    assert start[:2] == ["seenat", "serve"]
    assert context(*start[2:]).params["port"] == int(given["EXPOSE"])
    program = json.loads(given["HEALTHCHECK"].removeprefix("CMD "))[-1]
    compile(program, "HEALTHCHECK", "exec")


def test_a_browser_opens_once_the_service_answers(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: SimpleQueue[str] = SimpleQueue()

    class Recorder(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            opened.put(url)
            return True

    monkeypatch.setattr("webbrowser._tryorder", ["recorder"])
    monkeypatch.setattr("webbrowser._browsers", {"recorder": [None, Recorder()]})
    open_when_ready(served.url)
    assert opened.get(timeout=20) == served.url
