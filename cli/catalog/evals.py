"""Commands about what others measured: benchmark results, published memorization results, and ours beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, plural, share
from seenat.cli.framework.params import Count, open_catalog, protocol_option
from seenat.cli.framework.phrases import adaptive_words, protocol_words
from seenat.cli.framework.plot_option import draw, plot_option
from seenat.cli.framework.progress import Moment, progress

if TYPE_CHECKING:
    from seenat.memorization.published.compare import Agreement, Comparison
    from seenat.memorization.published.importer import ImportedSet
    from seenat.registry.evaluations.duplicate_runs import DuplicateRun
    from seenat.registry.evaluations.importer import EvaluationImport, Quarantined
    from seenat.registry.evaluations.query import Benchmarks, BenchmarkValue

__all__ = ["compare", "evals", "import_"]


@click.group(name="import")
def import_() -> None:
    """Import what others measured: benchmark results and memorization results.

    \b
    Examples:
      seenat import evals pythia/evals
      seenat import memorized memorized-evals --split duped.70m
    """


@import_.command(name="evals", short_help="Import a folder of benchmark results.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def import_evals(folder: Path, as_json: bool) -> None:
    """Import the benchmark results in FOLDER: `evals` of a clone of EleutherAI/pythia, or a part of it.

    Files that contradict themselves, or whose model is not in the catalog, are quarantined with a reason. Importing again
    adds nothing; a file that changed is replaced.

    \b
    Example:
      seenat import evals pythia/evals
    """
    from seenat.registry.evaluations.importer import import_evaluations

    out = Output(as_json)
    with open_catalog() as catalog, progress() as show:
        done = import_evaluations(
            catalog,
            folder,
            lambda read, files: show(Moment(task="evaluations", done=read, total=files, unit="files")),
        )
    if out.data(done.to_json()):
        return
    _show_import(out, done)


@import_.command(name="memorized", short_help="Import published memorization results.")
@click.argument("source")
@click.option("--split", help="Only this split, for example duped.70m or deduped.12b.23000.")
@click.option("--model", help="The model they are about, where the split's name does not say it.")
@click.option("--step", help="The checkpoint they are about, as a step or a revision; the last one by default.")
@click.option("--corpus", type=click.Choice(["duped", "deduped"]), help="Whose scores a random sample holds.")
@json_option
def import_memorized(
    source: str, split: str | None, model: str | None, step: str | None, corpus: str | None, as_json: bool
) -> None:
    """Import published memorization results from SOURCE: a data set on the hub, a folder, or a Parquet file.

    Known are EleutherAI/pythia-memorized-evals, with the columns index and tokens, and
    EleutherAI/pile-duped-pythia-random-sampled with its deduped twin, a column of scores a model. They are attached to the
    -v0 models, whose results they most likely are. Importing again changes nothing.

    \b
    Examples:
      seenat import memorized memorized-evals --split duped.70m
      seenat import memorized my.parquet --model pythia-70m --step 143000
    """
    from seenat.memorization.published.importer import import_published

    with open_catalog() as catalog, progress() as show:
        done = import_published(
            catalog,
            source,
            split=split,
            model=model,
            step=step,
            deduplicated=None if corpus is None else corpus == "deduped",
            progress=lambda name, rows: show(Moment(task=name, done=rows, total=0, note=f"{rows:,} rows")),
        )
    out = Output(as_json)
    if out.data([one.to_json() for one in done]):
        return
    _show_sets(out, done)


@click.command()
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@click.option("--task", metavar="TASK", help="Only this task; a pattern such as 'hendrycksTest-*' for several.")
@click.option("--shots", type=Count("number of examples"), metavar="N", help="Only runs with N examples.")
@click.option("--metric", help="Only this metric, for example acc.")
@plot_option
@json_option
def evals(
    names: tuple[str, ...], task: str | None, shots: int | None, metric: str | None, plot: Path | None, as_json: bool
) -> None:
    """Show benchmark results of a model by task, number of examples, metric and step.

    Without --task a line a task, from its first step to its last; with it a line a step. With several models, one after the
    other (in JSON a list of them), and one plot of all.

    \b
    Examples:
      seenat evals pythia-70m
      seenat evals pythia-70m --task lambada_openai --shots 0
      seenat evals pythia-70m pythia-70m-deduped --task piqa --plot piqa.svg
    """
    from seenat.registry.evaluations.query import benchmarks

    with open_catalog() as catalog:
        found = [benchmarks(catalog, catalog.model(name), task=task, metric=metric, shots=shots) for name in names]
    out = Output(as_json)
    if plot is not None:
        from seenat.memorization.plots.evaluations import benchmark_chart

        draw(out, plot, lambda: benchmark_chart(found))
    answers = [one.to_json() for one in found]
    if out.data(answers[0] if len(answers) == 1 else answers):
        return
    for place, one in enumerate(found):
        if place:
            out.line()
        _show_benchmarks(out, one, by_step=task is not None)


@click.command()
@click.argument("name", metavar="MODEL")
@protocol_option
@json_option
def compare(name: str, protocol: str | None, as_json: bool) -> None:
    """Put our memorization results beside published ones: counts, and sequence by sequence.

    \b
    Examples:
      seenat compare pythia-70m
      seenat compare pythia-70m-v0 --json
    """
    from seenat.memorization.published.compare import compare as put_beside

    with open_catalog() as catalog:
        found = put_beside(catalog, catalog.model(name), protocol)
    out = Output(as_json)
    if out.data(found.to_json()):
        return
    _show_comparison(out, found)


# -- benchmark results


def _show_import(out: Output, done: EvaluationImport) -> None:
    out.facts(
        [
            ("files", count(done.files)),
            ("added", count(done.added)),
            ("replaced", count(done.replaced)),
            ("unchanged", count(done.unchanged)),
            ("values", count(done.values)),
            ("quarantined", count(len(done.quarantined))),
        ]
    )
    if done.quarantined:
        out.line()
        out.table((">files", "<for example", "<quarantined because"), _reasons(done.quarantined))
    pairs = _suspect_pairs(done.coincidences)
    if pairs:
        out.line()
        out.line("Results that two runs share, far beyond chance; one of the two was run on the other's weights:")
        out.table(("<models", ">examples", "<steps"), pairs)


def _reasons(quarantined: Iterable[Quarantined]) -> list[tuple[object, ...]]:
    """A row a reason, the most frequent first."""
    found = list(quarantined)
    numbers = Counter(one.reason for one in found)
    first = {one.reason: one.path for one in reversed(found)}
    return [(count(number), first[reason], reason) for reason, number in numbers.most_common()]


def _suspect_pairs(coincidences: Iterable[DuplicateRun]) -> list[tuple[object, ...]]:
    steps: dict[tuple[str, int], list[str]] = {}
    for one in coincidences:
        if one.kind == "coincidence":
            at = str(one.first.step) if one.first.step == one.second.step else f"{one.first.step}/{one.second.step}"
            steps.setdefault((f"{one.first.model}, {one.second.model}", one.first.shots), []).append(at)
    return [(models, shots, ", ".join(at)) for (models, shots), at in steps.items()]


def _show_benchmarks(out: Output, found: Benchmarks, *, by_step: bool) -> None:
    out.line(f"{found.model}: {plural(len(found.values), 'result')}")
    if by_step:
        out.table(
            ("<task", ">examples", "<metric", ">step", ">value", ">± standard error"),
            ((one.task, one.shots, one.metric, count(one.step), *_number(one)) for one in found.values),
        )
    else:
        out.table(
            ("<task", ">examples", "<metric", ">steps", ">first step", ">value", ">last step", ">value", ">±"),
            map(_span, _by_task(found.values)),
            spare=("first step",),
        )
    suspect = [remark for remark in found.remarks if remark.status is not None]
    if suspect:
        steps = dict.fromkeys(f"{remark.step:,}" for remark in suspect)
        out.line()
        out.line(f"Suspect, because another run has the same results: step{'s' * (len(steps) > 1)} {', '.join(steps)}.")
        out.line(f"For example: {suspect[-1].statement}. All are told by --json.")


def _by_task(values: Iterable[BenchmarkValue]) -> list[list[BenchmarkValue]]:
    groups: dict[tuple[str, str, int], list[BenchmarkValue]] = {}
    for one in values:
        groups.setdefault((one.task, one.metric, one.shots), []).append(one)
    return list(groups.values())


def _span(group: list[BenchmarkValue]) -> tuple[object, ...]:
    first, last = group[0], group[-1]
    start = (count(first.step), _number(first)[0])
    return first.task, first.shots, first.metric, len(group), *start, count(last.step), *_number(last)


def _number(one: BenchmarkValue) -> tuple[str, str | None]:
    return f"{one.value:.4g}", None if one.error is None else f"{one.error:.2g}"


# -- memorization results


def _show_sets(out: Output, done: Iterable[ImportedSet]) -> None:
    sets = list(done)
    out.table(
        ("<model", ">step", "<kind", ">rows", ">kept", ">memorized", ">repeated", ">beyond", ">marked", "<outcome"),
        (
            (
                one.model,
                count(one.step),
                one.kind,
                count(one.read),
                count(one.sequences),
                count(one.memorized),
                count(one.repeated),
                count(one.beyond),
                count(one.marked),
                one.outcome,
            )
            for one in sets
        ),
        spare=("kind", "marked", "beyond", "repeated"),
    )
    for note in dict.fromkeys(one.note for one in sets if one.note):
        out.line(note)


def _show_comparison(out: Output, found: Comparison) -> None:
    out.facts(
        [
            ("model", found.model),
            ("measured by", protocol_words(found.protocol) if found.protocol else "nothing yet: seenat memorize"),
            *(("" if place else "differences", sentence) for place, sentence in enumerate(found.differences)),
        ]
    )
    if found.counts:
        out.line()
        out.table(
            (
                ">sequences seen", "<published for", ">memorized", ">share",
                ">our step", ">measured", ">memorized", ">share",
            ),
            (
                (
                    count(one.sequences),
                    one.published_model,
                    count(one.published),
                    share(one.published_share),
                    count(one.step),
                    count(one.measured),
                    count(one.memorized),
                    share(one.share),
                )
                for one in found.counts
            ),
        )  # fmt: skip
    if found.agreements:
        out.line()
        out.table(
            (
                "<published set",
                ">our step",
                ">compared",
                ">both",
                ">only ours",
                ">only theirs",
                ">neither",
                ">left out",
            ),
            map(_agreement_row, found.agreements),
        )
        for one in found.agreements:
            _show_examples(out, one)
    if found.not_compared:
        out.line()
        out.line(f"Not measured here, or not comparably: {', '.join(found.not_compared)}")
    out.talk_all(adaptive_words([plan.to_json() for plan in found.adaptive]))


def _agreement_row(one: Agreement) -> tuple[object, ...]:
    numbers = (one.step, one.compared, one.both, one.only_ours, one.only_theirs, one.neither, one.left_out)
    return one.name, *map(count, numbers)


def _show_examples(out: Output, one: Agreement) -> None:
    for whose, examples in (("ours", one.examples_only_ours), ("theirs", one.examples_only_theirs)):
        if examples:
            out.line(f"Memorized only in {whose}, {one.name}: sequences {', '.join(map(str, examples))}")
