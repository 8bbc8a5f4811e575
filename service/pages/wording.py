"""The same question asked elsewhere: as a command of `seenat`, as Python, as an address for curl."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seenat.remote.parameters import write_value
from seenat.service.pages.asking import Source

__all__ = ["Worded", "worded"]

# The command of each method, and the parameters that stand in it without an option; all models stand so.
_COMMANDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "models": ("models", ()),
    "describe": ("model", ("model",)),
    "checkpoints": ("checkpoints", ("model", "models")),
    "step": ("step", ("model", "step")),
    "batch": ("batch", ("model", "order", "batch")),
    "sequence": ("sequence", ("model", "order", "sequence")),
    "evaluations": ("evals", ("model",)),
    "jobs": ("jobs", ()),
    "job": ("job", ("job",)),
    "onsets": ("onset", ("model",)),
    "trajectory": ("trajectory", ("model", "sequence")),
    "trajectories": ("trajectories", ("model", "batch")),
    "passages": ("passages", ("model", "sequences")),
    "why": ("why", ("model", "step", "sequence")),
    "which.first": ("which first", ("model",)),
    "which.kept": ("which kept", ("model",)),
    "which.relearned": ("which relearned", ("model",)),
    "which.changed": ("which changed", ("model",)),
    "which.batches": ("which batches", ("model",)),
    "compare": ("compare", ("model",)),
    "exposures": ("exposures", ("model",)),
    "find": ("find", ("text",)),
    "index.status": ("index status", ("order",)),
    "studies.onsets": ("study onsets", ("models",)),
    "studies.forgetting": ("study forgetting", ("models",)),
    "studies.exposures": ("study exposures", ("models",)),
    "studies.batches": ("study batches", ("model",)),
    "studies.predict": ("study predict", ("model",)),
    "studies.sets": ("study sets", ("model",)),
    "studies.counterfactual": ("study counterfactual", ("models",)),
    "studies.labels": ("study labels", ("model",)),
    "duplicates": ("duplicates", ("order",)),
}
_OPTIONS = {
    "tokens_seen": "--tokens",
    "statuses": "--status",
    "not_statuses": "--not-status",
    "measured_step": "--step",
    "slice_sequences": "--slice",
    "others": "--from",
}


@dataclass(frozen=True)
class Worded:
    """A question in every form in which it can be asked."""

    command: str | None
    """None where no command asks it."""
    python: str
    """An expression of `catalog`, which `seenat.open()` or `seenat.connect(url)` gives."""
    curl: str
    json: str
    """The address of the answer."""
    csv: str | None
    """The address of its rows; None where the answer has none."""
    rows: str | None
    """How many rows those are, in words."""


def worded(source: Source, base: str) -> Worded:
    """A question of a page; `base` is the address of the service."""
    is_list = bool(source.rows)
    return Worded(
        command=_command(source),
        python=_python(source),
        curl=f"curl {shlex.quote(base + source.address)}",
        json=source.as_form("json"),
        csv=source.as_form("csv") if is_list else None,
        rows=_rows(source) if is_list else None,
    )


def _command(source: Source) -> str | None:
    if source.route.method not in _COMMANDS:
        return None
    words, bare = _COMMANDS[source.route.method]
    parts, options = words.split(), ["--json"]
    for key in sorted(source.values, key=lambda key: bare.index(key) if key in bare else len(bare)):
        entries = source.values[key] if source.route.parameters[key].many else [source.values[key]]
        for entry in [entries] if isinstance(entries, str) else entries:
            if key in bare:
                parts.append(write_value(entry))
            else:
                options = [*_option(key, entry), *options]
    # What begins with a dash would be taken for an option.
    guarded = [*parts[: len(words.split())], *options, *_guarded(parts[len(words.split()) :])]
    return shlex.join(["seenat", *guarded])


def _guarded(arguments: list[str]) -> list[str]:
    return ["--", *arguments] if any(entry.startswith("-") for entry in arguments) else arguments


def _option(key: str, value: Any) -> list[str]:
    name = _OPTIONS.get(key, f"--{key.replace('_', '-')}")
    if isinstance(value, bool):
        return [name] if value else []
    return [name, write_value(value)]


def _python(source: Source) -> str:
    positional, named = source.route.arguments(source.values)
    arguments = [*map(repr, positional), *(f"{name}={value!r}" for name, value in named.items())]
    return f"catalog.{source.route.method}({', '.join(arguments)})"


def _rows(source: Source) -> str:
    if not source.is_whole:
        return "all rows"
    return "1 row" if source.rows == 1 else f"all {source.rows:,} rows"
