"""Commands that read results: trajectories and onsets, as tables, JSON and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.outputs import TABLES, Target, draw, output_option, plot_option
from seenat.cli.framework.params import MODEL, Count, by_option, open_catalog, protocol_option, where_option
from seenat.cli.framework.phrases import basis_words, onset_words, protocol_words, sequence_table, share_words

if TYPE_CHECKING:
    from seenat import Curve, Onsets, SequenceTrajectory, Trajectory
    from seenat.memorization.queries.onsets import StepCount

__all__ = ["onset", "trajectory"]


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@click.argument("index", metavar="SEQUENCE", type=Count("sequence"))
@protocol_option
@plot_option
@json_option
def trajectory(name: str, index: int, protocol: str | None, plot: Target | None, as_json: bool) -> None:
    """Show one sequence over a model's checkpoints: memorized, forgotten, learned again; or its loss.

    \b
    Examples:
      seenat trajectory pocket-230k 100
      seenat trajectory pocket-230k 100 --plot trajectory.svg
    """
    with open_catalog() as catalog:
        answer = catalog.trajectory(name, index, protocol=protocol)
    out = Output(as_json)
    if not out.data(answer):
        _show_trajectory(out, answer)
        out.talk_all(basis_words([answer]))
    if plot is not None:
        from seenat.memorization.plots.charts import trajectory_chart

        draw(out, plot, lambda: trajectory_chart(answer))


@click.command()
@click.argument("names", metavar="MODEL...", type=MODEL, nargs=-1, required=True)
@click.option(
    "--limit", type=Count("number of sequences"), metavar="N", default=20, show_default=True, help="Sequences to list."
)
@output_option(
    "--table",
    endings=TABLES,
    help="Write all sequences with their onsets to a new .parquet, .csv or .jsonl file, or a new folder.",
)
@where_option
@by_option
@protocol_option
@plot_option
@json_option
def onset(
    names: tuple[str, ...],
    limit: int,
    table: Target | None,
    where: tuple[str, ...],
    by: str | None,
    protocol: str | None,
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show what a model memorized when: counts by checkpoint, and the first sequences.

    Several models are shown one after the other (in JSON as a list), and in one plot.

    \b
    Examples:
      seenat onset pocket-230k
      seenat onset pocket-230k pocket-2m --limit 0 --plot onset.png
      seenat onset pocket-230k --table onsets.csv

    With labels of the order (`seenat label`): --where subset=Github, --by subset.
    """
    if table is not None and len(names) > 1:
        raise click.UsageError("--table takes one model; run the command once for each.")
    if by is not None:
        _onsets_by(names, by, where, protocol, plot, as_json, table)
        return
    with open_catalog() as catalog:
        answers = [catalog.onsets(name, limit=limit, protocol=protocol, where=where) for name in names]
        out = Output(as_json)
        if table is not None:
            _write_table(out, catalog.onsets(names[0], limit=None, protocol=protocol, where=where), table)
    if not out.data(answers[0] if len(answers) == 1 else answers):
        _show_all_onsets(out, answers)
    if plot is not None:
        from seenat.memorization.plots.charts import onset_chart

        draw(out, plot, lambda: onset_chart(answers))


def _onsets_by(
    names: tuple[str, ...],
    by: str,
    where: tuple[str, ...],
    protocol: str | None,
    plot: Target | None,
    as_json: bool,
    table: Target | None,
) -> None:
    """Counts at the last measured checkpoint of each value of a label; JSON and the plot have all checkpoints."""
    if table is not None:
        raise click.UsageError("--table writes onsets, a row a sequence; leave out --by.")
    with open_catalog() as catalog:
        curves = catalog.studies.onsets(*names, protocol=protocol, where=where, by=by)
    out = Output(as_json)
    if not out.data(curves):
        out.table(
            ("<model", f"<{by}", ">step", ">measured", ">memorized", ">share", ">onsets so far"),
            (_row_of_value(curve) for curve in curves),
        )
        out.talk_all(basis_words(curves))
    if plot is not None:
        from seenat.memorization.plots.studies import onsets_chart

        draw(out, plot, lambda: onsets_chart(curves))


