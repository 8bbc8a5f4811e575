"""An index that infini-gram's engine reads: each sequence a document. Written from how its own builder lays files out.

    tokenized.N  the ids, little-endian, uint16 or uint32; before each document the largest number of the type as separator
    offset.N     uint64: the byte at which each document begins, its separator included
    table.N      the suffix array of all ids of the file, separators included: a position is the byte of its id, and takes as
                 many bytes, little-endian, as the builder counts: the logarithm of the file's length to 256, rounded up
    metadata.N   a line of JSON a document: its sequence, batch and step
    metaoff.N    uint64: the byte at which each line begins

Suffixes are sorted by the bytes of the file, not by ids: ids compare as big-endian numbers. The engine opens any number of
files N of one folder together, so a long part of an order is cut, and memory is that of one file.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from seenat.attribution.exchange.suffix_array import suffix_array
from seenat.registry.errors import InvalidValue
from seenat.registry.orders.source import Tokens
from seenat.registry.units import SequenceRange

__all__ = ["write_infini_gram"]


def write_infini_gram(
    folder: Path, number: int, rows: Tokens, sequences: SequenceRange, order: str, sequences_per_batch: int
) -> None:
    """Write the files N of a folder from the ids of consecutive sequences, `[sequences, ids]`.

    Raises `InvalidValue` where an id is the separator.
    """
    dtype = np.dtype("<u2") if rows.dtype.itemsize <= 2 else np.dtype("<u4")
    separator = np.iinfo(dtype).max
    if rows.size and (rows.max() >= separator or rows.min() < 0):
        raise InvalidValue(
            f"The sequences {sequences} of {order} hold the id {rows.max()}, and infini-gram's {8 * dtype.itemsize}-bit indexes "
            f"keep {separator} and what is larger as separator; leave out these batches."
        )
    documents = np.full((len(rows), rows.shape[1] + 1), separator, dtype)
    documents[:, 1:] = rows
    documents.tofile(folder / f"tokenized.{number}")
    starts = np.arange(len(rows), dtype="<u8") * documents[:1].nbytes
    starts.tofile(folder / f"offset.{number}")
    _table(documents).tofile(folder / f"table.{number}")
    _metadata(folder, number, sequences, order, sequences_per_batch)


def _table(documents: Tokens) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The suffix array as bytes, `[ids, bytes of a position]`."""
    big_endian = documents.reshape(-1).byteswap().view(f"u{documents.dtype.itemsize}")
    positions = suffix_array(big_endian) * documents.dtype.itemsize
    width = math.ceil(math.log2(documents.nbytes) / 8)
    return np.ascontiguousarray(positions.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width])


def _metadata(folder: Path, number: int, sequences: SequenceRange, order: str, sequences_per_batch: int) -> None:
    lines = []
    for sequence in sequences:
        batch = sequence // sequences_per_batch
        about = {"sequence": sequence, "batch": batch, "step": batch + 1}
        lines.append(json.dumps({"path": order, "linenum": sequence, "metadata": about}).encode() + b"\n")
    (folder / f"metadata.{number}").write_bytes(b"".join(lines))
    starts = np.concatenate([[0], np.cumsum([len(line) for line in lines[:-1]])]).astype("<u8")
    starts.tofile(folder / f"metaoff.{number}")
