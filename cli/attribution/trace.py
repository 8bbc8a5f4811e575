"""`seenat trace` and `seenat generate`: which parts of a text were seen in training, and what a checkpoint writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import Target, output_option, written
from seenat.cli.framework.params import MODEL, ORDER, STEP, Count, open_catalog, read_text
from seenat.cli.framework.phrases import coverage_words
from seenat.cli.framework.tables import cut
from seenat.registry.printable import one_line

if TYPE_CHECKING:
    from seenat import Generated, Traced, TracedSpan

__all__ = ["generate", "trace"]

_LEVELS = {3: "red", 2: "yellow", 1: "green", 0: "blue"}
_GAPPED = "magenta"
# Of a span's text in a table; the whole stands above it, and in --json and --html.
_LONGEST = 60


def _spans_options(command: Any) -> Any:
    """Add what both commands say about spans."""
    options: Sequence[Callable[[Any], Any]] = (
        click.option("--minimum", metavar="M", type=Count("number of ids", 1), help="Shortest span, in ids; else 11."),
        click.option(
            "--max-frequency",
            metavar="N",
            type=Count("number", 1),
            default=20_000,
            show_default=True,
            help="Leave out spans whose every M ids stand there more often, by the index.",
        ),
        click.option(
            "--gaps", metavar="K", type=Count("number of ids"), default=0, help="Also spans in which K ids differ."
        ),
        click.option(
            "--exposures",
            metavar="N",
            type=Count("number of exposures"),
            default=1,
            show_default=True,
            help="List N exposures of each span.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(allow_dash=True, path_type=Path))
@click.option("--order", type=ORDER, metavar="NAME", help="Search this order.")
@click.option(
    "--model",
    type=MODEL,
    metavar="NAME",
    help="Search what this model was trained on, and count steps by its schedule.",
)
@click.option("--step", metavar="STEP", type=STEP, help="Only what the model's checkpoint at this step had seen.")
@click.option("--ids", metavar="IDS", help="Trace these ids instead of a file: 17,204,9.")
@click.option("--sequence", metavar="ORDER:INDEX", help="Trace a sequence of an order, or of a model's, instead.")
@_spans_options
@output_option("--html", endings=(".html",), help="Write a page to a new .html file.")
@json_option
def trace(
    file: Path | None,
    order: str | None,
    model: str | None,
    step: str | None,
    ids: str | None,
    sequence: str | None,
    html: Target | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find all longest parts of a text that stand in training word for word, and where; the rarest first.

    - reads the text from stdin. With --html the answer is also a page, with nothing from elsewhere in it.

    \b
    Examples:
      seenat index build pocket-order
      seenat trace text.txt --model pocket-2m
      seenat trace text.txt --model pocket-2m --step 16 --html trace.html
      seenat trace --ids 17,204,9,31,17,204,9,31,8,9,10 --order pocket-order
      seenat trace --sequence pocket-order:20 --order pocket-order
    """
    query = None if sequence is not None else _query(file, ids)
    if sequence is not None and (file is not None or ids is not None):
        raise click.UsageError("Trace a FILE, --ids or a --sequence, one of them.")
    with open_catalog() as catalog:
        if query is not None:
            answer = catalog.trace(query, order=order, model=model, step=step, **written(html, "html"), **options)
        else:
            name, index = _sequence(str(sequence))
            answer = catalog.trace_sequence(
                name, index, order=order, model=model, step=step, **written(html, "html"), **options
            )
    out = Output(as_json)
    if not out.data(answer):
        _show(out, answer)
    if html is not None:
        out.talk(f"The page is {html}.")


