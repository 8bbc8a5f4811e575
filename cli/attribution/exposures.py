"""`seenat exposures`: how often memorized sequences had been seen before their onset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from seenat.cli.attribution.duplicates import rows_option
from seenat.cli.framework.output import Output, count, json_option, plural, share
from seenat.cli.framework.outputs import Target, draw, plot_option, written
from seenat.cli.framework.params import MODEL, STEP, Count, open_catalog, protocol_option
from seenat.cli.framework.phrases import adaptive_words, onset_words, protocol_words
from seenat.cli.framework.progress import Moment, progress

if TYPE_CHECKING:
    from seenat import MemorizedExposures

__all__ = ["exposures"]


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@click.option("--anywhere", is_flag=True, help="Count the same ids at any offset, by the index of the order.")
@click.option("--until", type=STEP, metavar="N", help="Only onsets up to this step; no more is read.")
@click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
@protocol_option
@rows_option
@plot_option
@json_option
def exposures(
    name: str,
    anywhere: bool,
    until: str | None,
    limit: int,
    protocol: str | None,
    out: Target | None,
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show how often, and when, each memorized sequence had been seen before its onset.

    An exposure is a consumed sequence that holds the same measured window, the ids that the protocol reads. The onset lies
    between two checkpoints, so exposures are given at both.

    \b
    Examples:
      seenat exposures pocket-230k
      seenat exposures pocket-230k --limit 0 --plot exposures.svg
      seenat exposures pocket-230k --out exposures.parquet
    """
    output = Output(as_json)
    with open_catalog() as catalog, progress() as show:
        answer = catalog.exposures(
            name,
            anywhere=anywhere,
            until=until,
            limit=limit,
            protocol=protocol,
            **written(out),
            progress=lambda done, total: show(Moment(task=f"exposures of {name}", done=done, total=total)),
        )
    if not output.data(answer):
        _show_exposures(output, answer)
        output.talk_all(adaptive_words([answer]))
    if out is not None:
        output.talk(f"Written to {out}")
    if plot is not None:
        from seenat.attribution.duplicates.charts import chart_of

        draw(output, plot, lambda: chart_of(answer))


def _show_exposures(output: Output, answer: MemorizedExposures) -> None:
    output.facts(
        [
            ("model", answer.model),
            ("protocol", protocol_words(answer.protocol)),
            ("memorized", f"{plural(answer.memorized, 'sequence')} by step {answer.until:,}"),
            ("exposures", "the same ids at any offset" if answer.anywhere else f"the same ids at {answer.window}"),
            ("counted in part", count(answer.cut) if answer.cut else None),
        ]
    )
    output.line()
    output.table((">exposures", ">before onset", ">by onset", ">by then", ">median step"), _octaves(answer))
    if answer.sequences:
        output.line()
        output.table(
            (">sequence", "<memorized", ">exposures", ">first at", ">last at"),
            (
                (
                    count(one.sequence),
                    onset_words(one.onset),
                    f"{one.exposures_before:,} to {one.exposures:,}",
                    count(one.first_exposure),
                    count(one.last_exposure),
                )
                for one in answer.sequences
            ),
        )


def _octaves(answer: MemorizedExposures) -> Iterator[tuple[object, ...]]:
    """Numbers of exposures by powers of two: 0, 1, 2, 3 to 4, 5 to 8; every number is in the JSON."""
    for power in range(-1, max(0, answer.totals[-1].exposures - 1).bit_length() + 1):
        low, high = (2**power // 2 + 1, 2**power) if power >= 0 else (0, 0)
        totals = [total for total in answer.totals if low <= total.exposures <= high]
        if totals:
            steps = [total.median_step for total in totals if total.median_step is not None]
            yield (
                f"{low:,}" if low == high else f"{low:,} to {high:,}",
                count(sum(total.before for total in totals)),
                count(sum(total.sequences for total in totals)),
                share(totals[-1].by_then),
                _between(steps),
            )


def _between(steps: list[int]) -> str | None:
    if not steps:
        return None
    return f"{min(steps):,}" if min(steps) == max(steps) else f"{min(steps):,} to {max(steps):,}"
