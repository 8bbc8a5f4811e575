"""Where every command writes: data to stdout, talk to stderr, in one of two modes.

`--json` prints one JSON document and nothing else on stdout. Without it people get text and tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from seenat.cli.framework.tables import fact_lines, table_lines, terminal_width
from seenat.cli.framework.terminal import say, write, write_json, write_painted

__all__ = ["Output", "count", "json_option", "moment", "plural", "share", "value_words"]


def json_option(command: Any) -> Any:
    """Add `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, is_eager=True, help="Print one JSON document.")(command)


@dataclass(frozen=True)
class Output:
    """Where a command's answer goes."""

    as_json: bool = False

    def data(self, answer: Any) -> bool:
        """Print an answer, or a list of them, as JSON if the user wants JSON; returns whether the user does."""
        if self.as_json:
            from seenat.registry.answer import to_json

            write_json(to_json(answer))
        return self.as_json

    def line(self, text: str = "") -> None:
        """A line of the answer."""
        write(text)

    def painted(self, parts: Iterable[tuple[str, str | None]]) -> None:
        """A text of the answer, parts of it in a colour."""
        write_painted(parts)

    def facts(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Names and values under each other; a pair whose value is None is left out."""
        for line in fact_lines(pairs, terminal_width()):
            write(line)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], spare: Sequence[str] = ()) -> None:
        """A table whose columns are headings after `<` (text) or `>` (numbers); narrow terminals leave out `spare`."""
        for line in table_lines(columns, rows, terminal_width(), spare):
            write(line)

    def talk(self, text: str) -> None:
        """A sentence to the person, never part of the answer."""
        say(text)

    def talk_all(self, sentences: Iterable[str]) -> None:
        """Sentences to the person, one a line."""
        for sentence in sentences:
            self.talk(sentence)


def count(number: int | None) -> str | None:
    """A number with commas between thousands; None stays None."""
    return None if number is None else f"{number:,}"


def plural(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it is not 1."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def share(part: float | None) -> str | None:
    """A share as a percentage of two decimals, or of two digits where those would be zeros; None stays None."""
    if part is None:
        return None
    return f"{part:.2%}" if part >= 0.0001 or part == 0 else f"{part * 100:.2g}%"


def moment(stamp: str | None) -> str | None:
    """A stored time, to the minute and in UTC as it is stored; None stays None."""
    return None if stamp is None else stamp[:16].replace("T", " ")


def value_words(value: Any) -> str:
    """A value of a configuration as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(value_words, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
