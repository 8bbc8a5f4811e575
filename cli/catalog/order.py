"""Commands about training orders: which there are, and what is known of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import ORDER, open_catalog

if TYPE_CHECKING:
    from seenat import Model, Order

__all__ = ["order", "orders"]


@click.command()
@json_option
def orders(as_json: bool) -> None:
    """List the training orders.

    \b
    Example:
      seenat orders
    """
    with open_catalog() as catalog:
        found = catalog.orders()
    out = Output(as_json)
    if out.data(found):
        return
    out.table(
        ("<order", "<suite", ">sequences", ">ids each", ">a batch", "<format", "<location"),
        (
            (
                one.name,
                one.suite,
                count(one.geometry.sequences),
                count(one.geometry.tokens_per_sequence),
                count(one.sequences_per_batch),
                one.format,
                one.location,
            )
            for one in found
        ),
        spare=("format", "location"),
    )


@click.command()
@click.argument("name", metavar="ORDER", type=ORDER)
@json_option
def order(name: str, as_json: bool) -> None:
    """Show a training order: how many sequences of how many ids, its files, and the models that were trained on it.

    \b
    Examples:
      seenat order pile-deduped
      seenat order pocket-order --json
    """
    with open_catalog() as catalog:
        found = catalog.order(name)
        trained = catalog.models(order=found.name)
    out = Output(as_json)
    if not out.data(found):
        _show(out, found, trained)


def _show(out: Output, found: Order, trained: tuple[Model, ...]) -> None:
    geometry = found.geometry
    ids = geometry.sequences * geometry.tokens_per_sequence
    out.facts(
        [
            ("order", f"{found.name}, of the suite {found.suite}"),
            ("sequences", f"{geometry.sequences:,} of {geometry.tokens_per_sequence:,} ids, {ids:,} in all"),
            ("batches", f"{len(found.batches):,} of {found.sequences_per_batch:,} sequences"),
            ("ids", f"{geometry.dtype}, of a vocabulary of {count(found.vocab_size) or 'unknown size'}"),
            ("end of a document", "none" if found.eos_id is None else f"id {found.eos_id}"),
            ("tokenizer", found.tokenizer),
            ("files", f"{plural(len(found.files), found.format + ' file')} in {found.location}"),
            ("digest", found.digest or "not known until its files are read"),
            ("models", ", ".join(model.name for model in trained) or "none in the catalog"),
        ]
    )
