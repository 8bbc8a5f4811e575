"""`seenat find`: every exposure of a text in a training order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import Target, draw, plot_option
from seenat.cli.framework.params import MODEL, ORDER, STEP, Count, by_option, open_catalog, read_text, where_option
from seenat.cli.framework.phrases import coverage_words
from seenat.cli.framework.progress import Moment, Show, progress
from seenat.cli.framework.terminal import write_json
from seenat.registry.printable import one_line

if TYPE_CHECKING:
    from seenat import Catalog, Exposure, FindOptions, Found, MeasuredText, SearchOptions

__all__ = ["find"]


@click.command()
@click.argument("text", required=False)
@click.option("--order", type=ORDER, metavar="NAME", help="Search this order.")
@click.option(
    "--model", type=MODEL, metavar="NAME", help="Search the order of this model, and count steps by its schedule."
)
@click.option("--step", metavar="STEP", type=STEP, help="Only what the model's checkpoint at this step had seen.")
@click.option("--ids", metavar="IDS", help="Search these ids instead of a text: 17,204,9.")
@click.option(
    "--file",
    metavar="FILE",
    type=click.Path(allow_dash=True, path_type=Path),
    help="Search each line of a file; - for stdin.",
)
@click.option("--first", is_flag=True, help="Only the first exposure, without counting the others.")
@click.option(
    "--limit", metavar="N", type=Count("number of exposures"), default=20, show_default=True, help="List N exposures."
)
@click.option("--after", metavar="SEQUENCE:OFFSET", help="List those after this place.")
@click.option(
    "--context", metavar="N", type=Count("number of ids"), default=0, help="Show N ids of text on either side."
)
@click.option("--exactly", is_flag=True, help="Look for the text as it is, not for other blanks and capitals.")
@click.option("--scan", metavar="START:STOP", help="Read these batches where no index finds every occurrence.")
@where_option
@by_option
@click.option("--measure", is_flag=True, help="Run the model's checkpoints over the text: had it stuck?")
@click.option(
    "--steps", metavar="STEPS", help="Checkpoints to run: 16,32:64. All if not given, of a model in a folder."
)
@click.option(
    "--prompt", metavar="N", type=Count("number of ids", 1), help="Give N ids of the text; half of it if not given."
)
@plot_option
@json_option
def find(
    text: str | None,
    ids: str | None,
    file: Path | None,
    measure: bool,
    steps: str | None,
    prompt: int | None,
    plot: Target | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Find every exposure of a text in training order: its sequence, batch and step, and the checkpoints around it.

    Step b + 1 is the update that consumed batch b. - reads the text from stdin. With --file, --json prints one document a line.

    \b
    Examples:
      seenat index build pocket-order
      seenat find "process group" --model pocket-2m
      seenat find "process group" --model pocket-2m --step 16 --context 8
      seenat find --ids 17,204,9 --order pocket-order
      seenat find "process group" --model pocket-2m --measure
    """
    queries, options = list(_queries(text, ids, file)), _options(**given)
    with open_catalog() as catalog, ExitStack() as shown:
        if measure or given["scan"] is not None:
            show = shown.enter_context(progress())
            options["reading"] = lambda done, total: show(
                Moment(task="reading", done=done, total=total, unit="sequences")
            )
        if measure:
            answers = [_measured(catalog, query, steps, prompt, options, show) for query in queries]
        else:
            answers = list(catalog.find_all(queries, **options))
        curve = None if plot is None else catalog.exposure_curve(_only(queries), **_search(options))
    out = Output(as_json)
    if as_json and file is not None:
        for answer in answers:
            write_json(answer.to_json())
    elif file is not None or not out.data(answers[0]):
        for answer in answers:
            _show(out, answer)
    if plot is not None and curve is not None:
        from seenat.attribution.find.chart import found_chart

        draw(out, plot, lambda: found_chart(curve, answers[0].measured))


def _options(*, first: bool, limit: int, after: str | None, exactly: bool, **options: Any) -> FindOptions:
    """The options of `Catalog.find`; `order`, `model`, `step`, `context` and `scan` go there as they are."""
    from seenat.texts.find import parse_place

    return {
        "limit": 1 if first else limit,
        "after": None if after is None else parse_place(after),
        "count": not first,
        "variants": not exactly,
        **options,  # type: ignore[typeddict-item]  # click has parsed each.
    }


def _measured(
    catalog: Catalog,
    query: str | Sequence[int],
    steps: str | None,
    prompt: int | None,
    options: FindOptions,
    show: Show,
) -> Found:
    return catalog.measure_text(
        query,
        steps=None if steps == "all" else steps,
        prompt=prompt,
        progress=lambda step, done, total: show(
            Moment(task="checkpoints", done=done, total=total, note=f"step {step:,}")
        ),
        **options,
    )