def _row_of_value(curve: Curve) -> tuple[str | None, ...]:
    last = curve.steps[-1]
    return (
        curve.model,
        curve.value or "none",
        count(last.step),
        count(last.measured),
        count(last.memorized),
        share_words(last.share, last.share_at_least),
        count(last.onsets_so_far),
    )


def _write_table(out: Output, answer: Onsets, table: Target) -> None:
    from seenat import write_table

    made = write_table(answer, table.path, force=table.force)
    out.talk(f"{table} has {made.rows:,} sequences, a row each.")


def _show_trajectory(out: Output, answer: SequenceTrajectory) -> None:
    decodes = answer.protocol.value_type.decodes
    out.facts(
        [
            ("sequence", f"{answer.sequence:,} in {answer.model}"),
            ("protocol", protocol_words(answer.protocol)),
            ("first checkpoint that saw it", _step(answer.first_checkpoint_seen)),
            *(_memorized_facts(answer.trajectory) if decodes else ()),
        ]
    )
    out.line()
    (_show_reproduced if decodes else _show_losses)(out, answer)


def _memorized_facts(path: Trajectory) -> list[tuple[str, str | None]]:
    return [
        ("memorized", onset_words(path.onset)),
        ("forgotten", _at(path.forgotten)),
        ("learned again", _at(path.relearned)),
    ]


def _show_reproduced(out: Output, answer: SequenceTrajectory) -> None:
    whole, measure = answer.protocol.continuation, answer.protocol.measure
    out.table(
        (">step", "<had seen it", ">reproduced", "<memorized"),
        (
            (
                count(point.step),
                "yes" if point.seen else "no",
                f"{point.values[measure]} of {whole}",
                "yes" if point.memorized else "no",
            )
            for point in answer.trajectory.points
        ),
    )


def _show_losses(out: Output, answer: SequenceTrajectory) -> None:
    """Losses in nats: sums over prompt and continuation, the mean of the least likely fifth; and the mean rank."""
    quantities = answer.protocol.value_type.quantities
    out.table(
        (">step", "<had seen it", *(f">{name}" for name in quantities)),
        (
            (
                count(point.step),
                "yes" if point.seen else "no",
                *(f"{point.values[name]:,.2f}" for name in quantities),
            )
            for point in answer.trajectory.points
        ),
    )


def _step(step: int | None) -> str:
    return "none" if step is None else f"step {step:,}"


def _at(steps: tuple[int, ...]) -> str | None:
    return f"at step {', '.join(f'{step:,}' for step in steps)}" if steps else None


def _show_all_onsets(out: Output, answers: list[Onsets]) -> None:
    for place, answer in enumerate(answers):
        if place:
            out.line()
        _show_onsets(out, answer)
        out.talk_all(basis_words([answer]))


def _show_onsets(out: Output, answer: Onsets) -> None:
    unseen = sum(row.unseen_onsets for row in answer.steps)
    before = f", {unseen:,} of them before it had seen them" if unseen else ""
    out.facts(
        [
            ("model", f"{answer.model}, trained on {answer.order}"),
            ("protocol", protocol_words(answer.protocol)),
            (
                "memorized",
                f"{answer.memorized:,} sequences by some checkpoint{before}, {answer.lost:,} of them later lost",
            ),
        ]
    )
    out.line()
    _show_steps(out, answer.steps)
    if answer.sequences:
        out.line()
        out.table(*sequence_table(answer.sequences))
    left = answer.memorized - len(answer.sequences)
    if left and answer.sequences:
        out.talk(f"... and {left:,} more; `--limit {answer.memorized}` lists all.")


def _show_steps(out: Output, steps: tuple[StepCount, ...]) -> None:
    """Counts of sequences seen by each checkpoint; counts of those not seen follow where some were measured."""
    columns: tuple[str, ...] = (">step", ">measured", ">memorized", ">share", ">for the first time")
    rows = [
        [
            count(row.step),
            count(row.measured),
            count(row.memorized),
            share_words(row.share, row.share_at_least),
            count(row.onsets - row.unseen_onsets),
        ]
        for row in steps
    ]
    if any(row.unseen_measured for row in steps):
        columns = (*columns, ">unseen measured", ">memorized", ">for the first time")
        for cells, row in zip(rows, steps, strict=True):
            cells += [count(row.unseen_measured), count(row.unseen_memorized), count(row.unseen_onsets)]
    out.table(columns, rows)
