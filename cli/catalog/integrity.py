"""Commands about the integrity of checkpoints: what the hub lists, what follows from it, whether bytes are those recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import MODEL, MODEL_OR_ORDER, STEP, open_catalog
from seenat.cli.framework.progress import Moment, progress, resumable

if TYPE_CHECKING:
    from seenat import Audit, OrderVerification, SyncAnswer, Verification
    from seenat.registry.integrity.audit import AuditedModel

__all__ = ["audit", "sync", "verify"]

# More steps or names than this are counted instead of listed.
_FEW = 6


@click.command()
@click.argument("names", metavar="[MODEL]...", type=MODEL, nargs=-1)
@json_option
def sync(names: tuple[str, ...], as_json: bool) -> None:
    """Read which revisions the hub has of models, and the digests of their files; no weights are fetched.

    Without a MODEL, all models that have a repository are read. What is known already is not requested again, so the same
    command continues where it was stopped. An audit follows.

    \b
    Examples:
      seenat sync pythia-2.8b
      seenat sync
    """
    out = Output(as_json)
    with open_catalog() as catalog, resumable(), progress() as show:
        answer = catalog.sync(*names, progress=lambda model, done, total: show(_moment(model, done, total)))
    if not out.data(answer):
        _show_sync(out, answer)
        _show_audit(out, answer.audit)
    if answer.unreached is not None:
        raise answer.unreached


@click.command()
@click.argument("names", metavar="[MODEL]...", type=MODEL, nargs=-1)
@json_option
def audit(names: tuple[str, ...], as_json: bool) -> None:
    """Find checkpoints whose files are not what their names say.

    It finds the same weights under two steps or two models, missing revisions, and files whose length does not fit the
    model, from what the catalog knows. Nothing is fetched; `seenat sync` reads what the hub has.

    \b
    Examples:
      seenat audit pythia-2.8b
      seenat audit --json
    """
    out = Output(as_json)
    with open_catalog() as catalog:
        answer = catalog.audit(*names)
    if not out.data(answer):
        _show_audit(out, answer)


@click.command()
@click.argument("name", metavar="MODEL_OR_ORDER", type=MODEL_OR_ORDER)
@click.argument("steps", metavar="[STEP]...", type=STEP, nargs=-1)
@json_option
def verify(name: str, steps: tuple[str, ...], as_json: bool) -> None:
    """Read the files of checkpoints or of an order on this machine, and compare them with the digests in the catalog.

    Without a STEP, all checkpoints of a model on this machine are read: in its folder, or fetched from the hub before. Of an
    order, its token files and their index are read. The exit code is 1 when a file is not what was recorded.

    \b
    Examples:
      seenat verify pocket-2m
      seenat verify pocket-2m 64 step384 --json
      seenat verify pocket-order
    """
    from seenat.registry.errors import CorruptFile

    out = Output(as_json)
    with open_catalog() as catalog, resumable(), progress() as show:
        if not steps and name in {order.name for order in catalog.orders()}:
            moments = partial(Moment, task=name)
            _show_order(
                out, catalog.verify_order(name, progress=lambda done, total: show(moments(done=done, total=total)))
            )
            return
        verifications = catalog.verify(
            name, *steps, progress=lambda done, total: show(Moment(task=name, done=done, total=total))
        )
    if not out.data(verifications):
        _show_verifications(out, verifications)
    bad = [f"step {checked.step}" for checked in verifications if checked.faults]
    if bad:
        raise CorruptFile(
            f"{plural(len(bad), 'checkpoint')} of {verifications[0].model} {'is' if len(bad) == 1 else 'are'} not what was "
            f"recorded: {_few(bad)}; restore the files, or fetch them again."
        )


# -- sync


def _moment(model: str, done: int, total: int) -> Moment:
    return Moment(task="checkpoints listed", done=done, total=total, note=model)


def _show_sync(out: Output, answer: SyncAnswer) -> None:
    for model in answer.models:
        out.line(
            f"{model.model}: {plural(model.listed, 'revision')} in {model.repository}, {count(model.read)} read now."
        )
        if model.changed:
            out.line(f"  Files that have changed: {_steps(model.changed)}.")
        if model.missing:
            out.line(f"  No revision: {_steps(model.missing)}.")
        others = [name for name in model.unknown if name != "main"]
        if others:
            out.line(f"  Revisions that belong to no checkpoint: {_few(others)}.")
    for failure in answer.failures:
        out.talk(f"{failure.model}: {failure.error}")


# -- audit


def _show_audit(out: Output, audited: Audit) -> None:
    rows = [row for model in audited.models for row in _rows(model)]
    notes = sum(finding.status is None for model in audited.models for finding in model.evidence)
    if rows:
        out.table(("<model", "<status", "<steps", "<source", "<evidence"), rows, spare=("source",))
    for statuses, names in _by_statuses(audited).items():
        out.line(f"{_few(names)}: {statuses}.")
    if notes:
        out.talk(
            f"{plural(notes, 'more statement')} that {'is' if notes == 1 else 'are'} against no checkpoint; --json shows all."
        )
    unlisted = [model.model for model in audited.models if model.repository and not model.listed]
    if unlisted:
        out.talk(f"The hub has never been read for {_few(unlisted)}; run `seenat sync {unlisted[0]}`.")


def _rows(model: AuditedModel) -> Iterator[tuple[str, ...]]:
    """A row for each statement against checkpoints, with all steps that it is about."""
    grouped: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for finding in model.evidence:
        if finding.status is not None:
            grouped[finding.status, finding.statement, finding.source].append(finding.step)
    for (status, statement, source), steps in grouped.items():
        yield model.model, status, _steps(steps), source, statement


def _by_statuses(audited: Audit) -> Mapping[str, list[str]]:
    """Models by the statuses of their checkpoints, in words."""
    names: dict[str, list[str]] = defaultdict(list)
    for model in audited.models:
        words = ", ".join(f"{number:,} {status}" for status, number in sorted(model.statuses.items()))
        if model.listed or model.statuses.keys() - {"unknown"}:
            names[words].append(model.model)
    return names


def _steps(steps: Sequence[int]) -> str:
    if len(steps) <= _FEW:
        return ", ".join(map(str, steps))
    return f"{len(steps):,} from {steps[0]} to {steps[-1]}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - _FEW
    return ", ".join([*names[:_FEW], f"{more:,} more"] if more > 0 else names)


# -- verify


def _show_order(out: Output, verified: OrderVerification) -> None:
    from seenat.registry.errors import CorruptFile

    if not out.data(verified) and verified.files:
        out.table(
            ("<file", "<state", ">bytes"), [(file.name, file.state, count(file.bytes)) for file in verified.files]
        )
    if verified.batches:
        out.talk(f"Batches of {verified.order} read again from {verified.location}: {count(verified.batches)}.")
    elif not verified.files:
        out.talk(f"No batch of {verified.order} was read before, so there is nothing to compare.")
    if verified.faults:
        raise CorruptFile(
            f"The order {verified.order} is not what was recorded: {'; '.join(verified.faults)}; restore the files, or "
            "register its suite again with --replace."
        )


def _show_verifications(out: Output, verifications: Sequence[Verification]) -> None:
    out.table(
        (">step", "<verified", ">files", ">parameters", "<what is wrong"),
        (
            (
                count(checked.step),
                "no" if checked.faults else "yes" if checked.is_comparable else "nothing to compare with",
                len(checked.files),
                count(checked.parameters.total) if checked.parameters else None,
                "; ".join(checked.faults),
            )
            for checked in verifications
        ),
    )
    for checked in verifications:
        if checked.unused:
            out.talk(f"Step {checked.step} has weights beside those that are read: {_few(checked.unused)} is not used.")
