"""Every example of every help text runs, in the order in which the commands are listed.

The slow one is `seenat demo`, which measures the three models of the pocket suite: a good minute.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.cli import run_process

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
