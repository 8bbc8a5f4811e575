"""Files of results: blocks by each measure, compacted parts, and what an array says of itself.

A file that is read in spite of its damage must hold what was written, or it would be a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.mutator import damage_json
from fuzz.target import Target
from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.results.array import BlockFile, ResultArray
from seenat.memorization.results.files.description import MEASURED, NOT_YET, REPLACED, Description, read_steps
from seenat.memorization.results.shard_codec import encode_shard
from seenat.memorization.results.trajectory_parts import TrajectoryParts
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["TARGETS"]

_BLOCK = 96
_ROWS = ((0, MEASURED), (10, REPLACED), (10, MEASURED), (20, NOT_YET))
_DESCRIPTION = Description(rows=_ROWS, attributes={"model": "mine", "quantities": ["prefix"]})


def _array(folder: Path, measure: str, format_: int = 2) -> ResultArray:
    return ResultArray(
        folder / f"{measure}.zarr",
        sequences=2 * _BLOCK,
        block_sequences=_BLOCK,
        measure=MEASURES[measure],
        format_=format_,
        hashed_up_to=0,
    )


@cache
def _values(measure: str, seed: int) -> Any:
    """Of a block; the second has chunks of nothing but the fill value, and the third is hardly measured."""
    random = np.random.default_rng(seed)
    values = MEASURES[measure].empty(_BLOCK)
    chosen = random.random(_BLOCK) < (0.9, 0.5, 0.02)[seed]
    values[chosen] = random.gamma(3, 5, (chosen.sum(), *MEASURES[measure].axis)).astype(values.dtype)
    return values


def _is_one_of(found: Any, measure: str, part: slice) -> bool:
    nan = measure == "loss"
    return any(np.array_equal(found, _values(measure, seed)[part], equal_nan=nan) for seed in range(3))


def _block_samples(measure: str) -> Callable[[Path], list[bytes]]:
    def samples(folder: Path) -> list[bytes]:
        layout = _array(folder, measure).layout
        return [encode_shard(_values(measure, seed)[None], layout) for seed in range(3)]

    return samples


def _parse_block(measure: str) -> Callable[[bytes, Path], None]:
    def parse(data: bytes, folder: Path) -> None:
        array = _array(folder, measure)
        path = array.folder.joinpath("c", "0", "0", *["0"] * len(array.measure.axis))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        # As a block that was committed with another content of the same length, of which a part is asked for.
        committed = {0: BlockFile(bytes=len(data), digest="sha256:of-what-was-committed")}
        found = array.read_committed([0], 0, (3, _BLOCK - 3), committed)[0]
        assert _is_one_of(found, measure, slice(3, _BLOCK - 3)), "wrong values"

    return parse


_OF_PARTS = [(measure, format_) for measure in ("prefix", "loss") for format_ in (1, 2)]


def _parts(folder: Path, measure: str, format_: int) -> TrajectoryParts:
    return TrajectoryParts(_array(folder, measure, format_), largest_chunk=256)


def _part_samples(folder: Path) -> list[bytes]:
    samples = []
    for measure, format_ in _OF_PARTS:
        parts = _parts(folder / str(format_), measure, format_)
        files = {row: parts.array.write(row, 0, _values(measure, row)) for row in range(3)}
        samples.append(parts.encoded(0, 3, files)[0])
    return samples


@cache
def _committed(measure: str, format_: int) -> dict[int, BlockFile]:
    layout = _array(Path(), measure, format_).layout
    files = {row: encode_shard(_values(measure, row)[None], layout) for row in range(3)}
    return {row: BlockFile(bytes=len(data), digest=sha256_of_bytes(data)) for row, data in files.items()}


def _parse_part(data: bytes, folder: Path) -> None:
    for measure, format_ in _OF_PARTS:
        committed = _committed(measure, format_)
        if any(file.digest.encode() in data for file in committed.values()):
            parts = _parts(folder, measure, format_)
            parts.path(0).parent.mkdir(parents=True, exist_ok=True)
            parts.path(0).write_bytes(data)
            parts.sources(0)
            found = parts.read(0, [0, 1, 2], 5, 9, committed)
            for row in range(3) if found is not None else ():
                written = _values(measure, row)[5:9]
                assert np.array_equal(found[row], written, equal_nan=measure == "loss"), "wrong values"


def _description_samples(folder: Path) -> list[bytes]:
    samples = []
    for format_ in (1, 2):
        array = _array(folder / str(format_), "prefix", format_)
        array.describe(_DESCRIPTION)
        samples.append((array.group / "zarr.json").read_bytes())
    # As older versions wrote it: no step where nothing was measured, and no states.
    return [*samples, b'{"attributes": {"model": "mine", "steps": [0, null, 10, null]}, "node_type": "array"}']


def _parse_description(data: bytes, folder: Path) -> None:
    array = _array(folder, "prefix")
    array.group.mkdir(parents=True, exist_ok=True)
    (array.group / "zarr.json").write_bytes(data)
    steps = read_steps(array.group)
    assert steps is None or all(type(step) is int and step >= 0 for step in steps.values())
    if len(data) % 64 == 0:  # Mending takes ten times as long as reading.
        array.describe(_DESCRIPTION)
        assert array.steps == {0: 0, 2: 10}


TARGETS = [
    Target(name="result-block", samples=_block_samples("prefix"), parse=_parse_block("prefix")),
    Target(name="loss-block", samples=_block_samples("loss"), parse=_parse_block("loss")),
    Target(name="compacted-part", samples=_part_samples, parse=_parse_part),
    Target(name="zarr-json", samples=_description_samples, parse=_parse_description, damage=damage_json),
]
