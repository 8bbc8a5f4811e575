"""`seenat duplicates`: what an order repeats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, plural, share
from seenat.cli.framework.outputs import TABLES, Target, draw, output_option, plot_option, written
from seenat.cli.framework.params import MODEL_OR_ORDER, Count, open_catalog
from seenat.cli.framework.progress import Moment, Show, progress

if TYPE_CHECKING:
    from seenat import Catalog, DuplicatePlace, Duplicates, NearDuplicates, Repeats

__all__ = ["duplicates", "rows_option"]

_LONGEST = 64
# Places that a line shows; the JSON has ten.
_SHOWN = 4

rows_option = output_option(
    "--out", endings=TABLES, help="Write all rows to a .parquet, .csv or .jsonl file, or a new folder."
)


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@click.option("--batches", metavar="START:STOP", help="Compare the sequences of these batches only.")
@click.option("--window", metavar="START:STOP", help="Compare these positions of the sequences only.")
@click.option("--anywhere", is_flag=True, help="Find equal ids at any offset, by the index of the order.")
@click.option(
    "--minimum",
    type=Count("number of ids", least=1),
    default=_LONGEST,
    show_default=True,
    help="Ids of a repeat, with --anywhere.",
)
@click.option("--like", type=Count("sequence"), metavar="SEQUENCE", help="Find the sequences most like this one.")
@click.option("--limit", type=Count("number of rows"), default=20, show_default=True, metavar="N", help="Rows to list.")
@rows_option
@plot_option
@json_option
def duplicates(
    name: str,
    batches: str | None,
    window: str | None,
    anywhere: bool,
    minimum: int,
    like: int | None,
    limit: int,
    out: Target | None,
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show what an order repeats: whole sequences, or the same window of them.

    With --anywhere, runs of ids that stand at several places, whatever their offsets; with --like, the sequences that
    share the most n-grams with one. Both need an index: see `seenat index --help`.

    \b
    Examples:
      seenat duplicates pocket-order
      seenat duplicates pocket-order --window 0:64 --plot duplicates.svg
      seenat duplicates pocket-2m --batches 0:100 --out duplicates.parquet
    """
    if (window is not None) + anywhere + (like is not None) > 1:
        raise click.UsageError("Choose one of --window, --anywhere and --like.")
    if like is not None and (plot is not None or out is not None):
        raise click.UsageError(
            "What is like one sequence is a short list, which --json prints; leave out --plot and --out."
        )
    output = Output(as_json)
    with open_catalog() as catalog, progress() as show:
        if like is not None:
            _show_alike(output, catalog.near_duplicates(name, like, batches=batches, limit=limit))
        elif anywhere:
            _anywhere(output, catalog, show, name, minimum, batches, limit, out, plot)
        else:
            _equal(output, catalog, show, name, window, batches, limit, out, plot)


def _equal(
    output: Output,
    catalog: Catalog,
    show: Show,
    name: str,
    window: str | None,
    batches: str | None,
    limit: int,
    out: Target | None,
    plot: Target | None,
) -> None:
    answer = catalog.duplicates(
        name,
        batches=batches,
        window=window,
        limit=limit,
        **written(out),
        progress=lambda done, total: show(Moment(task=f"reading {name}", done=done, total=total, unit="sequences")),
    )
    if not output.data(answer):
        _show_duplicates(output, answer)
    _finish(output, out, plot, answer)


def _anywhere(
    output: Output,
    catalog: Catalog,
    show: Show,
    name: str,
    minimum: int,
    batches: str | None,
    limit: int,
    out: Target | None,
    plot: Target | None,
) -> None:
    answer = catalog.repeats(
        name,
        minimum,
        batches=batches,
        limit=limit,
        **written(out),
        progress=lambda positions: show(
            Moment(task=f"comparing {name}", done=0, total=0, note=f"{positions:,} places")
        ),
    )
    if not output.data(answer):
        _show_repeats(output, answer)
    _finish(output, out, plot, answer)


def _finish(output: Output, out: Target | None, plot: Target | None, answer: Duplicates | Repeats) -> None:
    if out is not None:
        output.talk(f"Written to {out}")
    if plot is not None:
        from seenat.attribution.duplicates.charts import chart_of

        draw(output, plot, lambda: chart_of(answer))


def _show_duplicates(output: Output, answer: Duplicates) -> None:
    output.facts(
        [
            ("order", answer.order),
            ("compared", f"{plural(len(answer.sequences), 'sequence')}, positions {answer.window}"),
            ("contents", f"{answer.contents:,}, {answer.repeated:,} of them repeated"),
            (
                "duplicates",
                f"{plural(answer.duplicates, 'sequence')} that an earlier one equals, {share(answer.share)}",
            ),
        ]
    )
    if answer.groups:
        output.line()
        output.table(
            (">times", "<sequences", ">first step", ">last listed step"),
            (
                (
                    count(group.times),
                    _sequences(group.places, group.times),
                    count(group.places[0].step),
                    count(group.places[-1].step),
                )
                for group in answer.groups
            ),
            spare=("last listed step",),
        )


def _sequences(places: Iterable[DuplicatePlace], times: int) -> str:
    shown = [f"{place.sequence:,}" for place in places][:_SHOWN]
    return " ".join(shown) + (f" and {times - len(shown):,} more" if times > len(shown) else "")


def _show_repeats(output: Output, answer: Repeats) -> None:
    output.facts(
        [
            ("order", answer.order),
            ("compared", f"{plural(len(answer.sequences), 'sequence')}, at any offset"),
            ("repeats", f"{answer.count:,} of at least {answer.minimum:,} ids"),
        ]
    )
    for title, groups in (("", answer.groups), ("More frequent than is compared in pairs:", answer.frequent)):
        if groups:
            output.line()
            if title:
                output.line(title)
            output.table(
                (">ids", ">times", "<sequence:offset"),
                ((count(one.length), count(one.times), _places(one.places, one.times)) for one in groups),
            )
    if not answer.complete:
        output.talk(
            f"What stands at more than {answer.most_places:,} places was not compared in pairs: longer repeats that only some of "
            "these places share are missing."
        )


def _places(places: Iterable[DuplicatePlace], times: int) -> str:
    shown = [f"{place.sequence}:{place.offset}" for place in places][:_SHOWN]
    return " ".join(shown) + (f" and {times - len(shown):,} more" if times > len(shown) else "")


def _show_alike(output: Output, answer: NearDuplicates) -> None:
    if output.data(answer):
        return
    output.facts(
        [
            ("sequence", f"{answer.sequence:,} of {answer.order}"),
            ("n-grams", f"{answer.ngrams:,} of {answer.ngram} ids, {answer.frequent:,} of them everywhere"),
            ("candidates", plural(answer.candidates, "sequence")),
        ]
    )
    if answer.sequences:
        output.line()
        output.table(
            (">sequence", ">step", ">shared", ">share", ">resemblance"),
            (
                (count(one.sequence), count(one.step), count(one.shared), share(one.share), f"{one.resemblance:.3f}")
                for one in answer.sequences
            ),
        )
