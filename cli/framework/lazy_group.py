"""Groups that import a command only when it is run: the list of commands needs a name and a sentence each.

Importing all of them takes 50 ms of processor time, which every look-up and every completion would pay.
"""

from __future__ import annotations

import importlib
from collections import UserDict
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["LazyCommand", "LazyGroup"]


class LazyCommand(NamedTuple):
    """Where a command is, `MODULE:NAME` within `seenat.cli`, and its sentence in the list of commands."""

    place: str
    sentence: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self.place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"seenat.cli.{module}"), name)
        return command


class _Commands(UserDict[str, Any]):
    """Commands by name; looking one up imports it."""

    def __getitem__(self, name: str) -> click.Command:
        listed: LazyCommand = super().__getitem__(name)
        return listed.load()


class LazyGroup(click.Group):
    """A group of listed commands, in the order of the list."""

    def __init__(self, name: str | None = None, *, listed: dict[str, LazyCommand], **settings: Any) -> None:
        super().__init__(name, commands=_Commands(listed), **settings)
        self.listed = listed

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which people meet them."""
        return list(self.listed)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write every name with its sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.sentence) for name, command in self.listed.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names that start with `incomplete`, with their sentences; then the group's own options."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=command.sentence)
            for name, command in self.listed.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
