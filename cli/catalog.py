"""Commands that look things up in the catalog: models, checkpoints, steps, batches, sequences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.context import Count, open_catalog
from seenat.cli.output import Output, count, json_option

if TYPE_CHECKING:
    from seenat.registry.entities import Batch, Order
    from seenat.registry.units import SequenceRange

__all__ = ["batch", "checkpoints", "model", "models", "sequence", "step"]

_STATUS = ("ok", "suspect", "wrong", "missing", "unknown")
_PREVIEW = 200
"""Characters of a text, and ids of a sequence, that a person is shown; `--json` and `--out` give all."""


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
    from seenat.registry.answers import models_answer

    with open_catalog() as catalog:
        answer = models_answer(catalog.models(size=size, family=family, order=order))
    out = Output(as_json)
    if out.data(answer):
        return
    if not answer:
        out.talk("No model is like that; `seenat models` lists all.")
    out.table(
        ("model", "family", "order", "parameters", "non-embedding", "checkpoints"),
        (
            (
                row["name"],
                row["family"],
                row["order"],
                count((row["parameters"] or {}).get("total")),
                count((row["parameters"] or {}).get("non_embedding")),
                row["steps"],
            )
            for row in answer
        ),
        left=3,
    )


@click.command()
@click.argument("name", metavar="MODEL")
@json_option
def model(name: str, as_json: bool) -> None:
    """Show everything known of one model.

    \b
    Examples:
      seenat model pythia-1.4b
      seenat model EleutherAI/pythia-70m --json
    """
    from seenat.registry.answers import model_answer

    with open_catalog() as catalog:
        answer = model_answer(catalog.model(name))
    out = Output(as_json)
    if out.data(answer):
        return
    schedule, parameters = answer["schedule"], answer["parameters"] or {}
    out.facts(
        [
            ("model", answer["name"]),
            ("also called", ", ".join(answer["aliases"]) or None),
            ("suite", answer["suite"]),
            ("family", answer["family"]),
            ("size", answer["size"]),
            ("parameters", count(parameters.get("total"))),
            ("non-embedding", count(parameters.get("non_embedding"))),
            ("training order", answer["order"] or "not published"),
            ("steps", f"{schedule['steps']:,} updates of {schedule['sequences_per_batch']:,} sequences"),
            ("checkpoints", _saved(schedule["saved"])),
            ("repository", answer["repository"]),
            ("folder", answer["folder"]),
            *((key.replace("_", " "), value) for key, value in answer["architecture"].items()),
            *((key.replace("_", " "), value) for key, value in answer["hyperparameters"].items()),
        ]
    )


@click.command()
@click.argument("name", metavar="MODEL")
@click.option("--status", type=click.Choice(_STATUS), help="Only checkpoints of this status.")
@json_option
def checkpoints(name: str, status: str | None, as_json: bool) -> None:
    """List a model's checkpoints, what each had seen, and whether it can be trusted.

    \b
    Examples:
      seenat checkpoints pythia-70m
      seenat checkpoints pythia-70m --status unknown --json
    """
    from seenat.registry.answers import checkpoint_answer

    with open_catalog() as catalog:
        found = catalog.model(name).checkpoints
    answer = [checkpoint_answer(one) for one in found if status in (None, one.status)]
    out = Output(as_json)
    if out.data(answer):
        return
    out.table(
        ("revision", "status", "step", "sequences seen", "why"),
        (
            (row["revision"], row["status"], row["step"], f"{row['sequences_seen']['stop']:,}", row["reason"] or "")
            for row in answer
        ),
        left=2,
    )


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
    from seenat.registry.answers import step_answer

    with open_catalog() as catalog:
        found = catalog.model(name)
        checkpoint = found.checkpoint(step_)
        answer = step_answer(found, checkpoint, catalog.checkpoint_files(checkpoint))
    out = Output(as_json)
    if out.data(answer):
        return
    out.facts(
        [
            ("checkpoint", f"{answer['model']} at step {answer['step']:,} ({answer['revision']})"),
            ("has seen", _seen(answer)),
            ("order", answer["order"] or "not published"),
            ("last batch", count(answer["last_batch"])),
            ("next batch", count(answer["next_batch"])),
            ("checkpoint before", count(answer["previous_checkpoint"])),
            ("checkpoint after", count(answer["next_checkpoint"])),
            ("status", answer["status"] + (f": {answer['reason']}" if answer["reason"] else "")),
            ("repository", answer["repository"]),
            ("digest", answer["digest"]),
        ]
    )
    if answer["files"]:
        out.table(
            ("file", "sha256", "bytes"),
            ((file["name"], _short(file["sha256"]), count(file["bytes"])) for file in answer["files"]),
            left=2,
        )


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER")
@click.argument("index", metavar="BATCH", type=Count("batch"))
@click.option("--tokens", is_flag=True, help="Read the ids of its sequences.")
@click.option("--decode", "as_text", is_flag=True, help="Read its sequences as text.")
@click.option("--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write its ids to a .npy file.")
@json_option
def batch(name: str, index: int, tokens: bool, as_text: bool, file: Path | None, as_json: bool) -> None:
    """Show a batch: its sequences, its bytes, and with a model the checkpoints around it.

    Batch b, from 0, turns step b into step b + 1.

    \b
    Examples:
      seenat batch pythia-70m 71490
      seenat batch pocket 0 --decode
      seenat batch pocket 0 --out batch0.npy
    """
    from seenat.registry.answers import batch_answer

    with open_catalog() as catalog:
        order, model_ = catalog.order_or_model(name)
        found = model_.batch(index) if model_ else order.batch(index)
        answer = batch_answer(found, model_)
        if file is not None:
            _write_array(found, file)
            answer["written"] = str(file)
        answer |= _content(order, found.sequences, tokens=tokens, as_text=as_text)
    out = Output(as_json)
    if out.data(answer):
        return
    _show_batch(out, found, answer)


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER")
@click.argument("index", metavar="SEQUENCE", type=Count("sequence"))
@click.option("--tokens", is_flag=True, help="Read its ids.")
@click.option("--decode", "as_text", is_flag=True, help="Read it as text.")
@json_option
def sequence(name: str, index: int, tokens: bool, as_text: bool, as_json: bool) -> None:
    """Show a sequence: its batch, the checkpoints around it, and the trajectories measured so far.

    \b
    Examples:
      seenat sequence pythia-70m 3071999
      seenat sequence pocket-2m 100 --decode
    """
    from seenat.registry.answers import sequence_answer
    from seenat.registry.units import SequenceRange

    with open_catalog() as catalog:
        order, model_ = catalog.order_or_model(name)
        answer = sequence_answer(order, index, model_)
        answer["trajectories"] = _trajectories(catalog, order, index)
        answer |= _content(order, SequenceRange(index, index + 1), tokens=tokens, as_text=as_text)
    out = Output(as_json)
    if out.data(answer):
        return
    out.facts(
        [
            ("sequence", f"{index:,} of {answer['order']}"),
            ("batch", f"{answer['batch']:,}, position {answer['position']:,}"),
            *_around(answer, "first_checkpoint_seen", "last_checkpoint_unseen"),
            *_bytes(answer),
        ]
    )
    _show_trajectories(out, answer["trajectories"])
    _show_content(out, answer, index)


def _saved(saved: list[int]) -> str:
    return (
        f"{len(saved)}: {', '.join(map(str, saved))}"
        if len(saved) < 20
        else f"{len(saved)}, from {saved[0]} to {saved[-1]}"
    )


def _seen(answer: dict[str, Any]) -> str:
    batches, sequences = answer["batches_seen"], answer["sequences_seen"]
    if not sequences["stop"]:
        return "nothing yet"
    tokens = f", {answer['tokens_seen']:,} tokens" if answer["tokens_seen"] is not None else ""
    last = f"batches 0 to {batches['stop'] - 1:,}, sequences 0 to {sequences['stop'] - 1:,}"
    return f"{batches['stop']:,} batches, {sequences['stop']:,} sequences{tokens} ({last})"


def _short(sha256: str | None) -> str | None:
    return sha256 and sha256.removeprefix("sha256:")[:16]


def _write_array(batch_: Batch, file: Path) -> None:
    from io import BytesIO

    import numpy as np

    from seenat.registry.durable import write_durably

    buffer = BytesIO()
    np.save(buffer, batch_.tokens())
    write_durably(file, buffer.getvalue())


def _content(order: Order, sequences: SequenceRange, *, tokens: bool, as_text: bool) -> dict[str, Any]:
    if not tokens and not as_text:
        return {}
    ids = order.source().tokens(sequences)
    found: dict[str, Any] = {"tokens": ids.tolist()} if tokens else {}
    if as_text:
        from seenat.registry.decoding import decode

        found["texts"] = decode(order, ids)
    return found


def _trajectories(catalog: Any, order: Order, index: int) -> list[dict[str, Any]]:
    """Nothing is imported for them where nothing was measured: most look-ups are of such orders."""
    from seenat.registry.measured import has_measurements

    if not has_measurements(catalog, order):
        return []
    from seenat.memorization.results import measured_trajectories

    return [found.to_json() for found in measured_trajectories(catalog, order, index)]


def _show_batch(out: Output, found: Batch, answer: dict[str, Any]) -> None:
    start, stop = answer["sequences"]["start"], answer["sequences"]["stop"]
    out.facts(
        [
            ("batch", f"{found.index:,} of {answer['order']}"),
            ("sequences", f"{start:,} to {stop - 1:,} ({stop - start:,})"),
            *_around(answer, "first_checkpoint_after", "last_checkpoint_before"),
            *_bytes(answer),
            ("written to", answer.get("written")),
        ]
    )
    _show_content(out, answer, start)


def _around(answer: dict[str, Any], after: str, before: str) -> list[tuple[str, object]]:
    if "model" not in answer:
        return []
    return [
        ("model", answer["model"]),
        ("first checkpoint that saw it", "none" if answer[after] is None else f"{answer[after]:,}"),
        ("last that had not", "none" if answer[before] is None else f"{answer[before]:,}"),
    ]


def _bytes(answer: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("bytes" if place == 0 else "", f"{extent['file']} at {extent['offset']:,}, {extent['length']:,} bytes")
        for place, extent in enumerate(answer["bytes"])
    ]


def _show_content(out: Output, answer: dict[str, Any], first: int) -> None:
    for key in ("tokens", "texts"):
        for place, content in enumerate(answer.get(key, ())):
            text = content if key == "texts" else " ".join(map(str, content))
            shown = " ".join(text.split()) if key == "texts" else text
            cut = shown if len(shown) <= _PREVIEW else f"{shown[:_PREVIEW]}..."
            out.line(f"{click.style(str(first + place), fg='cyan')}  {cut}")


def _show_trajectories(out: Output, trajectories: list[dict[str, Any]]) -> None:
    if not trajectories:
        return
    out.table(
        ("model", "memorized after, by", "forgotten at", "checkpoints measured"),
        (
            (
                row["model"],
                _onset_words(row["onset"]),
                ", ".join(map(str, row["forgotten"])) or "never",
                len(row["points"]),
            )
            for row in trajectories
        ),
        left=3,
    )


def _onset_words(onset: dict[str, int | None] | None) -> str:
    if onset is None:
        return "never"
    low = "not measured before" if onset["bracket_low"] is None else onset["bracket_low"]
    return f"{low}, {onset['step']}"