def _search(options: FindOptions) -> SearchOptions:
    """The options without those that say which exposures are listed."""
    listing = ("limit", "after", "count", "context", "by")
    return {key: value for key, value in options.items() if key not in listing}  # type: ignore[return-value]


def _only(queries: list[str | Sequence[int]]) -> str | Sequence[int]:
    if len(queries) != 1:
        raise click.UsageError(f"--plot draws one text, and {len(queries)} were given")
    return queries[0]


def _queries(text: str | None, ids: str | None, file: Path | None) -> Iterator[str | Sequence[int]]:
    from seenat.texts.find import parse_ids

    if sum(given is not None for given in (text, ids, file)) != 1:
        raise click.UsageError("give one of a text, --ids and --file")
    if ids is not None:
        yield parse_ids(ids)
    elif file is not None:
        yield from filter(None, read_text(file).split("\n"))
    elif text is not None:
        yield read_text(text).removesuffix("\n") if text == "-" else text


def _show(out: Output, answer: Found) -> None:
    out.facts(
        [
            ("text", None if answer.text is None else one_line(repr(answer.text))),
            ("order", answer.order),
            ("model", answer.model),
            ("seen by", None if answer.step is None else f"the checkpoint at step {answer.step:,}"),
            ("exposures", _count_words(answer)),
            ("searched", coverage_words(answer.coverage)),
            (
                "",
                None
                if answer.within_words in (None, True)
                else "not within longer words: the text has no whole word between others",
            ),
        ]
    )
    if len(answer.variants) > 1 and answer.count:
        out.line()
        out.table(
            ("<as", ">times", "<ids"),
            (
                (
                    one_line(repr(variant.text)) + (", cut within words" if variant.cut else ""),
                    variant.count,
                    ",".join(map(str, variant.ids)),
                )
                for variant in answer.variants
                if variant.count
            ),
            spare=("ids",),
        )
    if answer.groups:
        out.line()
        out.table((f"<{answer.label}", ">exposures"), ((each.value or "none", each.count) for each in answer.groups))
    if answer.exposures:
        out.line()
        _show_exposures(out, answer)
    if answer.measured is not None:
        out.line()
        _show_measured(out, answer.measured)
    if answer.next is not None:
        out.talk(f"More: --after {answer.next}")


def _count_words(answer: Found) -> str:
    if answer.count is None:
        return "at least 1" if answer.exposures else "none"
    if answer.coverage.complete:
        return f"{answer.count:,}" if answer.count else "none"
    return f"at least {answer.count:,}"


def _show_exposures(out: Output, answer: Found) -> None:
    columns = [">step", ">batch", ">sequence", ">offset"]
    if answer.model is not None:
        columns += [">last checkpoint before", ">first checkpoint after"]
    if any(exposure.context for exposure in answer.exposures):
        columns.append("<text")
    out.table(tuple(columns), (_row(answer, exposure) for exposure in answer.exposures), spare=("text",))


def _row(answer: Found, exposure: Exposure) -> tuple[object, ...]:
    row: list[object] = [exposure.step, exposure.batch, exposure.sequence, exposure.offset]
    if answer.model is not None:
        row += [exposure.last_checkpoint_unseen, exposure.first_checkpoint_seen]
    if exposure.context is not None:
        context = exposure.context
        row.append(one_line(f"{context.before}[{context.text}]{context.after}".replace("\n", " ")))
    return tuple(row)


def _show_measured(out: Output, measured: MeasuredText) -> None:
    out.line(f"{measured.model} given the first {plural(measured.prompt, 'id')} of the text:")
    out.table(
        (">step", ">seen before", ">reproduces", "<memorized", ">nats an id"),
        (
            (
                point.step,
                point.exposures,
                f"{point.prefix} of {measured.continuation}",
                "yes" if point.memorized else "no",
                f"{point.surprisal:.3f}",
            )
            for point in measured.points
        ),
    )
    out.line(_verdict(measured))
    by_result = Counter(
        (stored.window, stored.protocol, stored.onset and stored.onset.step) for stored in measured.stored
    )
    for ((start, stop), protocol, onset), sequences in by_result.items():
        words = "never memorized" if onset is None else f"memorized at step {onset:,}"
        out.line(
            f"Ids {start}:{stop} of {plural(sequences, 'listed sequence')}, which hold the text: {words} by protocol {protocol}."
        )
    if not measured.stored:
        out.talk("No stored result is of a window that holds the text at its offset.")


def _verdict(measured: MeasuredText) -> str:
    first = next((point for point in measured.points if point.memorized), None)
    if first is None:
        return "No checkpoint reproduces it."
    lost = next((point for point in measured.points if point.step > first.step and not point.memorized), None)
    ending = "" if lost is None else f", and no longer at step {lost.step:,}"
    return f"Memorized at step {first.step:,}, after {plural(first.exposures, 'exposure')}{ending}."
