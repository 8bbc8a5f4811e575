"""Commands about labels: named values of the sequences of an order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import ORDER, open_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seenat.memorization.labels.table import Label

__all__ = ["label", "labels"]

_SHOWN = 20


@click.command()
@click.argument("name", metavar="ORDER", type=ORDER)
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--columns", metavar="COLUMNS", help="Only these columns, separated by commas; by default all but sequence."
)
@click.option("--replace", is_flag=True, help="Put the values in the place of those that a label has already.")
@json_option
def label(name: str, path: Path, columns: str | None, replace: bool, as_json: bool) -> None:
    """Read labels of an order's sequences from a file: the part of the Pile, the source, a flag.

    FILE is Parquet (.parquet), CSV (.csv) or JSON lines (.jsonl). Its column sequence holds indices, and each other column is a
    label: texts, numbers, or true and false, of at most 65,535 different values. `--where LABEL=VALUE` and `--by LABEL` of
    other commands use them.

    \b
    Examples:
      seenat label pocket-order subsets.csv
      seenat label pocket-order notes.csv --columns has_email
    """
    chosen = None if columns is None else [part.strip() for part in columns.split(",") if part.strip()]
    with open_catalog() as catalog:
        found = catalog.label(name, path, columns=chosen, replace=replace)
    _show(Output(as_json), found)


@click.command()
@click.argument("name", metavar="[ORDER]", required=False, type=ORDER)
@json_option
def labels(name: str | None, as_json: bool) -> None:
    """List the labels of an order, or of all: values, how many sequences have each, and where they are from.

    \b
    Examples:
      seenat labels
      seenat labels pocket-order
    """
    with open_catalog() as catalog:
        found = catalog.labels(name)
    out = Output(as_json)
    _show(out, found)
    if not found:
        out.talk(
            "No order has labels; `seenat label ORDER FILE` reads some." if name is None else f"{name} has no labels."
        )


def _show(out: Output, found: Sequence[Label]) -> None:
    if out.data(found):
        return
    for place, each in enumerate(found):
        if place:
            out.line()
        out.facts(
            [
                ("label", f"{each.name} of {each.order}"),
                ("sequences", f"{each.sequences:,} with {plural(len(each.values), 'different value')}"),
                ("read", f"{each.source}, {each.imported_at}"),
                ("digest", each.source_digest),
            ]
        )
        out.line()
        out.table(("<value", ">sequences"), ((value.value, count(value.sequences)) for value in each.values[:_SHOWN]))
        if len(each.values) > _SHOWN:
            out.talk(f"... and {plural(len(each.values) - _SHOWN, 'value')} more; --json has all.")
