"""Commands about models and their checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, value_words
from seenat.cli.framework.params import MODEL, ORDER, STEP, open_catalog
from seenat.registry.errors import UnknownModel

if TYPE_CHECKING:
    from seenat import Card, Evidence, Model, ModelAnswer, StepAnswer

__all__ = ["model", "models", "no_such_model", "step"]

# A model of fewer saved steps has all of them listed.
_MANY_STEPS = 20


@click.command()
@click.option("--size", help="Only models of this size, for example 70m.")
@click.option("--family", help="Only models of this family, for example pythia-deduped.")
@click.option("--order", type=ORDER, help="Only models trained on this order.")
@json_option
def models(size: str | None, family: str | None, order: str | None, as_json: bool) -> None:
    """List the models of the catalog.

    \b
    Examples:
      seenat models
      seenat models --order pile-deduped --json
    """
    with open_catalog() as catalog:
        matches = catalog.models(size=size, family=family, order=order)
        others = () if matches else catalog.models()
    out = Output(as_json)
    printed = out.data(matches)
    if not matches:
        raise no_such_model({"size": size, "family": family, "order": order}, others)
    if printed:
        return
    out.table(
        ("<model", "<family", "<order", ">parameters", ">non-embedding", ">checkpoints"),
        map(_model_row, matches),
        spare=("family", "non-embedding"),
    )


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL, required=False)
@click.option(
    "--disputed", is_flag=True, help="Show what sources disagree about: of a model, order or suite, or of all."
)
@json_option
def model(name: str | None, disputed: bool, as_json: bool) -> None:
    """Show everything known of one model: sizes, schedule, architecture, hyper-parameters, and what sources claim.

    MODEL is a name, an old name, a repository on the hub, or its address there.

    \b
    Examples:
      seenat model pythia-1.4b
      seenat model EleutherAI/pythia-70m --json
      seenat model pythia-1b --disputed
    """
    out = Output(as_json)
    if disputed:
        _show_disputes(out, name)
        return
    if name is None:
        raise click.UsageError("Name a model, or ask for --disputed; `seenat models` lists all.")
    with open_catalog() as catalog:
        answer = catalog.describe(name)
    if not out.data(answer):
        out.facts(_model_facts(answer))


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@click.argument("step_", metavar="[STEP]", type=STEP, required=False)
@json_option
def step(name: str, step_: str | None, as_json: bool) -> None:
    """Show what a checkpoint had seen.

    STEP is a number of optimizer updates, a revision such as step3000, or last. The checkpoint at step N has consumed batches
    0 to N - 1. The address of a revision on the hub names both.

    \b
    Examples:
      seenat step pythia-70m 3000
      seenat step pythia-70m step512 --json
      seenat step https://huggingface.co/EleutherAI/pythia-70m/tree/step3000
    """
    with open_catalog() as catalog:
        answer = catalog.step(name, step_)
    out = Output(as_json)
    if out.data(answer):
        return
    out.facts(_step_facts(answer))
    if answer.files:
        out.line()
        out.table(
            ("<file", ">bytes", "<sha256"),
            ((file.name, count(file.bytes), _short(file.sha256)) for file in answer.files),
        )


def _show_disputes(out: Output, name: str | None) -> None:
    with open_catalog() as catalog:
        claims = catalog.claims(name)
    if not claims:
        out.talk(f"Nothing is disputed about {name or 'any model'}.")
    if out.data(claims) or not claims:
        return
    out.table(
        ("<about", "<field", "<", "<value", "<source"),
        (
            (
                claim.subject,
                claim.field.replace("_", " "),
                "primary" if claim.is_primary else "",
                value_words(claim.value),
                claim.source,
            )
            for claim in claims
        ),
    )


def no_such_model(wanted: Mapping[str, str | None], others: Iterable[Model]) -> UnknownModel:
    """The error where no model has what was wanted: with names like it, and all sizes and families there are."""
    from difflib import get_close_matches

    given = {what: value for what, value in wanted.items() if value is not None}
    others = tuple(others)
    sizes = list(dict.fromkeys(other.size for other in others if other.size))
    families = list(dict.fromkeys(other.family for other in others if other.family))
    near = get_close_matches(given.get("family", ""), families, n=1)
    hint = f" Did you mean family {near[0]}?" if near and near[0] != given["family"] else ""
    conditions = ", ".join(f"{what} {value}" for what, value in given.items())
    return UnknownModel(
        f"No model has {conditions}; the sizes are {', '.join(sizes)}, the families {', '.join(families)}.{hint}", near
    )


def _model_row(model_: Model) -> tuple[object, ...]:
    parameters, order = model_.parameters, model_.training_order
    return (
        model_.name,
        model_.family,
        order.name if order else None,
        count(parameters.total) if parameters else None,
        count(parameters.non_embedding) if parameters else None,
        count(len(model_.schedule.saved)),
    )


def _model_facts(answer: ModelAnswer) -> list[tuple[str, object]]:
    schedule, parameters = answer.schedule, answer.parameters
    total, non_embedding = (parameters.total, parameters.non_embedding) if parameters else (None, None)
    shown = {**answer.architecture, "parameters": total, "non_embedding_parameters": non_embedding}
    return [
        ("model", answer.name),
        ("also called", ", ".join(answer.aliases) or None),
        *(("formerly", f"{alias.name}, until {alias.valid_until}") for alias in answer.former_names),
        *(
            (f"until {meaning.valid_until}", f"this name was that of {meaning.model}")
            for meaning in answer.earlier_meanings
        ),
        ("version", answer.version),
        ("suite", answer.suite),
        ("family", answer.family),
        ("size", answer.size),
        ("parameters", count(total)),
        ("non-embedding", count(non_embedding)),
        ("training order", _order(answer)),
        ("steps", f"{schedule.steps:,} updates of {schedule.sequences_per_batch:,} sequences"),
        ("checkpoints", _saved(schedule.saved)),
        ("repository", answer.repository),
        ("folder", answer.folder),
        *(("note", note) for note in answer.notes),
        *_card(answer.card),
        *_configuration(answer.architecture, {}),
        *_configuration(answer.hyperparameters, shown),
    ]


def _card(card: Card | None) -> list[tuple[str, object]]:
    """A gap, then what the model card says."""
    if card is None:
        return []
    return [
        ("", ""),
        ("licence", card.licence),
        ("equivalent models", ", ".join(card.equivalent_models) or None),
        ("intended use", card.intended_use),
        ("out of scope", card.out_of_scope_use),
        *(("limit", limit) for limit in card.limits),
        ("model card", card.url),
    ]


def _order(answer: ModelAnswer) -> str:
    name = answer.order or "not published"
    return f"{name}: {answer.order_note}" if answer.order_note else name


def _configuration(values: Mapping[str, Any], shown: Mapping[str, Any]) -> list[tuple[str, object]]:
    """A gap, then the values that are not shown yet; a seed is a name rather than a number."""
    rows: list[tuple[str, object]] = [
        (key.replace("_", " "), str(value) if key.endswith("seed") else value_words(value))
        for key, value in values.items()
        if shown.get(key) != value
    ]
    return [("", ""), *rows] if rows else []


def _saved(saved: Sequence[int]) -> str:
    if not saved:
        return "none"
    if len(saved) < _MANY_STEPS:
        return f"{len(saved)}: {', '.join(f'{step:,}' for step in saved)}"
    return f"{len(saved):,}, from step {saved[0]:,} to {saved[-1]:,}"


def _step_facts(answer: StepAnswer) -> list[tuple[str, object]]:
    return [
        ("checkpoint", f"{answer.model} at step {answer.step:,} ({answer.revision})"),
        ("order", answer.order or "not published"),
        ("batches seen", _seen(answer.batches_seen.stop)),
        ("sequences seen", _seen(answer.sequences_seen.stop)),
        ("tokens seen", count(answer.tokens_seen)),
        ("last batch", count(answer.last_batch)),
        ("next batch", count(answer.next_batch)),
        ("checkpoint before", count(answer.previous_checkpoint)),
        ("checkpoint after", count(answer.next_checkpoint)),
        ("next learning rate", _learning_rate(answer)),
        ("altered order", _altered(answer)),
        ("status", answer.status + (f": {answer.reason}" if answer.reason and not answer.evidence else "")),
        *(("evidence", _evidence(evidence)) for evidence in answer.evidence),
        ("repository", answer.repository),
        ("digest", answer.digest),
    ]


def _evidence(evidence: Evidence) -> str:
    return f"{evidence.statement} ({evidence.source}, {(evidence.date or '')[:10]})"


def _learning_rate(answer: StepAnswer) -> str | None:
    rate = answer.learning_rate
    return None if rate is None or answer.next_batch is None else f"{rate:.4g}"


def _altered(answer: StepAnswer) -> str | None:
    start = answer.altered_from_step
    return None if start is None else f"from batch {start:,} on, what it saw is not that of {answer.order}"


def _seen(stop: int) -> str:
    return f"{stop:,} (0 to {stop - 1:,})" if stop else "none"


def _short(sha256: str | None) -> str | None:
    return sha256 and sha256.removeprefix("sha256:")[:16]
