"""Commands about what others measured: importing it, and putting our results beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, share
from seenat.cli.framework.outputs import TABLES, Target, output_option, written
from seenat.cli.framework.params import MODEL, MODEL_OR_ORDER, Count, open_catalog, protocol_option
from seenat.cli.framework.phrases import adaptive_words, protocol_words
from seenat.cli.framework.progress import Moment, progress

if TYPE_CHECKING:
    from seenat import Comparison, EvaluationImport, ImportedScores, ImportedSet
    from seenat.memorization.published.compare import Agreement, CountComparison
    from seenat.registry.evaluations.duplicate_runs import DuplicateRun
    from seenat.registry.evaluations.importer import Quarantined

__all__ = ["compare", "import_"]

_PAIRS = {
    "coincidence": "Two runs share results far beyond chance; one of the two was run on the other's weights:",
    "contradiction": "Two runs of one checkpoint share few results; one of them may have measured something else:",
}


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
    out = Output(as_json)
    with open_catalog() as catalog, progress() as show:
        answer = catalog.import_evaluations(
            folder,
            progress=lambda read, files: show(Moment(task="evaluations", done=read, total=files, unit="files")),
        )
    if not out.data(answer):
        _show_import(out, answer)


@import_.command(name="memorized", short_help="Import published memorization results.")
@click.argument("source")
@click.option("--split", help="Only this split, for example duped.70m or deduped.12b.23000.")
@click.option("--model", type=MODEL, help="The model of these results, where the split's name does not say it.")
@click.option("--step", help="The checkpoint of these results, as a step or a revision; by default the last one.")
@click.option(
    "--corpus", type=click.Choice(["duped", "deduped"]), help="The models whose scores a random sample holds."
)
@click.option("--sequences", metavar="A:B", help="The sequences that a list of memorized ones covers.")
@json_option
def import_memorized(
    source: str,
    split: str | None,
    model: str | None,
    step: str | None,
    corpus: str | None,
    sequences: str | None,
    as_json: bool,
) -> None:
    """Import published memorization results from SOURCE: a data set on the hub, a folder, or a Parquet file.

    It reads EleutherAI/pythia-memorized-evals, with the column index, and
    EleutherAI/pile-duped-pythia-random-sampled and its deduped twin, with a column of scores for each model. The results are
    attached to the -v0 models, from which they most likely come. Importing again changes nothing.

    A set of your own has the column index, and memorized (true or false) or memorization_score (0 to 1) where not every row is
    memorized. Say with --sequences which sequences a plain list covers; else only those that it lists are compared.

    \b
    Examples:
      seenat import memorized memorized-evals --split duped.70m
      seenat import memorized my.parquet --model pythia-70m --step 143000
    """
    with open_catalog() as catalog, progress() as show:
        sets = catalog.import_results(
            source,
            split=split,
            model=model,
            step=step,
            corpus=corpus,
            sequences=sequences,
            progress=lambda name, rows: show(Moment(task=name, done=rows, total=0, note=f"{rows:,} rows")),
        )
    out = Output(as_json)
    if not out.data(sets):
        _show_sets(out, sets)
    out.talk_all(dict.fromkeys(remark for imported in sets for remark in imported.remarks))


@import_.command(name="scores", short_help="Read scores that bergson wrote.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@click.option("--rows", type=click.Path(path_type=Path), help="The dataset that was scored.")
@click.option("--sequences", metavar="START:STOP", help="The sequences that were scored, where there is no dataset.")
@click.option(
    "--limit", type=Count("number of rows"), default=20, show_default=True, metavar="N", help="Rows of each query."
)
@output_option("--out", endings=TABLES, help="Write all scores to a .parquet, .csv or .jsonl file, or a new folder.")
@json_option
def import_scores(
    folder: Path, name: str, rows: Path | None, sequences: str | None, limit: int, out: Target | None, as_json: bool
) -> None:
    """Read the scores in FOLDER, as bergson writes them, as scores of sequences, batches and steps.

    The highest are listed; nothing is stored in the catalog.

    \b
    Example:
      seenat import scores run/scores pocket-2m --rows for-bergson
    """
    with open_catalog() as catalog:
        answer = catalog.import_scores(folder, name, rows=rows, sequences=sequences, limit=limit, **written(out))
    output = Output(as_json)
    if not output.data(answer):
        _show_scores(output, answer)
    if out is not None:
        output.talk(f"Written to {out}")


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@protocol_option
@json_option
def compare(name: str, protocol: str | None, as_json: bool) -> None:
    """Compare our memorization results with published ones: counts, and sequence by sequence.

    \b
    Examples:
      seenat compare pythia-70m
      seenat compare pythia-70m-v0 --json
    """
    with open_catalog() as catalog:
        answer = catalog.compare(name, protocol=protocol)
    out = Output(as_json)
    if not out.data(answer):
        _show_comparison(out, answer)
        out.talk_all(adaptive_words([answer]))


def _show_scores(out: Output, answer: ImportedScores) -> None:
    out.facts(
        [
            ("order", answer.order),
            ("queries", count(answer.queries)),
            ("rows", count(answer.rows)),
            ("not computed", count(answer.missing) if answer.missing else None),
        ]
    )
    out.line()
    out.table(
        (">query", ">sequence", ">step", ">score"),
        ((one.query, count(one.sequence), count(one.step), f"{one.score:.6g}") for one in answer.sequences),
    )


def _show_import(out: Output, answer: EvaluationImport) -> None:
    out.facts(
        [
            ("files", count(answer.files)),
            ("added", count(answer.added)),
            ("replaced", count(answer.replaced)),
            ("unchanged", count(answer.unchanged)),
            ("values", count(answer.values)),
            ("quarantined", count(len(answer.quarantined))),
        ]
    )
    if answer.quarantined:
        out.line()
        out.table((">files", "<for example", "<quarantined because"), _reasons(answer.quarantined))
    for kind, introduction in _PAIRS.items():
        pairs = _pairs(answer.coincidences, kind)
        if pairs:
            out.line()
            out.line(introduction)
            out.table(("<models", ">examples", "<steps"), pairs)


def _reasons(quarantined: Iterable[Quarantined]) -> list[tuple[object, ...]]:
    """One row for each reason, the most frequent first."""
    files = list(quarantined)
    numbers = Counter(file.reason for file in files)
    first = {file.reason: file.path for file in reversed(files)}
    return [(count(number), first[reason], reason) for reason, number in numbers.most_common()]


def _pairs(found: Iterable[DuplicateRun], kind: str) -> list[tuple[object, ...]]:
    steps: dict[tuple[str, int], list[str]] = {}
    for pair in found:
        if pair.kind == kind:
            first, second = pair.first, pair.second
            at = str(first.step) if first.step == second.step else f"{first.step}/{second.step}"
            names = ", ".join(dict.fromkeys((first.model, second.model)))
            steps.setdefault((names, first.shots), []).append(at)
    return [(models, shots, ", ".join(at)) for (models, shots), at in steps.items()]


def _show_sets(out: Output, sets: Sequence[ImportedSet]) -> None:
    out.table(
        ("<model", ">step", "<kind", ">rows", ">kept", ">memorized", ">repeated", ">beyond", ">marked", "<outcome"),
        (
            (
                imported.model,
                count(imported.step),
                imported.kind,
                count(imported.read),
                count(imported.sequences),
                count(imported.memorized),
                count(imported.repeated),
                count(imported.beyond),
                count(imported.marked),
                imported.outcome,
            )
            for imported in sets
        ),
        spare=("kind", "marked", "beyond", "repeated"),
    )
    for note in dict.fromkeys(imported.note for imported in sets if imported.note):
        out.line(note)


def _show_comparison(out: Output, answer: Comparison) -> None:
    out.facts(
        [
            ("model", answer.model),
            ("measured by", protocol_words(answer.protocol) if answer.protocol else "nothing yet: seenat memorize"),
            *(("" if place else "differences", sentence) for place, sentence in enumerate(answer.differences)),
        ]
    )
    if answer.counts:
        out.line()
        ours = (">our step", ">measured", ">memorized", ">share")
        theirs = (">sequences seen", "<published for", ">memorized", ">share")
        out.table((*theirs, *ours), map(_count_row, answer.counts))
    if answer.agreements:
        out.line()
        numbers = (">our step", ">compared", ">both", ">only ours", ">only theirs", ">neither", ">left out")
        out.table(("<published set", *numbers), map(_agreement_row, answer.agreements))
        for agreement in answer.agreements:
            _show_examples(out, agreement)
    if answer.not_compared:
        out.line()
        out.line(f"Not measured here, or not comparable: {', '.join(answer.not_compared)}")


def _count_row(row: CountComparison) -> tuple[object, ...]:
    theirs = (count(row.sequences), row.published_model, count(row.published), share(row.published_share))
    return *theirs, count(row.step), count(row.measured), count(row.memorized), share(row.share)


def _agreement_row(row: Agreement) -> tuple[object, ...]:
    numbers = (row.step, row.compared, row.both, row.only_ours, row.only_theirs, row.neither, row.left_out)
    return row.name, *map(count, numbers)


def _show_examples(out: Output, agreement: Agreement) -> None:
    for whose, examples in (("ours", agreement.examples_only_ours), ("theirs", agreement.examples_only_theirs)):
        if examples:
            out.line(f"Memorized only in {whose}, {agreement.name}: sequences {', '.join(map(str, examples))}")
