"""What differs between two statements of the same suite, in sentences for the person who made the change.

A statement of nothing (None, an `unknown` status, no architecture) differs from nothing: the catalog may know more than
its suite says. Only in the fields of `STATED_BY_NONE` is None itself a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from seenat.registry.catalog.models import AliasSpec
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.schedule import Schedule

__all__ = ["STATED_BY_NONE", "diff_suites"]

STATED_BY_NONE = frozenset({"eos_id", "folder", "order", "repository"})
"""Where None says that there is none: no id ends a document, the order is not published, checkpoints are elsewhere."""
_NOT_COMPARED = {
    "name",
    "files",
    "checkpoints",
    "batches",
    "schedule",
    "modified_ns",
    "changed_ns",
    "inode",
    "step",
    "saved",
    "origin",
}


def diff_suites(stored: SuiteSpec, stated: SuiteSpec) -> tuple[str, ...]:
    """A sentence for everything that `stated` says otherwise than `stored`; additions are not differences."""
    return tuple(_suite(stored, stated))


def _suite(stored: SuiteSpec, stated: SuiteSpec) -> Iterator[str]:
    if stored.origin != stated.origin:
        yield f"suite {stated.name}: registered from {stored.origin} before, now from {stated.origin}"
    yield from _change(f"suite {stated.name}: provenance", stored.provenance, stated.provenance)
    stated_orders = {order.name: order for order in stated.orders}
    for order in stored.orders:
        if order.name in stated_orders:
            yield from _order(order, stated_orders[order.name])
    stated_models = {model.name: model for model in stated.models}
    for model in stored.models:
        if model.name in stated_models:
            yield from _model(model, stated_models[model.name])


def _order(stored: OrderSpec, stated: OrderSpec) -> Iterator[str]:
    where = f"order {stated.name}"
    yield from _fields(where, stored, stated)
    yield from _files(where, stored.files, stated.files)


def _model(stored: ModelSpec, stated: ModelSpec) -> Iterator[str]:
    where = f"model {stated.name}"
    yield from _fields(where, stored, stated)
    yield from _fields(where, stored.schedule, stated.schedule)
    stated_checkpoints = {checkpoint.step: checkpoint for checkpoint in stated.checkpoints}
    for checkpoint in stored.checkpoints:
        if checkpoint.step in stated_checkpoints:
            yield from _checkpoint(f"{where}, step {checkpoint.step}", checkpoint, stated_checkpoints[checkpoint.step])
        elif checkpoint.status != "missing":
            yield f"{where}: step {checkpoint.step} is no longer in it"


def _checkpoint(where: str, stored: CheckpointSpec, stated: CheckpointSpec) -> Iterator[str]:
    if stated.status not in ("unknown", "ok", stored.status):  # Files that are ok to read may be the wrong ones.
        yield f"{where}: status {stored.status} -> {stated.status}"
    if stored.files and stated.files:
        yield from _files(where, stored.files, stated.files)


def _files(where: str, stored: tuple[FileRecord, ...], stated: tuple[FileRecord, ...]) -> Iterator[str]:
    before = {file.name: file for file in stored}
    after = {file.name: file for file in stated}
    yield from (f"{where}: the file {name} is gone" for name in before if name not in after)
    yield from (f"{where}: the file {name} is new" for name in after if name not in before)
    if before.keys() == after.keys() and list(before) != list(after):
        yield f"{where}: its files follow one another as {', '.join(before)} -> {', '.join(after)}"
    for name, file in before.items():
        if name in after:
            yield from _fields(f"{where}: {name}", file, after[name])


def _fields(
    where: str,
    stored: OrderSpec | ModelSpec | Schedule | FileRecord,
    stated: OrderSpec | ModelSpec | Schedule | FileRecord,
) -> Iterator[str]:
    for field in fields(stored):
        before, after = getattr(stored, field.name), getattr(stated, field.name)
        if field.name in _NOT_COMPARED or (field.name == "architecture" and not after):
            continue
        if field.name == "aliases":
            before, after = _in_words(before), _in_words(after)
        if field.name in STATED_BY_NONE or (before is not None and after is not None):
            yield from _change(f"{where}: {field.name}", before, after)


def _in_words(aliases: Iterable[AliasSpec]) -> str:
    """Aliases in the order of their names, each with all that is said of it."""
    words = (
        (
            alias.name,
            alias.valid_from and f"from {alias.valid_from}",
            alias.valid_until and f"until {alias.valid_until}",
            alias.note and f"({alias.note})",
        )
        for alias in sorted(aliases, key=lambda alias: alias.name)
    )
    return ", ".join(" ".join(filter(None, parts)) for parts in words) or "none"


def _change(what: str, before: Any, after: Any) -> Iterator[str]:
    if is_dataclass(before) and is_dataclass(after):
        for field in fields(before):
            yield from _change(f"{what}.{field.name}", getattr(before, field.name), getattr(after, field.name, None))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from _change(f"{what}.{key}", before.get(key), after.get(key))
    elif before != after:
        yield f"{what} {_short(before)} -> {_short(after)}"


def _short(value: Any) -> str:
    if isinstance(value, str) and value.startswith("sha256:"):
        return value[: len("sha256:") + 12]
    return "none" if value is None else str(value)
