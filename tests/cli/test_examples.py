"""Every example of every help text runs, in the order in which the commands are listed.

The slow one is `seenat demo`, which measures the three models of the pocket suite: a good minute.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import click
import pytest
from support.cli import environment, run_process

from seenat.cli.main import seenat

WIDTH = 80

TESTED_ELSEWHERE = {"audit", "compare", "completion", "evals", "import", "serve", "sync"}
"""Commands whose examples need the hub or a clone of published results, or do not end; the tests of their rooms run them."""


def commands(
    group: click.Group = seenat, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    for name in group.list_commands(click.Context(group)):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def help_of(path: tuple[str, ...], command: click.Command) -> str:
    with click.Context(command, info_name=" ".join(("seenat", *path)), terminal_width=WIDTH) as context:
        return command.get_help(context)


def examples(text: str) -> list[list[str]]:
    """The arguments of the lines that start with `seenat`, without the explanations behind two spaces or more."""
    found = re.findall(r"^ +seenat (.+?)(?: {2,}.*)?$", text.partition("\nOptions:")[0], flags=re.MULTILINE)
    return [shlex.split(line) for line in found]


ALL = list(commands())
NAMES = [" ".join(path) or "seenat" for path, _ in ALL]


@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_help_has_examples_and_fits_a_narrow_terminal(path: tuple[str, ...], command: click.Command) -> None:
    text = help_of(path, command)
    own = [args for args in examples(text) if args[: len(path)] == list(path)]
    assert own, text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_lists_of_commands_are_not_cut_off() -> None:
    for path, command in ALL:
        if isinstance(command, click.Group):
            listed = help_of(path, command).partition("\nCommands:\n")[2].splitlines()
            assert len(listed) == len(command.commands)
            assert all(line.endswith(".") and not line.endswith("...") for line in listed)


def test_commands_are_listed_in_the_order_in_which_people_meet_them() -> None:
    assert NAMES[1:6] == ["demo", "models", "model", "checkpoints", "step"]


@pytest.mark.timeout(400)
def test_every_example_runs(pocket_home: Path, tmp_path: Path) -> None:
    (tmp_path / "my-run").symlink_to(next(pocket_home.glob("pocket-*")), target_is_directory=True)
    (tmp_path / "text.txt").write_text("torch.distributed needs a process group.\n", "utf-8")
    (tmp_path / "subsets.csv").write_text("sequence,subset\n0,web\n1,code\n", "utf-8")
    (tmp_path / "notes.csv").write_text("sequence,has_email,note\n0,true,seen\n1,false,new\n", "utf-8")
    lines = [args for path, command in ALL for args in examples(help_of(path, command))]
    assert len(lines) > 30
    for args in lines:
        if args[0] in TESTED_ELSEWHERE:
            continue
        # The demo registers a suite of this name from elsewhere, so registering one's own goes to a home of its own. So does
        # what is restored, which makes a catalog.
        own = "home" if args[0] == "register" else "restored" if args[:2] == ["db", "restore"] else None
        home = pocket_home if own is None else tmp_path / own
        done = run_process(home, ["my-run/SUITE.toml" if arg == "SUITE.toml" else arg for arg in args], folder=tmp_path)
        assert done.returncode == 0, (args, done.stderr)
        assert done.stdout, args
        assert "Traceback" not in done.stderr, args
    for name in ("when.svg", "onset.png", "trajectory.svg", "last-batch.npy"):
        assert (tmp_path / name).stat().st_size > 1000, name
    assert (pocket_home / "demo.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.timeout(400)
def test_the_demo_is_served_and_shown_and_ends_at_once(pocket_home: Path, tmp_path: Path) -> None:
    """Here what `seenat demo` measured; in a new home it measures first."""
    browser, shown = tmp_path / "browser", tmp_path / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}.partial && mv {shown}.partial {shown}\n', "utf-8")
    browser.chmod(0o755)
    command = [sys.executable, "-m", "seenat", "serve", "--demo", "--port", "0"]
    wanted = environment(pocket_home, BROWSER=str(browser))
    with subprocess.Popen(command, env=wanted, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        try:
            _wait_for(shown, served)
            url = shown.read_text("utf-8").strip()
            assert "pocket-230k" in _read(f"{url}/")
            text = quote("torch.distributed")
            assert json.loads(_read(f"{url}/api/v1/orders/pocket-order/find?text={text}"))["count"] > 0
            onsets = json.loads(_read(f"{url}/api/v1/models/pocket-2m/onsets?limit=1"))
            assert onsets["sequences"][0]["onset"]["step"] > 0
            asked = time.monotonic()
            served.send_signal(signal.SIGTERM)
            told = served.communicate(timeout=30)[1]
            assert (served.returncode, time.monotonic() - asked < 5) == (0, True)
        finally:
            served.kill()
    for step in ("1. Training", "2. Registering", "3. Measuring", "4. Indexing"):
        assert step in told
    assert f'"address": "{url}"' in told
    assert "Traceback" not in told


def _wait_for(file: Path, served: subprocess.Popen[str]) -> None:
    while not file.exists():
        assert served.poll() is None, served.communicate()
        time.sleep(0.05)


def _read(address: str) -> str:
    with urlopen(address, timeout=20) as answer:
        return str(answer.read().decode())
