"""Bytes of a measurement: checkpoints to fetch, ids to read, results to keep.

The bytes of a checkpoint are those of its recorded files, which `seenat sync` or `seenat register` brought; else they follow from
its parameters, two bytes each (four where the suite says that they are float32), and where a claim counts the elements of its
files, a byte for each that is no parameter: Pythia's files hold the masks of attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from seenat.memorization.estimate.work import Work
from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.catalog.queries import checkpoint_file_rows
from seenat.registry.checkpoints.files import CONFIG, FileRecord
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.suites.claims import claims_of

__all__ = ["Volumes", "volumes_of"]

# Bytes a value, files by checkpoint and once more by trajectory, as docs/benchmarks.md has them.
_DECODED = 0.364 + 0.365
_LOSS = 2 * 4 * 2.9
_A_PARAMETER = {"fp32": 4, "float32": 4}
_HUB_ELEMENTS = "hub_elements"


@dataclass(frozen=True, kw_only=True)
class Volumes(Answer):
    """Bytes; None where a size is not known."""

    checkpoints: int | None
    """Of all of them."""
    largest: int | None
    recorded: int
    """How many checkpoints have recorded files; the others' sizes follow from their parameters."""
    order: int
    """Of the sequences that are read, whole."""
    columns: int
    """Of their windows alone, which are kept."""
    results: int
    fetched: int | None
    """Most that come from hubs: checkpoints and ids, as far as they are there and not in a cache."""

    json_names = ("checkpoints", "largest", "recorded", "order", "columns", "results", "fetched")


def volumes_of(catalog: Catalog, model: Model, work: Work) -> Volumes:
    """The bytes that some work moves and keeps."""
    recorded = _recorded(catalog, model, work.steps)
    assumed = _by_parameters(catalog, model) if len(recorded) < len(work.steps) else None
    sizes = [recorded.get(step, assumed) for step in work.steps]
    known = [size for size in sizes if size is not None]
    geometry, window = model.order.geometry, work.protocols[0].window
    length = max(one.window[1] for one in work.protocols) - window[0]
    a_value = _DECODED if work.protocols[0].value_type.decodes else _LOSS
    is_known, order = len(known) == len(sizes), work.sequences * geometry.sequence_bytes
    weights = 0 if model.repository is None else sum(known)
    return Volumes(
        checkpoints=sum(known) if is_known else None,
        largest=max(known, default=None) if is_known else None,
        recorded=len(recorded),
        order=order,
        columns=work.sequences * length * geometry.id_bytes,
        results=round(work.values * a_value),
        fetched=weights + (0 if model.order.is_local else order) if is_known or model.repository is None else None,
    )


def _recorded(catalog: Catalog, model: Model, steps: Sequence[int]) -> dict[int, int]:
    """By step: the bytes of weights and configuration, of the checkpoints whose files are recorded."""
    with catalog.database.read() as connection:
        files = checkpoint_file_rows(connection, checkpoints.c.model_id == model.id)
    by_step = {step: _weights(files.get(model.checkpoint(step).id, [])) for step in steps}
    return {step: size for step, size in by_step.items() if size}


def _weights(files: Sequence[FileRecord]) -> int:
    """Bytes of the files that are loaded: safetensors where there are any, else pickles; and the configuration."""
    tensors = [file for file in files if PurePath(file.name).suffix == ".safetensors"]
    pickles = [file for file in files if PurePath(file.name).suffix == ".bin"]
    weights = sum(file.bytes for file in tensors or pickles)
    return weights + sum(file.bytes for file in files if file.name == CONFIG) if weights else 0


def _by_parameters(catalog: Catalog, model: Model) -> int | None:
    if model.parameters is None:
        return None
    precision = str(model.hyperparameters.get("precision", ""))
    stored = model.parameters.total * _A_PARAMETER.get(precision, 2)
    with catalog.database.read() as connection:
        elements = [claim.value for claim in claims_of(connection, "model", model.name) if claim.field == _HUB_ELEMENTS]
    return stored + (int(elements[0]) - model.parameters.total if elements else 0)
