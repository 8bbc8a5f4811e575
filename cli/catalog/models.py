"""Commands about models and their checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, value_words
from seenat.cli.framework.params import open_catalog

if TYPE_CHECKING:
    from seenat.registry.catalog.models import Model

__all__ = ["model", "models", "step"]

_MANY = 20
"""Saved steps; so many are not listed one by one."""


@click.command()
@click.option("--size", help="Only models of this size, for example 70m.")
@click.option("--family", help="Only models of this family, for example pythia-deduped.")
@click.option("--order", help="Only models trained on this order.")
@json_option
def models(size: str | None, family: str | None, order: str | None, as_json: bool) -> None:
    """List the models of the catalog.

    \b
    Examples:
      seenat models
      seenat models --order pile-deduped --json
    """
    from seenat.registry.catalog.serialize import models_answer

    with open_catalog() as catalog:
        found = catalog.models(size=size, family=family, order=order)
        others = () if found else catalog.models()
    out = Output(as_json)
    if not found:
        asked = {"size": size, "family": family, "order": order}
        out.talk(_no_such_model(asked, others))
    if out.data(models_answer(found)) or not found:
        return
    out.table(
        ("<model", "<family", "<order", ">parameters", ">non-embedding", ">checkpoints"),
        (_model_row(row) for row in models_answer(found)),
        spare=("family", "non-embedding"),
    )


@click.command()
@click.argument("name", metavar="MODEL", required=False)
@click.option(
    "--disputed", is_flag=True, help="Show what sources disagree about, of one model, order or suite, or of all."
)
@json_option
def model(name: str | None, disputed: bool, as_json: bool) -> None:
    """Show everything known of one model: sizes, schedule, architecture, hyper-parameters, and what sources claim.

    MODEL is a name, an old name, or a repository on the hub.

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
    from seenat.registry.catalog.serialize import model_answer
    from seenat.registry.suites.claims import claims_of

    with open_catalog() as catalog:
        answer = model_answer(catalog.model(name))
        with catalog.database.read() as connection:
            answer["claims"] = [claim.to_json() for claim in claims_of(connection, "model", answer["name"])]
    if out.data(answer):
        return
    out.facts(_model_facts(answer))


@click.command()
@click.argument("name", metavar="MODEL")
@click.argument("step_", metavar="STEP")
@json_option
def step(name: str, step_: str, as_json: bool) -> None:
    """Show what a checkpoint had seen.

    STEP is a number of optimizer updates, or a revision such as step3000. The checkpoint at step N has consumed batches 0
    to N - 1.

    \b
    Examples:
      seenat step pythia-70m 3000
      seenat step pythia-70m step512 --json
    """
    from seenat.registry.catalog.serialize import step_answer

    with open_catalog() as catalog:
        found = catalog.model(name)
        checkpoint = found.checkpoint(step_)
        answer = step_answer(found, checkpoint, catalog.checkpoint_files(checkpoint), catalog.evidence(checkpoint))
    out = Output(as_json)
    if out.data(answer):
        return
    out.facts(_step_facts(answer))
    if answer["files"]:
        out.line()
        out.table(
            ("<file", ">bytes", "<sha256"),
            ((file["name"], count(file["bytes"]), _short(file["sha256"])) for file in answer["files"]),
        )


def _show_disputes(out: Output, name: str | None) -> None:
    from seenat.registry.suites.claims import disputed

    with open_catalog() as catalog, catalog.database.read() as connection:
        claims = disputed(connection, name)
        if name is not None and not claims:
            # It may be an old name; an unknown one is an error.
            claims = disputed(connection, catalog.model(name).name)
    if not claims:
        out.talk(f"Nothing is disputed about {name or 'any model'}.")
    if out.data([claim.to_json() for claim in claims]) or not claims:
        return
    out.table(
        ("<about", "<field", "<", "<value", "<source"),
        (
            (
                one.subject,
                one.field.replace("_", " "),
                "primary" if one.is_primary else "",
                value_words(one.value),
                one.source,
            )
            for one in claims
        ),
    )


def _no_such_model(asked: dict[str, str | None], others: Iterable[Model]) -> str:
    wanted = ", ".join(f"{what} {value}" for what, value in asked.items() if value is not None)
    sizes = dict.fromkeys(one.size for one in others if one.size)
    families = dict.fromkeys(one.family for one in others if one.family)
    return f"No model has {wanted}; the sizes are {', '.join(sizes)}, the families {', '.join(families)}."


