"""The command that shows benchmark results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.outputs import Target, draw, plot_option
from seenat.cli.framework.params import MODEL, Count, open_catalog

if TYPE_CHECKING:
    from seenat import Benchmarks
    from seenat.registry.evaluations.query import BenchmarkValue, Remark

__all__ = ["evals"]


@click.command()
@click.argument("names", metavar="MODEL...", type=MODEL, nargs=-1, required=True)
@click.option("--task", metavar="TASK", help="Only this task; a pattern such as 'hendrycksTest-*' for several.")
@click.option("--shots", type=Count("number of examples"), metavar="N", help="Only runs with N examples.")
@click.option("--metric", help="Only this metric, for example acc.")
@plot_option
@json_option
def evals(
    names: tuple[str, ...], task: str | None, shots: int | None, metric: str | None, plot: Target | None, as_json: bool
) -> None:
    """Show benchmark results of a model by task, number of examples, metric and step.

    Without --task there is a line for each task, from its first step to its last; with --task a line for each step. Several
    models are shown one after the other (in JSON as a list), and in one plot.

    \b
    Examples:
      seenat evals pythia-70m
      seenat evals pythia-70m --task lambada_openai --shots 0
      seenat evals pythia-70m pythia-70m-deduped --task piqa --plot piqa.svg
    """
    with open_catalog() as catalog:
        answers = [catalog.evaluations(name, task=task, metric=metric, shots=shots) for name in names]
    out = Output(as_json)
    if plot is not None:
        from seenat.memorization.plots.evaluations import benchmark_chart

        draw(out, plot, lambda: benchmark_chart(answers))
    if out.data(answers[0] if len(answers) == 1 else answers):
        return
    for place, answer in enumerate(answers):
        if place:
            out.line()
        _show_benchmarks(out, answer, by_step=task is not None)


def _show_benchmarks(out: Output, answer: Benchmarks, *, by_step: bool) -> None:
    out.line(f"{answer.model}: {plural(len(answer.values), 'result')}")
    if by_step:
        out.table(
            ("<task", ">examples", "<metric", ">step", ">value", ">± standard error"),
            ((_task(value), value.shots, value.metric, count(value.step), *_number(value)) for value in answer.values),
        )
    else:
        out.table(
            ("<task", ">examples", "<metric", ">steps", ">first step", ">value", ">last step", ">value", ">±"),
            map(_span, _by_task(answer.values)),
            spare=("first step",),
        )
    _show_remarks(
        out,
        "Suspect, because another run has the same results",
        [remark for remark in answer.remarks if remark.status is not None],
    )
    _show_remarks(
        out,
        "Two runs of the same checkpoint have other results",
        [remark for remark in answer.remarks if remark.status is None and remark.kind == "audit"],
    )


def _show_remarks(out: Output, introduction: str, remarks: Sequence[Remark]) -> None:
    if not remarks:
        return
    steps = dict.fromkeys(f"{remark.step:,}" for remark in remarks)
    out.line()
    out.line(f"{introduction}: step{'s' * (len(steps) > 1)} {', '.join(steps)}.")
    out.line(f"For example: {remarks[-1].statement}. --json shows all.")


def _task(value: BenchmarkValue) -> str:
    return value.task if value.series is None else f"{value.task} ({value.series})"


def _by_task(values: Iterable[BenchmarkValue]) -> list[list[BenchmarkValue]]:
    groups: dict[tuple[str, str, int], list[BenchmarkValue]] = {}
    for value in values:
        groups.setdefault((_task(value), value.metric, value.shots), []).append(value)
    return list(groups.values())


def _span(group: list[BenchmarkValue]) -> tuple[object, ...]:
    first, last = group[0], group[-1]
    start = (count(first.step), _number(first)[0])
    return _task(first), first.shots, first.metric, len(group), *start, count(last.step), *_number(last)


def _number(value: BenchmarkValue) -> tuple[str, str | None]:
    return f"{value.value:.4g}", None if value.error is None else f"{value.error:.2g}"
