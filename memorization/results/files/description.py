"""What the arrays of a measurement say of themselves, in Zarr's words: made, written, read.

By format 2 a folder is a group of three arrays, which `xarray.open_zarr` opens: `values`, `[checkpoint, sequence]` or with
quantities behind, and for every row its `step` and its `state`. By format 1 it is the array of values alone. In both the
attributes of the folder name steps and states too, by words.

A row whose state is *replaced* holds what a content of its checkpoint gave that is no longer there. What cannot be parsed
counts as not described, and is written anew by whoever writes next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from seenat.memorization.protocol.measures import Measure
from seenat.memorization.results.files.layout import zarr_codecs, zarr_part_codecs
from seenat.memorization.results.shard_codec import ShardLayout
from seenat.registry.storage.local import write_atomic
from seenat.registry.storage.regular import make_way, open_regular

__all__ = [
    "MEASURED",
    "METADATA",
    "NOT_YET",
    "REPLACED",
    "VALUES",
    "Description",
    "Files",
    "array_files",
    "group_files",
    "parse_steps",
    "read_steps",
    "write_described",
]

METADATA = "zarr.json"
VALUES = "values"
"""The array of values within a group."""

NOT_YET, MEASURED, REPLACED = "not measured", "measured", "replaced"
_CODES = {NOT_YET: 0, MEASURED: 1, REPLACED: 2}
_DIMENSIONS = ("checkpoint", "sequence", "quantity")
_LARGEST = 1 << 26
"""Bytes of a description that are read at most; 154 rows take 8 KB."""

Files = dict[str, bytes]
"""Contents by path; what describes the folder as a whole comes last."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is said of an array's rows, and of what it holds."""

    rows: tuple[tuple[int, str], ...]
    """Step and state of each."""
    attributes: Mapping[str, Any]

    @property
    def all_attributes(self) -> dict[str, Any]:
        """The attributes with those of the rows."""
        steps, states = [step for step, _ in self.rows], [state for _, state in self.rows]
        return {**self.attributes, "steps": steps, "states": states}


# -- making


def array_files(
    description: Description, measure: Measure, sequences: int, layout: ShardLayout, *, is_part: bool = False
) -> Files:
    """The description of a folder that is the array of values alone, as format 1 has it; of parts where `is_part`."""
    files: dict[str, Buffer] = {}
    settings = _settings(description, measure, sequences, layout, is_part=is_part)
    zarr.create_array(MemoryStore(files), **settings, attributes=description.all_attributes)
    return {METADATA: _sorted_json(json.loads(files[METADATA].to_bytes()))}


def group_files(
    description: Description, measure: Measure, sequences: int, layout: ShardLayout, *, is_part: bool = False
) -> Files:
    """The description of a folder that is a group, with the steps and states of its rows; of parts where `is_part`."""
    files: dict[str, Buffer] = {}
    rows = len(description.rows)
    group = zarr.create_group(MemoryStore(files), zarr_format=3, attributes=description.all_attributes)
    settings = _settings(description, measure, sequences, layout, is_part=is_part)
    group.create_array(VALUES, **settings, attributes={"coordinates": "step state"})
    by_row: dict[str, Any] = {"shape": (rows,), "compressors": None, "dimension_names": _DIMENSIONS[:1]}
    group.create_array("step", dtype="int64", fill_value=-1, **by_row)
    flags: dict[str, Any] = {
        "flag_values": list(_CODES.values()),
        "flag_meanings": " ".join(_CODES).replace("not m", "not_m"),
    }
    group.create_array("state", dtype="uint8", fill_value=_CODES[NOT_YET], attributes=flags, **by_row)
    described = {name: json.loads(data.to_bytes()) for name, data in files.items()}
    whole = described.pop(METADATA)
    members = {name.removesuffix(f"/{METADATA}"): metadata for name, metadata in described.items()}
    # All metadata once more in one place: xarray looks there first, and warns where it has to look for them.
    whole["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": members}
    return {
        **{name: _sorted_json(metadata) for name, metadata in described.items()},
        "step/c/0": np.array([step for step, _ in description.rows], "<i8").tobytes(),
        "state/c/0": bytes(_CODES[state] for _, state in description.rows),
        METADATA: _sorted_json(whole),
    }


def _settings(
    description: Description, measure: Measure, sequences: int, layout: ShardLayout, *, is_part: bool
) -> dict[str, Any]:
    """What Zarr needs to know of the values."""
    shape = (len(description.rows), sequences, *measure.axis)
    codecs = zarr_part_codecs(measure, layout) if is_part else zarr_codecs(measure, 2 if layout.checked else 1)
    return {
        "shape": shape,
        "dtype": measure.dtype,
        "shards": (layout.chunk[0], layout.chunks * layout.chunk[1], *measure.axis),
        "chunks": layout.chunk,
        "fill_value": measure.fill,
        "dimension_names": _DIMENSIONS[: len(shape)],
        **codecs,
    }


def _sorted_json(value: Any) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode()


# -- writing and reading


def write_described(folder: Path, files: Files) -> None:
    """Write those files that say something else or are not there."""
    for name, data in files.items():
        path = folder / name
        if _content(path) != data:
            make_way(path, folder.parent)
            write_atomic(path, data)


def read_steps(folder: Path) -> dict[int, int] | None:
    """The step of each measured row, as a folder describes itself; None where it does not, or not so that one could tell."""
    data = _content(folder / METADATA)
    return None if data is None else parse_steps(data)


def parse_steps(data: bytes) -> dict[int, int] | None:
    """As `read_steps`, of the bytes of a description."""
    try:
        attributes = json.loads(data)["attributes"]
        steps = attributes["steps"]
        # Before there were states, rows that were not measured, or replaced, had no step.
        states = attributes.get("states") or [NOT_YET if step is None else MEASURED for step in steps]
        measured = [(row, step) for row, (step, state) in _rows(steps, states) if state == MEASURED]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return dict(measured) if all(type(step) is int and step >= 0 for _, step in measured) else None


def _rows(steps: Any, states: Any) -> Iterator[tuple[int, tuple[Any, Any]]]:
    if not (isinstance(steps, list) and isinstance(states, list) and set(states) <= _CODES.keys()):
        raise ValueError("steps and states are no lists")
    return enumerate(zip(steps, states, strict=True))


def _content(path: Path) -> bytes | None:
    """What a file holds; None where there is none, or one that is no description or cannot be read."""
    try:
        with open_regular(path) as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        return None
    return data if len(data) <= _LARGEST else None
