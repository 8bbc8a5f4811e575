"""Files of other attribution tools: bergson's scores, and tokengrams' table of positions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fuzz.mutator import damage_json
from fuzz.target import Target
from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.attribution.exchange.bergson import read_scores, write_scores
from seenat.attribution.exchange.export import export_index
from seenat.attribution.exchange.tokengrams import open_tokengrams
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.geometry import Geometry

__all__ = ["TARGETS"]

_ROWS = np.random.default_rng(0).integers(0, 4, (6, 8)).astype("<u2")


def _scores_samples(folder: Path) -> list[bytes]:
    write_scores(folder / "one", np.arange(6.0))
    write_scores(folder / "three", np.arange(18.0).reshape(6, 3))
    tokens = json.dumps(
        {"attribute_tokens": True, "total_tokens": 9, "num_items": 3, "num_scores": 1, "dtype": "float32"}
    )
    return [*((folder / name / "info.json").read_bytes() for name in ("one", "three")), tokens.encode()]


def _parse_scores(data: bytes, folder: Path) -> None:
    (folder / "scores.bin").write_bytes(bytes(48))
    (folder / "info.json").write_bytes(data)
    scores = read_scores(folder)
    for query in range(scores.queries):
        assert len(scores.scores(query)) == scores.items


def _order(folder: Path) -> ComparedOrder:
    path = folder / "ids.bin"
    _ROWS.tofile(path)
    source = FlatOrder(Geometry(sequences=6, tokens_per_sequence=8, dtype="uint16"), [Extent(path, 0, _ROWS.nbytes)])
    return ComparedOrder(name="order", source=source, sequences=source.geometry.all_sequences, sequences_per_batch=2)


def _table_samples(folder: Path) -> list[bytes]:
    export_index(_order(folder), folder / "index", "tokengrams")
    return [(folder / "index" / "table.0.idx").read_bytes()]


def _parse_table(data: bytes, folder: Path) -> None:
    """Whatever the table says, what is found is there."""
    (folder / "table.idx").write_bytes(data)
    index = open_tokengrams(_order(folder), folder / "ids.bin", folder / "table.idx")
    for ids in ([1], [2, 3], [0, 1, 2]):
        for place in index.positions(ids):
            found = _ROWS[place.sequence, place.offset : place.offset + len(ids)]
            assert found.tolist() == ids, "wrong place"


TARGETS = [
    Target(name="bergson-scores", samples=_scores_samples, parse=_parse_scores, damage=damage_json),
    Target(name="tokengrams-table", samples=_table_samples, parse=_parse_table),
]
