"""The command that lists what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, moment
from seenat.cli.framework.params import open_catalog
from seenat.cli.framework.phrases import see_words, steps_words

if TYPE_CHECKING:
    from seenat import MeasuredProtocol

__all__ = ["results"]

_MINUTE, _HOUR = 60, 3600


@click.command()
@click.argument("name", metavar="[MODEL]", required=False)
@json_option
def results(name: str | None, as_json: bool) -> None:
    """List what was measured of a model, or of all: by which protocol, at which steps, on what, when, and by which jobs.

    A protocol is one way of measuring. Commands that read results take its id, or the beginning of it, as --protocol.

    \b
    Examples:
      seenat results
      seenat results pocket-230k --json
    """
    with open_catalog() as catalog:
        found = catalog.results(name)
    out = Output(as_json)
    if not found:
        what = f"Nothing of {name}" if name else "Nothing"
        out.talk(f"{what} has been measured yet; run `seenat memorize {name or 'MODEL'}`.")
    if out.data(found) or not found:
        return
    for place, measured in enumerate(found):
        if place:
            out.line()
        _show(out, measured)
    out.talk_all(_advice(found))


def _show(out: Output, measured: MeasuredProtocol) -> None:
    default = " (the default)" if measured.is_default else ""
    steps = measured.steps
    replaced = measured.replaced_values
    out.facts(
        [
            ("model", f"{measured.model}, trained on {measured.order or 'an order that is not published'}"),
            ("protocol", f"{measured.protocol.id}: {measured.words}{default}"),
            ("checkpoints", steps_words(steps) if steps else "none, as they are now"),
            ("sequences", f"at most {measured.sequences:,} at a checkpoint"),
            ("values", f"{measured.values:,} in {measured.bytes:,} bytes"),
            ("memorized", count(measured.memorized) if measured.protocol.value_type.decodes else None),
            ("replaced", f"{replaced:,} values of files that were replaced since" if replaced else None),
            ("measured", _when(measured)),
            *(("on", f"{device}: {values:,} values") for device, values in _devices(measured)),
            ("jobs", ", ".join(_job(job.job, job.name) for job in measured.jobs) or None),
        ]
    )


def _when(measured: MeasuredProtocol) -> str | None:
    if measured.began_at is None:
        return None
    until = f" to {moment(measured.finished_at)}" if measured.finished_at else ", not finished"
    return f"{moment(measured.began_at)}{until} UTC, in {_duration(measured.seconds)} of work"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:,.1f} seconds"
    return f"{seconds / _MINUTE:,.1f} minutes" if seconds < _HOUR else f"{seconds / _HOUR:,.1f} hours"


def _devices(measured: MeasuredProtocol) -> Iterable[tuple[str, int]]:
    for on in measured.on:
        versions = [f"{name} {version}" for name, version in _versions(on.seenat, on.torch, on.transformers)]
        told = [part for part in (on.device, on.dtype and f"in {on.dtype}", *versions) if part]
        yield ", ".join(told) or "a device that nobody wrote down", on.values


def _versions(*versions: str | None) -> Iterable[tuple[str, str]]:
    names = ("seenat", "torch", "transformers")
    return ((name, version) for name, version in zip(names, versions, strict=True) if version)


def _job(id_: int, name: str | None) -> str:
    return f"{id_} ({name})" if name else str(id_)


def _advice(found: Iterable[MeasuredProtocol]) -> Iterable[str]:
    """A command for each that has values of present files."""
    return (see_words(one.model, one.protocol, 0) for one in found if one.steps)
