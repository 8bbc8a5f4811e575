"""Shared by the commands: opening the catalog, and the types of arguments that many of them take.

What a person may type is read in `registry/`, so that Python and HTTP take the same words; types here say what a shell completes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from seenat.cli.framework.completions import MODELS, MODELS_AND_ORDERS, ORDERS, completed, steps_of
from seenat.cli.framework.terminal import say
from seenat.registry import settings
from seenat.registry.errors import InvalidValue, SeenatError
from seenat.registry.units import parse_count, parse_counts

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from seenat import Catalog

__all__ = [
    "MODEL",
    "MODEL_OR_ORDER",
    "ORDER",
    "STEP",
    "Count",
    "Counts",
    "by_option",
    "chosen_catalog",
    "open_catalog",
    "protocol_option",
    "read_text",
    "where_option",
]

# Longer texts are no queries.
_MOST_TEXT = 64 << 20
_SERVICE = ("http://", "https://")


class Count(click.ParamType[int]):
    """An index or a count of something, from 0 or another number."""

    def __init__(self, noun: str, least: int = 0) -> None:
        self.name = noun
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the number, or fail with what it should be."""
        try:
            return parse_count(value, self.name, self.least)
        except SeenatError as error:
            self.fail(str(error), param, ctx)


class Counts(click.ParamType[tuple[int, ...]]):
    """One count or several, separated by commas; read in ascending order, each once."""

    def __init__(self, noun: str, least: int = 0) -> None:
        self.name = noun
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read the numbers, or fail with what they should be."""
        try:
            return tuple(sorted(set(parse_counts(str(value), self.name, self.least))))
        except SeenatError as error:
            self.fail(str(error), param, ctx)


class Name(click.ParamType[str]):
    """A name of the catalog, which a shell completes."""

    def __init__(self, name: str, query: str) -> None:
        self.name = name
        self._query = query

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names that begin with what is typed."""
        return completed(_chosen(ctx), self._query, incomplete)


class Step(click.ParamType[str]):
    """A step as it is typed; the model that it is of reads it."""

    name = "step"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Saved steps of the model that stands in the line."""
        named = next((ctx.params[key] for key in ("name", "model", "names") if ctx.params.get(key)), None)
        if named is None and ctx.args:  # Behind an option whose value is still to come, click reads no arguments.
            named = ctx.args[0]
        model = named[0] if isinstance(named, tuple) else named
        return [] if model is None else steps_of(_chosen(ctx), str(model), incomplete)


MODEL = Name("model", MODELS)
ORDER = Name("order", ORDERS)
MODEL_OR_ORDER = Name("model or order", MODELS_AND_ORDERS)
STEP = Step()


def protocol_option(command: Any) -> Any:
    """Add `--protocol` to a command that reads results."""
    text = "Use the results of the protocol whose id starts with ID."
    return click.option("--protocol", metavar="ID", help=text)(command)


def where_option(command: Any) -> Any:
    """Add `--where` to a command that counts or lists sequences."""
    text = "Only sequences with this value of a label; several of one label are any of them."
    return click.option("--where", metavar="LABEL=VALUE", multiple=True, help=text)(command)


def by_option(command: Any) -> Any:
    """Add `--by` to a command that counts sequences."""
    return click.option("--by", metavar="LABEL", help="Count the sequences of each value of this label apart.")(command)


def read_text(file: str | Path) -> str:
    """The text of a file, or of stdin for `-`; raises `InvalidValue` unless it is UTF-8 of at most 64 MiB."""
    if str(file) == "-":
        data = sys.stdin.buffer.read(_MOST_TEXT + 1)
    else:
        if not Path(file).exists():
            raise InvalidValue(
                f"There is no file {str(file)!r:.100}; give the name of one, or - and the text as stdin."
            )
        with Path(file).open("rb") as opened:
            data = opened.read(_MOST_TEXT + 1)
    name = "stdin" if str(file) == "-" else str(file)
    if len(data) > _MOST_TEXT:
        raise InvalidValue(f"{name} is longer than {_MOST_TEXT:,} bytes; give a part of it.")
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{name} is no text in UTF-8, from byte {error.start} on; convert it first.") from error


@contextmanager
def open_catalog() -> Iterator[Catalog]:
    """The catalog that `--catalog` or the environment names, which may be a service's; the embedded one is made where it does not exist yet."""
    import seenat
    from seenat.cli.framework.logs import send_logs_to_terminal

    send_logs_to_terminal()
    url = chosen_catalog()
    if url is not None and url.startswith(_SERVICE):
        with seenat.connect(url) as served:
            # It has the methods that read; asked for another, it says so in a sentence.
            yield cast("Catalog", served)
        return
    with seenat.open(url, talk=say) as catalog:
        yield catalog


def chosen_catalog() -> str | None:
    """What `--catalog` names, or else the environment; None for the embedded catalog."""
    return _chosen(click.get_current_context(silent=True))


def _chosen(context: click.Context | None) -> str | None:
    given = context.find_root().params.get("catalog") if context else None
    return given or settings.database_url()
