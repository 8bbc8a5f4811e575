"""The command that lists checkpoints: of one model, or of all that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import Count, open_catalog

if TYPE_CHECKING:
    from seenat.registry.catalog.search import TokenRange

__all__ = ["checkpoints"]

_STATUS = click.Choice(("ok", "suspect", "wrong", "missing", "unknown"))


@click.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option("--family", help="Only of models of this family.")
@click.option("--size", help="Only of models of this size.")
@click.option("--order", help="Only of models trained on this order.")
@click.option("--below", type=Count("number of parameters"), metavar="N", help="Fewer non-embedding parameters than N.")
@click.option("--tokens", metavar="A:B", help="That had seen A or more tokens and fewer than B.")
@click.option("--status", "statuses", type=_STATUS, multiple=True, help="Only of this status; may be repeated.")
@click.option("--not-status", "not_statuses", type=_STATUS, multiple=True, help="None of this status; may be repeated.")
@json_option
def checkpoints(
    names: tuple[str, ...],
    family: str | None,
    size: str | None,
    order: str | None,
    below: int | None,
    tokens: str | None,
    statuses: tuple[str, ...],
    not_statuses: tuple[str, ...],
    as_json: bool,
) -> None:
    """List checkpoints, what each had seen, and whether it can be trusted; of all models, or of those named.

    \b
    Examples:
      seenat checkpoints pythia-70m
      seenat checkpoints --status wrong
      seenat checkpoints --order pile-deduped --tokens 10000000000:20000000000
    """
    from seenat.registry.catalog.search import CheckpointFilter, find_checkpoints
    from seenat.registry.catalog.serialize import checkpoint_answer

    wanted = CheckpointFilter(
        models=names,
        family=family,
        size=size,
        order=order,
        below=below,
        tokens=_token_range(tokens),
        statuses=statuses,
        not_statuses=not_statuses,
    )
    with open_catalog() as catalog:
        answer = [checkpoint_answer(*pair) for pair in find_checkpoints(catalog, wanted)]
    out = Output(as_json)
    out.talk(plural(len(answer), "checkpoint") if answer else "No checkpoint is like that; ask for less.")
    if out.data(answer) or not answer:
        return
    _show(out, answer, one_model=len({row["model"] for row in answer}) == 1 and len(names) == 1)


def _token_range(text: str | None) -> TokenRange | None:
    from seenat.registry.catalog.search import TokenRange

    # No run is longer: 2**60 tokens are a million times Pythia's.
    return None if text is None else TokenRange.parse(text, 2**60)


def _show(out: Output, answer: list[dict[str, Any]], *, one_model: bool) -> None:
    columns = (">step", "<revision", ">sequences seen", "<status", "<why")
    rows = (
        (count(row["step"]), row["revision"], count(row["sequences_seen"]["stop"]), row["status"], row["reason"])
        for row in answer
    )
    if one_model:
        out.table(columns, rows)
    else:
        out.table(("<model", *columns), ((row["model"], *cells) for row, cells in zip(answer, rows, strict=True)))
