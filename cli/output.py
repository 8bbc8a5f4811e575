"""The one sink of every command: data to stdout, talk to stderr, in one of two modes.

`--json` prints one JSON document and nothing else on stdout. Without it people get text and tables; a table is as wide as
its content where stdout is no terminal, so that a pipe loses nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Output", "count", "json_option", "share"]


def json_option(command: Any) -> Any:
    """Add `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


@dataclass(frozen=True)
class Output:
    """Where a command's answer goes."""

    as_json: bool = False

    def data(self, answer: Any) -> bool:
        """Print the answer as JSON, if that was asked for; tells whether it was."""
        if self.as_json:
            click.echo(json.dumps(answer, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
        return self.as_json

    def line(self, text: str = "") -> None:
        """A line of the answer."""
        click.echo(text)

    def facts(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Names and values under each other; a pair whose value is None is left out."""
        shown = [(name, str(value)) for name, value in pairs if value is not None]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            click.echo(f"{click.style(name.ljust(width), fg='cyan')}  {value}")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 1) -> None:
        """A table; the first `left` columns are text, the others numbers."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="cyan")
        for place, name in enumerate(columns):
            table.add_column(name, justify="left" if place < left else "right")
        for row in rows:
            table.add_row(*("-" if value is None else str(value) for value in row))
        _console().print(table)

    def talk(self, text: str) -> None:
        """A word to the person, never part of the answer."""
        click.echo(text, err=True)


def _console() -> Console:
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False, markup=False)
    return Console(highlight=False, markup=False, width=10_000, no_color=True)


def count(number: int | None) -> str | None:
    """A number with thousands apart; None stays None."""
    return None if number is None else f"{number:,}"


def share(part: float | None) -> str | None:
    """A share as a percentage of useful precision; None stays None."""
    if part is None:
        return None
    return f"{part:.1%}" if part >= 0.1 or part == 0 else f"{part:.2%}"
