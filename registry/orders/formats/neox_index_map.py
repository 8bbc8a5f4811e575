"""The reader of orders that GPT-NeoX index maps describe.

Sequence i is sample `shuffle_idx[i]`, T ids out of one or several documents (see `index_map_arrays`). A run that stops before
the end of its map states its own number of sequences: Pythia's runs consumed 146,432,000 of 162,165,686.

Opening reads the ends of all files, 64 samples and some thousand entries; `index_map_checks.check_index_maps` reads all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.agreement import GeometryClaim, agree, described
from seenat.registry.orders.extents import Extent
from seenat.registry.orders.file_signature import length_of
from seenat.registry.orders.formats.flat import FlatOrder
from seenat.registry.orders.formats.gathered import GatheredOrder
from seenat.registry.orders.formats.index_map_arrays import Fragments, IndexMaps, load_index_maps
from seenat.registry.orders.formats.index_map_checks import (
    SAMPLES_CHECKED,
    SHUFFLES_CHECKED,
    check_ends,
    check_some_samples,
    check_some_shuffles,
)
from seenat.registry.orders.formats.index_map_names import check_packing, named_claims
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.orders.source import Sequences, Tokens
from seenat.registry.orders.vocabulary import check_ids
from seenat.registry.units import SequenceRange

__all__ = ["IndexMapOrder", "open_index_map"]

# Samples whose fragments are computed together; in the Pile they have some 2,500 fragments.
_ROWS_AT_ONCE = 1_024


class IndexMapOrder(GatheredOrder):
    """A `TokenSource` over documents and index maps. Everything is mapped when it is first read."""

    def __init__(
        self,
        geometry: Geometry,
        maps: IndexMaps,
        documents: FlatOrder,
        vocab_size: int | None = None,
        rows_at_once: int = _ROWS_AT_ONCE,
    ) -> None:
        super().__init__(geometry)
        self._maps = maps
        # All ids of all token files, as sequences of one id.
        self._documents = documents
        self._vocab_size = vocab_size
        self._rows_at_once = rows_at_once

    def place(self, sequence: int, position: int) -> str:
        """File and byte of one id within its document; see `TokenSource.place`."""
        fragments = self._fragments(np.array([sequence]))
        ends = fragments.starts + fragments.lengths
        number = int(np.flatnonzero((fragments.starts <= position) & (position < ends))[0])
        return self._documents.place(int(fragments.sources[number] + position - fragments.starts[number]), 0)

    def _take(self, indices: Sequences, start: int, stop: int) -> Tokens:
        tokens, size = np.empty((len(indices), stop - start), self._geometry.dtype), self._rows_at_once
        for first in range(0, len(indices) if tokens.size else 0, size):
            self._fill(tokens[first : first + size], indices[first : first + size], start, stop)
        check_ids(self, tokens, indices, start, self._vocab_size)
        return tokens

    def _fill(self, tokens: Tokens, indices: Sequences, start: int, stop: int) -> None:
        """Copy into each row the ids that its fragments have between the two positions."""
        fragments = self._fragments(indices)
        begins = np.maximum(fragments.starts, start)
        ends = np.minimum(fragments.starts + fragments.lengths, stop)
        overlapping = np.flatnonzero(ends > begins)
        sources = (fragments.sources + begins - fragments.starts)[overlapping]
        columns = (fragments.rows[overlapping], begins[overlapping] - start, ends[overlapping] - start, sources)
        for row, begin, end, source in zip(*(column.tolist() for column in columns), strict=True):
            tokens[row, begin:end] = self._documents.tokens(SequenceRange(source, source + end - begin))[:, 0]

    def _fragments(self, indices: Sequences) -> Fragments:
        samples = np.asarray(self._maps.shuffle_idx[indices], np.int64)
        wrong = np.flatnonzero((samples < 0) | (samples >= self._maps.samples))
        if wrong.size:
            raise CorruptFile(
                f"{self._maps.shuffle_idx_file}: entry {indices[wrong[0]]} is sample {samples[wrong[0]]}, and there are "
                f"samples 0 to {self._maps.samples - 1}; download the map again."
            )
        return self._maps.fragments(samples, self._geometry.tokens_per_sequence)


def open_index_map(
    order: OrderFiles, *, rows_at_once: int = _ROWS_AT_ONCE, shuffles_checked: int = SHUFFLES_CHECKED
) -> IndexMapOrder:
    """A reader of an order that index maps describe.

    `rows_at_once` samples are joined together; about `shuffles_checked` entries of `shuffle_idx` are checked here. Raises
    `InvalidValue` where a map is not given, `CorruptFile` for maps that are damaged, belong to other documents, or to a run
    that did not pack its documents (`index_map_names`).
    """
    maps = load_index_maps(order)
    documents = _open_documents(order, maps)
    check_packing(order, maps, SAMPLES_CHECKED)
    agreed = agree((*described(order), *_claims(order, maps)))
    geometry = Geometry(
        sequences=int(agreed["sequences"].value),
        tokens_per_sequence=int(agreed["tokens_per_sequence"].value),
        dtype=maps.header.dtype,
    )
    check_some_samples(maps, geometry.tokens_per_sequence)
    check_some_shuffles(maps, shuffles_checked)
    return IndexMapOrder(geometry, maps, documents, order.vocab_size, rows_at_once)


def _open_documents(order: OrderFiles, maps: IndexMaps) -> FlatOrder:
    pieces = [Extent(path, 0, length_of(path)) for path in order.files]
    check_ends(maps, sum(piece.length for piece in pieces))
    ids = sum(piece.length for piece in pieces) // maps.header.id_bytes
    return FlatOrder(Geometry(sequences=ids, tokens_per_sequence=1, dtype=maps.header.dtype), pieces)


def _claims(order: OrderFiles, maps: IndexMaps) -> Iterator[GeometryClaim]:
    yield from named_claims(order)
    yield GeometryClaim("dtype", maps.header.dtype, f"{order.index} (its header)")
    first = maps.fragments(np.zeros(1, np.int64))
    yield GeometryClaim("tokens_per_sequence", int(first.lengths.sum()), f"{order.sample_idx} (sample 0)")
    if order.sequences is None or order.sequences > maps.samples:
        yield GeometryClaim("sequences", maps.samples, f"{order.shuffle_idx} (its header)")
