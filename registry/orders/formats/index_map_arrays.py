"""GPT-NeoX index maps: which ids of which documents make up each sequence of a run.

Before it trains, GPT-NeoX walks over tokenized documents and writes three arrays (`megatron/data/gpt2_dataset.py`, the same
in v1.0, at the commit that Pythia was trained with, and today for packed data):

    doc_idx      [D]          documents in the order in which they are joined end to end, once for each epoch
    sample_idx   [n + 1, 2]   where sample j begins in that text: a place in doc_idx, and an offset within that document
    shuffle_idx  [n]          the sample that sequence i of the run is

Sample j is the T ids from its own beginning to the beginning of sample j + 1, that id included; so it begins at id
j * (T - 1) of the joined text. Nothing is put between documents but what they hold. Everything here is memory-mapped: the
maps of one Pythia seed are 2.8 GB, for n = 162,165,686 samples of 210,604,984 documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.orders.formats.megatron_idx import IndexHeader, read_header
from seenat.registry.orders.formats.npy_header import check_length, read_npy_header
from seenat.registry.orders.order_files import INDEX_MAP, MAPS, OrderFiles

__all__ = ["Fragments", "IndexMaps", "load_index_maps"]

# Documents of the samples of one request. More would be a damaged map, for which all memory would be allocated: the thousand
# samples that are read together have some 2,500 in the Pile.
_MOST_DOCUMENTS = 1 << 22

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fragments:
    """The runs of ids that make up several samples, sample after sample, in the order in which they are joined."""

    rows: _Numbers
    """The sample of each fragment, from 0."""
    starts: _Numbers
    """Its first position within its sample."""
    sources: _Numbers
    """Its first id, counted over all token files."""
    lengths: _Numbers
    """How many ids; 0 for an empty document."""


@dataclass(frozen=True)
class IndexMaps:
    """The documents' index and the three arrays, memory-mapped when they are first read."""

    header: IndexHeader
    doc_idx_file: Path
    sample_idx_file: Path
    shuffle_idx_file: Path

    @cached_property
    def doc_idx(self) -> npt.NDArray[Any]:
        """`[D]`: documents in the order in which they are joined."""
        return _load(self.doc_idx_file, 1)

    @cached_property
    def sample_idx(self) -> npt.NDArray[Any]:
        """`[n + 1, 2]`: place in `doc_idx` and offset of each sample's first id."""
        return _load(self.sample_idx_file, 2)

    @cached_property
    def shuffle_idx(self) -> npt.NDArray[Any]:
        """`[n]`: the sample of each sequence."""
        return _load(self.shuffle_idx_file, 1)

    @cached_property
    def sizes(self) -> npt.NDArray[np.int32]:
        """Ids of each document."""
        return np.memmap(self.header.file, "<i4", "r", self.header.sizes_at, (self.header.sequences,))

    @cached_property
    def pointers(self) -> _Numbers:
        """First byte of each document, counted over all token files."""
        return np.memmap(self.header.file, "<i8", "r", self.header.pointers_at, (self.header.sequences,))

    def __reduce__(self) -> tuple[Any, ...]:
        return IndexMaps, (self.header, self.doc_idx_file, self.sample_idx_file, self.shuffle_idx_file)

    @property
    def samples(self) -> int:
        """n: how many samples there are."""
        return len(self.shuffle_idx)

    def fragments(self, samples: _Numbers, length: int | None = None) -> Fragments:
        """The fragments of these samples, each of `length` ids.

        Raises `CorruptFile` where the maps lead out of the documents, or to a sample of another length.
        """
        # One fragment for each document between a sample's first and last place; `heads` and `tails` are the positions of
        # a sample's first and last fragment. All others are whole documents.
        first, last = self._at(samples), self._at(samples + 1)
        counts = last[:, 0] - first[:, 0] + 1
        self._check_places(samples, first[:, 0], last[:, 0])
        rows = np.repeat(np.arange(len(samples)), counts)
        tails = np.cumsum(counts) - 1
        heads = tails - counts + 1
        documents = self._documents(first[rows, 0] + np.arange(len(rows)) - heads[rows])
        sizes = self.sizes[documents].astype(np.int64)
        begins, ends = np.zeros(len(rows), np.int64), sizes.copy()
        begins[heads], ends[tails] = first[:, 1], last[:, 1] + 1
        self._check_offsets(samples[rows], begins, ends, sizes)
        lengths = ends - begins
        joined = np.cumsum(lengths) - lengths
        starts = joined - joined[heads][rows]
        if length is not None:
            self._check_lengths(samples, starts[tails] + lengths[tails], length)
        return Fragments(rows, starts, self.pointers[documents] // self.header.id_bytes + begins, lengths)

    def no_document(self, place: int, document: int) -> CorruptFile:
        """The error for an entry of `doc_idx` that is no document."""
        return CorruptFile(
            f"{self.doc_idx_file}: entry {place} is document {document}, and {self.header.file} has documents 0 to "
            f"{self.header.sequences - 1}; the map belongs to other documents, or download it again."
        )

    def _at(self, samples: _Numbers) -> _Numbers:
        return np.asarray(self.sample_idx[samples], np.int64)

    def _documents(self, places: _Numbers) -> _Numbers:
        documents = np.asarray(self.doc_idx[places], np.int64)
        wrong = np.flatnonzero((documents < 0) | (documents >= self.header.sequences))
        if wrong.size:
            raise self.no_document(int(places[wrong[0]]), int(documents[wrong[0]]))
        return documents

    def _check_places(self, samples: _Numbers, first: _Numbers, last: _Numbers) -> None:
        counts = last - first + 1
        wrong = np.flatnonzero((counts < 1) | (counts > _MOST_DOCUMENTS) | (first < 0) | (last >= len(self.doc_idx)))
        if wrong.size or counts.sum() > _MOST_DOCUMENTS:
            row = int(wrong[0] if wrong.size else counts.argmax())
            reach = (
                f"goes from place {first[row]} to place {last[row]} of the {len(self.doc_idx)} in {self.doc_idx_file}"
            )
            raise self._wrong_sample(int(samples[row]), reach)

    def _check_offsets(self, samples: _Numbers, begins: _Numbers, ends: _Numbers, sizes: _Numbers) -> None:
        wrong = np.flatnonzero((begins < 0) | (ends < begins) | (ends > sizes))
        if wrong.size:
            row = int(wrong[0])
            reach = f"takes the ids {begins[row]}:{ends[row]} of a document that has {sizes[row]}"
            raise self._wrong_sample(int(samples[row]), reach)

    def _check_lengths(self, samples: _Numbers, lengths: _Numbers, due: int) -> None:
        wrong = np.flatnonzero(lengths != due)
        if wrong.size:
            row = int(wrong[0])
            raise self._wrong_sample(int(samples[row]), f"has {lengths[row]} ids, where each has {due}")

    def _wrong_sample(self, sample: int, what: str) -> CorruptFile:
        return CorruptFile(
            f"{self.sample_idx_file}: sample {sample} {what}; the map belongs to other documents than {self.header.file}, "
            "or download it again."
        )


def load_index_maps(order: OrderFiles) -> IndexMaps:
    """The maps of an order, after a check that their shapes fit each other.

    Raises `InvalidValue` where a map is not given, `CorruptFile` for other files, or arrays of different runs.
    """
    if order.index is None or order.doc_idx is None or order.sample_idx is None or order.shuffle_idx is None:
        raise InvalidValue(
            f"Order {order.name!r}: the format {INDEX_MAP} needs index, {', '.join(MAPS)}; give all four."
        )
    maps = IndexMaps(read_header(order.index), order.doc_idx, order.sample_idx, order.shuffle_idx)
    if len(maps.sample_idx) != maps.samples + 1 or maps.sample_idx.shape[1] != 2:
        rows, columns = maps.sample_idx.shape
        raise CorruptFile(
            f"{order.sample_idx}: its shape is {rows} x {columns}, and {maps.samples + 1} x 2 is due for the "
            f"{maps.samples} entries of {order.shuffle_idx}; give the maps of one run."
        )
    return maps


def _load(path: Path, dimensions: int) -> npt.NDArray[Any]:
    header = read_npy_header(path)
    if len(header.shape) != dimensions or header.dtype.kind not in "iu" or 0 in header.shape:
        raise CorruptFile(
            f"{path}: a map has {dimensions} dimensions of whole numbers, and this is {header.dtype} {header.shape}; "
            "replace it."
        )
    check_length(header)
    try:
        return np.memmap(path, header.dtype, "r", header.offset, header.shape, "F" if header.fortran_order else "C")
    except (OSError, ValueError) as error:
        raise CorruptFile(f"{path}: it cannot be mapped: {error}; restore it, or make it readable.") from error
