"""Commands about the truth of checkpoints: what the hub lists, what that tells, and whether bytes are those recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, count, json_option, plural
from seenat.cli.framework.params import open_catalog
from seenat.cli.framework.progress import Moment, progress, resumable

if TYPE_CHECKING:
    from seenat.registry.catalog.catalog import Catalog
    from seenat.registry.catalog.models import Checkpoint, Model
    from seenat.registry.integrity.audit import Audit
    from seenat.registry.integrity.sync import Sync
    from seenat.registry.integrity.verify import Verification

__all__ = ["audit", "sync", "verify"]

_FEW = 6
"""Steps or names; so many are listed one by one."""


@click.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@json_option
def sync(names: tuple[str, ...], as_json: bool) -> None:
    """Read which revisions the hub has of models, and the digests of their files; no weights are fetched.

    Without a MODEL, all models that have a repository are read. What is known already is not asked for again, so the same
    command goes on where it was stopped. An audit follows.

    \b
    Examples:
      seenat sync pythia-2.8b
      seenat sync
    """
    from seenat.memorization.results.refresh import refresh_stale_onsets
    from seenat.registry.integrity.audit import audit as run_audit
    from seenat.registry.integrity.sync import sync_models

    out = Output(as_json)
    with open_catalog() as catalog:
        chosen = _models(catalog, names) if names else [one for one in catalog.models() if one.repository]
        with resumable(), progress() as show:
            done = sync_models(catalog, chosen, lambda model, so_far, total: show(_synced(model, so_far, total)))
        refresh_stale_onsets(catalog)
        audited = run_audit(catalog, {one.model for one in done.models})
    if not out.data(_sync_answer(done, audited)):
        _show_sync(out, done)
        _show_audit(out, audited)
    if done.unreached is not None:
        raise done.unreached


@click.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@json_option
def audit(names: tuple[str, ...], as_json: bool) -> None:
    """Tell which checkpoints are not what their names say, by all that the catalog knows of their files.

    It finds weights that lie under two steps or two models, revisions that are missing, and files whose length does not fit
    the model. Nothing is fetched; `seenat sync` reads what the hub has.

    \b
    Examples:
      seenat audit pythia-2.8b
      seenat audit --json
    """
    from seenat.registry.integrity.audit import audit as run_audit

    out = Output(as_json)
    with open_catalog() as catalog:
        chosen = {model.name for model in _models(catalog, names)} if names else None
        audited = run_audit(catalog, chosen)
    if not out.data(audited.to_json()):
        _show_audit(out, audited)


@click.command()
@click.argument("name", metavar="MODEL")
@click.argument("steps", metavar="[STEP]...", nargs=-1)
@json_option
def verify(name: str, steps: tuple[str, ...], as_json: bool) -> None:
    """Read the files of checkpoints that are on this machine, and compare them with the digests of the catalog.

    Without a STEP, all that are here are read: in the model's folder, or fetched from the hub before. Exit code 1 when one
    is not what was recorded.

    \b
    Examples:
      seenat verify pocket-2m
      seenat verify pocket-2m 64 step384 --json
    """
    from seenat.memorization.results.refresh import refresh_stale_onsets
    from seenat.registry.errors import CorruptFile

    out = Output(as_json)
    with open_catalog() as catalog:
        model = catalog.model(name)
        with resumable(), progress() as show:
            found = [_verified(catalog, model, one, place, total, show) for place, total, one in _chosen(model, steps)]
        refresh_stale_onsets(catalog)
    if not out.data([one.to_json() for one in found]):
        _show_verifications(out, found)
    bad = [f"step {one.step}" for one in found if one.faults]
    if bad:
        raise CorruptFile(
            f"{plural(len(bad), 'checkpoint')} of {model.name} {'is' if len(bad) == 1 else 'are'} not what was recorded: "
            f"{_few(bad)}; restore the files, or fetch them again."
        )


def _models(catalog: Catalog, names: Iterable[str]) -> list[Model]:
    return list({model.name: model for model in map(catalog.model, names)}.values())


# -- sync


def _synced(model: str, done: int, total: int) -> Moment:
    return Moment(task="checkpoints listed", done=done, total=total, note=model)


def _sync_answer(done: Sync, audited: Audit) -> dict[str, Any]:
    return {
        "models": [one.to_json() for one in done.models],
        "failures": [one.to_json() for one in done.failures],
        "audit": audited.to_json(),
    }


def _show_sync(out: Output, done: Sync) -> None:
    for one in done.models:
        out.line(f"{one.model}: {plural(one.listed, 'revision')} in {one.repository}, {count(one.read)} read now.")
        if one.changed:
            out.line(f"  Other files than before: {_steps(one.changed)}.")
        if one.missing:
            out.line(f"  No revision: {_steps(one.missing)}.")
        others = [name for name in one.unknown if name != "main"]
        if others:
            out.line(f"  Revisions that are no checkpoint's, and left alone: {_few(others)}.")
    for failure in done.failures:
        out.talk(f"{failure.model}: {failure.error}")


# -- audit


def _show_audit(out: Output, audited: Audit) -> None:
    rows = [row for model in audited.models for row in _rows(model.model, model.evidence)]
    notes = sum(piece.status is None for model in audited.models for piece in model.evidence)
    if rows:
        out.table(("<model", "<status", "<steps", "<source", "<evidence"), rows, spare=("source",))
    for statuses, names in _by_statuses(audited).items():
        out.line(f"{_few(names)}: {statuses}.")
    if notes:
        out.talk(
            f"{plural(notes, 'statement')} more, which {'is' if notes == 1 else 'are'} against no checkpoint: --json shows all."
        )
    unlisted = [model.model for model in audited.models if model.repository and not model.listed]
    if unlisted:
        out.talk(f"The hub was never asked for {_few(unlisted)}; seenat sync {unlisted[0]} does.")


def _rows(model: str, evidence: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    """A row for each statement against checkpoints, with all the steps that it is about."""
    grouped: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for piece in evidence:
        if piece.status is not None:
            grouped[piece.status, piece.statement, piece.source].append(piece.step)
    for (status, statement, source), steps in grouped.items():
        yield model, status, _steps(steps), source, statement


def _by_statuses(audited: Audit) -> Mapping[str, list[str]]:
    """Models by what their checkpoints are, in words."""
    found: dict[str, list[str]] = defaultdict(list)
    for model in audited.models:
        words = ", ".join(f"{number:,} {status}" for status, number in sorted(model.statuses.items()))
        if model.listed or model.statuses.keys() - {"unknown"}:
            found[words].append(model.model)
    return found


def _steps(steps: Sequence[int]) -> str:
    if len(steps) <= _FEW:
        return ", ".join(map(str, steps))
    return f"{len(steps):,} from {steps[0]} to {steps[-1]}"


def _few(names: Sequence[str]) -> str:
    more = len(names) - _FEW
    return ", ".join([*names[:_FEW], f"{more:,} more"] if more > 0 else names)


# -- verify


def _chosen(model: Model, steps: tuple[str, ...]) -> Iterator[tuple[int, int, Checkpoint]]:
    """The checkpoints to read, each after its place among them and their number."""
    from seenat.registry.errors import UnknownCheckpoint
    from seenat.registry.integrity.verify import local_folder

    chosen = (
        [model.checkpoint(step) for step in steps]
        if steps
        else [one for one in model.checkpoints if local_folder(model, one) is not None]
    )
    if not chosen:
        raise UnknownCheckpoint(
            f"No checkpoint of {model.name} is on this machine; a job fetches what it measures: seenat memorize {model.name}."
        )
    for place, one in enumerate(chosen):
        yield place, len(chosen), one


def _verified(
    catalog: Catalog, model: Model, checkpoint: Checkpoint, place: int, total: int, show: Any
) -> Verification:
    from seenat.registry.integrity.verify import verify_checkpoint

    show(Moment(task=model.name, done=place, total=total, note=f"step {checkpoint.step:,}"))
    return verify_checkpoint(catalog, model, checkpoint)


def _show_verifications(out: Output, found: Sequence[Verification]) -> None:
    out.table(
        (">step", "<verified", ">files", ">parameters", "<what is wrong"),
        (
            (
                count(one.step),
                "no" if one.faults else "yes" if one.is_comparable else "nothing to compare with",
                len(one.files),
                count(one.parameters.total) if one.parameters else None,
                "; ".join(one.faults),
            )
            for one in found
        ),
    )
