"""Commands that search checkpoints, of one model or of all: by what they had seen, and those not to trust."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from seenat.cli.catalog.models import no_such_model
from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import MODEL, ORDER, Count, open_catalog
from seenat.registry.errors import UnknownCheckpoint

if TYPE_CHECKING:
    from seenat import BrokenCheckpoints, CheckpointAnswer

__all__ = ["broken", "checkpoints"]

_STATUS = click.Choice(("ok", "suspect", "wrong", "missing", "unknown"))


@click.command()
@click.argument("names", metavar="[MODEL]...", type=MODEL, nargs=-1)
@click.option("--family", help="Only checkpoints of this family of models.")
@click.option("--size", help="Only checkpoints of models of this size.")
@click.option("--order", type=ORDER, help="Only checkpoints of models trained on this order.")
@click.option(
    "--below",
    type=Count("number of parameters"),
    metavar="N",
    help="Only models with fewer than N non-embedding parameters.",
)
@click.option("--tokens", metavar="A:B", help="Only checkpoints that had seen at least A and fewer than B tokens.")
@click.option("--status", "statuses", type=_STATUS, multiple=True, help="Only this status; may be repeated.")
@click.option("--not-status", "not_statuses", type=_STATUS, multiple=True, help="Not this status; may be repeated.")
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
    """List checkpoints of all models, or of those named: what each had seen, and whether it can be trusted.

    \b
    Examples:
      seenat checkpoints pythia-70m
      seenat checkpoints --status wrong
      seenat checkpoints --order pile-deduped --tokens 10000000000:20000000000
    """
    with open_catalog() as catalog:
        matches = catalog.checkpoints(
            *names,
            family=family,
            size=size,
            order=order,
            below=below,
            tokens=tokens,
            statuses=statuses,
            not_statuses=not_statuses,
        )
        if not matches and not catalog.models(size=size, family=family, order=order):
            raise no_such_model({"size": size, "family": family, "order": order}, catalog.models())
    out = Output(as_json)
    if matches:
        out.talk(plural(len(matches), "checkpoint"))
    printed = out.data(matches)
    if not matches:
        raise UnknownCheckpoint("No checkpoint has all of this; drop a condition.")
    if printed:
        return
    _show(out, matches, one_model=len({match.model for match in matches}) == 1 and len(names) == 1)


def _show(out: Output, matches: Iterable[CheckpointAnswer], *, one_model: bool) -> None:
    columns = (">step", "<revision", ">sequences seen", "<status", "<why")
    if one_model:
        out.table(columns, map(_row, matches))
    else:
        out.table(("<model", *columns), ((match.model, *_row(match)) for match in matches))


def _row(match: CheckpointAnswer) -> tuple[object, ...]:
    return count(match.step), match.revision, count(match.sequences_seen.stop), match.status, match.reason


@click.command()
@click.argument("names", metavar="[MODEL]...", type=MODEL, nargs=-1)
@json_option
def broken(names: tuple[str, ...], as_json: bool) -> None:
    """List the checkpoints of all models, or of those named, that are wrong, suspect or missing, by reason.

    \b
    Examples:
      seenat broken
      seenat broken pythia-2.8b pythia-1b
    """
    with open_catalog() as catalog:
        groups = catalog.broken(*names)
    out = Output(as_json)
    if not groups:
        out.talk(f"No checkpoint{' of ' + ', '.join(names) if names else ''} is known to be wrong, suspect or missing.")
    if out.data(groups):
        return
    for place, group in enumerate(groups):
        if place:
            out.line()
        _show_broken(out, group)


def _show_broken(out: Output, group: BrokenCheckpoints) -> None:
    out.facts(
        [
            (group.status, f"{plural(group.checkpoints, 'checkpoint')}: {group.reason or 'no reason is recorded'}"),
            ("source", ", ".join(part for part in (group.source, (group.date or "")[:10]) if part) or None),
            *((one.model, ", ".join(f"{step:,}" for step in one.steps)) for one in group.models),
        ]
    )
