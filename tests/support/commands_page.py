"""docs/commands.md: every command with its help, as click has it, so that the page cannot say anything else.

`PYTHONPATH=src:tests python -m support.commands_page` writes it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from seenat.cli.framework.lazy_group import LazyCommand
from seenat.cli.main import seenat

__all__ = ["PAGE", "every_command", "render"]

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_WIDTH = 100
_HEAD = """# All commands

What each command takes, as `seenat COMMAND --help` prints it. Names, numbers and files are typed alike everywhere:
[command-line.md](command-line.md). `seenat --catalog URL COMMAND` asks another catalog, or a service.
"""
_TITLES = {
    "catalog": "The catalog: models, checkpoints, orders, suites",
    "attribution": "From a text back to training",
    "jobs": "Measuring",
    "results": "What was measured",
    "studies": "Studies",
    "service": "Serving",
    "system": "The catalog itself",
}
"""What the commands of each folder of `cli/` are about, in the order of the page."""

Named = tuple[str, click.Command]


def every_command(name: str, command: click.Command) -> Iterator[Named]:
    """A command; of a group, the group and its commands."""
    yield name, command
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            yield from every_command(f"{name} {inner}", command.commands[inner])


def render() -> str:
    """The page."""
    listed: dict[str, LazyCommand] = seenat.listed
    rooms: dict[str, list[str]] = {room: [] for room in _TITLES}
    for name, command in listed.items():
        rooms[re.split(r"[.:]", command.place)[0]].append(name)
    contents = [_contents(_TITLES[room], names, listed) for room, names in rooms.items()]
    sections = [_section(*named) for names in rooms.values() for one in names for named in _named(one)]
    return "\n".join([_HEAD, *contents, *sections]).rstrip() + "\n"


def _named(name: str) -> Iterator[Named]:
    return every_command(name, seenat.commands[name])


def _contents(title: str, names: list[str], listed: dict[str, LazyCommand]) -> str:
    rows = [f"| [`{name}`](#seenat-{name}) | {listed[name].sentence} |" for name in names]
    return "\n".join([f"**{title}**", "", "| command | |", "|---|---|", *rows, ""])


def _section(name: str, command: click.Command) -> str:
    # Below the main command's context, whose settings commands inherit: click keeps the help option that it makes first.
    parent = click.Context(seenat, info_name="seenat", **seenat.context_settings)
    context = click.Context(command, parent, name, terminal_width=_WIDTH, max_content_width=_WIDTH)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## seenat {name}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
