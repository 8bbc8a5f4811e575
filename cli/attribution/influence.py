"""The command that finds which training sequences mattered to a text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import MODEL, Count, open_catalog
from seenat.cli.framework.progress import Moment, progress
from seenat.registry.units import parse_count

if TYPE_CHECKING:
    from seenat import Influence

__all__ = ["influence"]

# Characters of standard input that are read as a text: more than the longest query of any order has.
_MOST_CHARACTERS = 1 << 20


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@click.argument("text", required=False)
@click.option("--ids", metavar="ID,ID,...", help="Ids to ask of, in place of TEXT.")
@click.option("--loss", metavar="START:STOP", help="Only the loss of the ids at these places. Default: 1 to the end.")
@click.option("--batches", metavar="START:STOP", help="Score the sequences of this half-open range of batches.")
@click.option("--sequences", metavar="START:STOP|N,N", help="Score this half-open range of sequences, or these.")
@click.option(
    "--steps",
    metavar="1,2,64:128",
    help="Score all at these checkpoints. Default: each at those around its own update.",
)
@click.option("--exact", is_flag=True, help="Take derivatives by forward mode, not by differences; slower.")
@click.option("--second-moment", is_flag=True, help="Scale the text's gradient as Adam would.")
@click.option("--unit-norm", is_flag=True, help="Give the text's gradient the norm 1 at each checkpoint.")
@click.option("--equal-rates", is_flag=True, help="Weigh all updates alike, not by their learning rates.")
@click.option(
    "--top",
    type=Count("number of sequences", least=1),
    metavar="N",
    default=10,
    show_default=True,
    help="How many to list.",
)
@click.option("--allow-suspect", is_flag=True, help="Also use checkpoints that may hold other weights.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps. Default: cuda where there is one, else cpu.")
@json_option
def influence(
    name: str,
    text: str | None,
    ids: str | None,
    sequences: str | None,
    steps: str | None,
    exact: bool,
    equal_rates: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show which training sequences lowered the loss of a text most, by gradients at the checkpoints around their updates.

    TEXT is cut into ids by the tokenizer of the model's order; - reads it from standard input. A score is a first-order estimate,
    and BM25 stands beside it as a baseline (docs/influence.md).

    \b
    Examples:
      seenat influence pocket-230k "The default process group" --batches 0:64
      seenat influence pocket-230k "Returns the rank" --sequences 8:40 --top 3
      seenat influence pocket-230k --ids 40,41,42 --loss 2:3 --batches 380:384
      seenat influence pocket-230k "a tensor" --batches 0:8 --steps 8,384 --exact
    """
    out = Output(as_json)
    query = _query(text, ids)
    with open_catalog() as catalog, progress() as show:
        answer = catalog.influence(
            name,
            query,
            sequences=_sequences(sequences),
            steps=steps,
            way="jvp" if exact else "differences",
            rates="equal" if equal_rates else "schedule",
            progress=lambda step, done, total: show(
                Moment(task=name, done=done, total=total, unit="sequences", note=f"step {step:,}")
            ),
            **options,
        )
    if not out.data(answer):
        _show(out, answer)


def _query(text: str | None, ids: str | None) -> str | list[int]:
    if (text is None) == (ids is None):
        raise click.UsageError("Give either a TEXT or --ids.")
    if ids is not None:
        return [parse_count(one, "token id") for one in ids.split(",") if one.strip()]
    return sys.stdin.read(_MOST_CHARACTERS) if text == "-" else str(text)


def _sequences(text: str | None) -> str | list[int] | None:
    """A range as it is, or the numbers between commas."""
    if text is None or ":" in text:
        return text
    return [parse_count(one, "sequence") for one in text.split(",") if one.strip()]


def _show(out: Output, answer: Influence) -> None:
    method, query = answer.method, answer.query
    out.facts(
        [
            ("model", f"{answer.model}, {plural(answer.candidates, 'sequence')} of {answer.order} scored"),
            ("query", f"{plural(len(query.ids), 'id')}, loss over {query.start}:{query.stop}"),
            ("checkpoints", f"{'around each update' if method.around else 'for all'}: {_steps(method.steps)}"),
            ("weights", "learning rates of the schedule" if method.rates == "schedule" else "all alike"),
            ("error", None if answer.error is None else f"{answer.error:.1e} of a derivative, at most, where compared"),
        ]
    )
    out.line()
    rows = (
        (row.rank, f"{row.score:.4g}", count(row.sequence), count(row.step), count(row.bm25_rank), _quoted(row.text))
        for row in answer.sequences
    )
    out.table((">rank", ">score", ">sequence", ">consumed by step", ">BM25 rank", "<where most"), rows)


def _steps(steps: tuple[int, ...]) -> str:
    few = steps if len(steps) <= 12 else (*steps[:5], None, *steps[-5:])
    return "step " + ", ".join("..." if step is None else f"{step:,}" for step in few)


def _quoted(text: str | None) -> str | None:
    return None if text is None else repr(text)
