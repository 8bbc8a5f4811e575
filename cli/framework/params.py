"""What the commands share: opening the catalog, and arguments that are read the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from seenat.registry.errors import SeenatError
from seenat.registry.units import parse_count

if TYPE_CHECKING:
    from seenat.registry.catalog.catalog import Catalog

__all__ = ["Count", "Counts", "open_catalog", "protocol_option"]


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
    """One count or several with commas between them; ascending, each once."""

    def __init__(self, noun: str, least: int = 0) -> None:
        self.name = noun
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read the numbers, or fail with what they should be."""
        one = Count(self.name, self.least)
        return tuple(sorted({one.convert(part, param, ctx) for part in str(value).split(",")}))


def protocol_option(command: Any) -> Any:
    """Add `--protocol` to a command that reads results."""
    return click.option("--protocol", metavar="ID", help="Of several protocols, answer by the one whose id starts so.")(
        command
    )


@contextmanager
def open_catalog() -> Iterator[Catalog]:
    """The catalog that the environment names, made on the spot if it is the embedded one and not there yet."""
    from seenat.registry.open import open_catalog as open_it

    with open_it(talk=lambda text: click.echo(text, err=True)) as catalog:
        yield catalog