def _model_row(row: dict[str, Any]) -> tuple[object, ...]:
    parameters = row["parameters"] or {}
    total, non_embedding = count(parameters.get("total")), count(parameters.get("non_embedding"))
    return row["name"], row["family"], row["order"], total, non_embedding, count(row["steps"])


def _model_facts(answer: dict[str, Any]) -> list[tuple[str, object]]:
    schedule, parameters = answer["schedule"], answer["parameters"] or {}
    told = {
        **answer["architecture"],
        "parameters": parameters.get("total"),
        "non_embedding_parameters": parameters.get("non_embedding"),
    }
    return [
        ("model", answer["name"]),
        ("also called", ", ".join(answer["aliases"]) or None),
        *(("formerly", _former(name)) for name in answer["former_names"]),
        *(
            ("until " + one["valid_until"], f"this name was that of {one['model']}")
            for one in answer["earlier_meanings"]
        ),
        ("version", answer["version"]),
        ("suite", answer["suite"]),
        ("family", answer["family"]),
        ("size", answer["size"]),
        ("parameters", count(parameters.get("total"))),
        ("non-embedding", count(parameters.get("non_embedding"))),
        ("training order", _order(answer)),
        ("steps", f"{schedule['steps']:,} updates of {schedule['sequences_per_batch']:,} sequences"),
        ("checkpoints", _saved(schedule["saved"])),
        ("repository", answer["repository"]),
        ("folder", answer["folder"]),
        *(("note", note) for note in answer["notes"]),
        *_configuration(answer["architecture"], {}),
        *_configuration(answer["hyperparameters"], told),
    ]


def _former(alias: dict[str, Any]) -> str:
    return f"{alias['name']}, until {alias['valid_until']}"


def _order(answer: dict[str, Any]) -> str:
    name = answer["order"] or "not published"
    return f"{name}: {answer['order_note']}" if answer["order_note"] else name


def _configuration(values: dict[str, Any], told: dict[str, Any]) -> list[tuple[str, object]]:
    """A gap, then the values that were not told already; a seed is a name rather than a number."""
    shown: list[tuple[str, object]] = [
        (key.replace("_", " "), str(value) if key.endswith("seed") else value_words(value))
        for key, value in values.items()
        if told.get(key) != value
    ]
    return [("", ""), *shown] if shown else []


def _saved(saved: list[int]) -> str:
    if not saved:
        return "none"
    if len(saved) < _MANY:
        return f"{len(saved)}: {', '.join(f'{step:,}' for step in saved)}"
    return f"{len(saved):,}, from step {saved[0]:,} to {saved[-1]:,}"


def _step_facts(answer: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("checkpoint", f"{answer['model']} at step {answer['step']:,} ({answer['revision']})"),
        ("order", answer["order"] or "not published"),
        ("batches seen", _seen(answer["batches_seen"]["stop"])),
        ("sequences seen", _seen(answer["sequences_seen"]["stop"])),
        ("tokens seen", count(answer["tokens_seen"])),
        ("last batch", count(answer["last_batch"])),
        ("next batch", count(answer["next_batch"])),
        ("checkpoint before", count(answer["previous_checkpoint"])),
        ("checkpoint after", count(answer["next_checkpoint"])),
        ("next learning rate", _learning_rate(answer)),
        ("altered order", _altered(answer)),
        ("status", answer["status"] + (f": {answer['reason']}" if answer["reason"] and not answer["evidence"] else "")),
        *(("evidence", _evidence(one)) for one in answer["evidence"]),
        ("repository", answer["repository"]),
        ("digest", answer["digest"]),
    ]


def _evidence(one: dict[str, Any]) -> str:
    return f"{one['statement']} ({one['source']}, {one['date'][:10]})"


def _learning_rate(answer: dict[str, Any]) -> str | None:
    rate = answer["learning_rate"]
    return None if rate is None or answer["next_batch"] is None else f"{rate:.4g}"


def _altered(answer: dict[str, Any]) -> str | None:
    start = answer["altered_from_step"]
    return None if start is None else f"from batch {start:,} on, what it saw is not that of {answer['order']}"


def _seen(stop: int) -> str:
    return f"{stop:,} (0 to {stop - 1:,})" if stop else "none"


def _short(sha256: str | None) -> str | None:
    return sha256 and sha256.removeprefix("sha256:")[:16]