@click.command()
@click.argument("model", metavar="MODEL", type=MODEL)
@click.argument("step", metavar="STEP", type=STEP)
@click.argument("prompt", metavar="PROMPT", required=False)
@click.option("--ids", metavar="IDS", help="Continue these ids instead of a text: 17,204,9.")
@click.option(
    "--length", metavar="N", type=Count("number of ids", 1), default=32, show_default=True, help="Most ids to write."
)
@click.option(
    "--temperature", metavar="T", type=float, default=0.0, show_default=True, help="0 for the most probable ids."
)
@click.option(
    "--seed",
    metavar="N",
    type=Count("seed"),
    default=0,
    show_default=True,
    help="Seed of the draws, where ids are drawn.",
)
@click.option("--allow-suspect", is_flag=True, help="Also load a checkpoint that may hold other weights.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps. Default: cuda where there is one, else cpu.")
@click.option("--trace", "traced", is_flag=True, help="Show which parts of it the checkpoint had seen in training.")
@_spans_options
@json_option
def generate(
    model: str,
    step: str,
    prompt: str | None,
    ids: str | None,
    length: int,
    temperature: float,
    seed: int,
    allow_suspect: bool,
    device: str | None,
    traced: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Continue a text by a checkpoint, and with --trace find what of it the checkpoint had seen in training.

    - reads the prompt from stdin. Spans that end within the prompt are left out.

    \b
    Examples:
      seenat index build pocket-order
      seenat generate pocket-2m 384 "The default process group" --length 16
      seenat generate pocket-2m 384 "The default process group" --trace
    """
    query = _prompt(prompt, ids)
    with open_catalog() as catalog:
        answer = catalog.generate(
            model,
            step,
            query,
            length=length,
            temperature=temperature,
            seed=seed,
            allow_suspect=allow_suspect,
            device=device,
            trace=options if traced else False,  # type: ignore[arg-type]
        )
    out = Output(as_json)
    if not out.data(answer):
        _show_generated(out, answer)


def _sequence(text: str) -> tuple[str, int]:
    """`pile:20` as an order and an index."""
    from seenat.registry.units import parse_count

    name, colon, index = text.rpartition(":")
    if not colon or not name:
        raise click.UsageError(f"{text!r} names no sequence; write ORDER:INDEX, for example pile:3071999.")
    return name, parse_count(index, "sequence")


def _query(file: Path | None, ids: str | None) -> str | Sequence[int]:
    from seenat.texts.find import parse_ids

    if (file is None) == (ids is None):
        raise click.UsageError("give a file, - for stdin, or --ids")
    if ids is not None:
        return parse_ids(ids)
    assert file is not None
    return read_text(file)


def _prompt(prompt: str | None, ids: str | None) -> str | Sequence[int]:
    from seenat.texts.find import parse_ids

    if (prompt is None) == (ids is None):
        raise click.UsageError("give a prompt, - for stdin, or --ids")
    if ids is not None:
        return parse_ids(ids)
    assert prompt is not None
    return read_text(prompt).removesuffix("\n") if prompt == "-" else prompt


# -- output


def _show(out: Output, answer: Traced) -> None:
    exact = [span for span in answer.spans if not span.frequent]
    within = len({place for span in exact for place in range(span.start, span.stop)})
    found = f"{plural(len(exact), 'span')} of {answer.minimum} ids and more, with {within:,} of {plural(len(answer.ids), 'id')}"
    out.facts(
        [
            ("order", answer.order),
            ("model", answer.model),
            ("seen by", None if answer.step is None else f"the checkpoint at step {answer.step:,}"),
            ("found", found),
            ("searched", coverage_words(answer.coverage)),
        ]
    )
    if answer.ids:
        out.line()
        out.painted(_painted(answer))
    for heading, spans in (("", answer.spans), (f"Up to {plural(answer.gaps, 'id')} of these differ:", answer.gapped)):
        if spans:
            out.line()
            if heading:
                out.line(heading)
            _show_spans(out, answer, spans)


def _show_generated(out: Output, answer: Generated) -> None:
    if answer.prompt is None or answer.continuation is None:
        out.painted([(f"{_joined(answer.prompt_ids)} ", None), (_joined(answer.continuation_ids), "cyan")])
    else:
        out.painted([(answer.prompt, None), (answer.continuation, "cyan")])
    if answer.trace is not None:
        out.line()
        _show(out, answer.trace)


def _joined(ids: Iterable[int]) -> str:
    return " ".join(map(str, ids))


def _painted(answer: Traced) -> Iterator[tuple[str, str | None]]:
    gapped = {id(span) for span in answer.gapped}
    for text, span in answer.pieces():
        color = None if span is None else _GAPPED if id(span) in gapped else _LEVELS[answer.level(span)]
        yield text, color


def _show_spans(out: Output, answer: Traced, spans: Iterable[TracedSpan]) -> None:
    around = () if answer.model is None else (">last checkpoint before", ">first checkpoint after")
    out.table(
        (">rarity", ">ids", ">times", ">step", ">batch", ">sequence", ">offset", *around, "<text"),
        (row for span in spans for row in _rows(answer, span)),
        spare=("batch", *(column[1:] for column in around[:1]), "text"),
    )


def _rows(answer: Traced, span: TracedSpan) -> Iterator[tuple[object, ...]]:
    text = repr(span.text)[1:-1] if span.text is not None else _joined(span.ids)
    begin: tuple[object, ...] = (
        f"{span.rarity:.1f}",
        span.stop - span.start,
        "frequent" if span.count is None else span.count,
    )
    end: tuple[object, ...] = (one_line(cut(text, _LONGEST)),)
    if not span.exposures:
        yield (*begin, *((None,) * (4 if answer.model is None else 6)), *end)
    for exposure in span.exposures:
        around = () if answer.model is None else (exposure.last_checkpoint_unseen, exposure.first_checkpoint_seen)
        yield (*begin, exposure.step, exposure.batch, exposure.sequence, exposure.offset, *around, *end)
        begin, end = ("", "", ""), ("",)
