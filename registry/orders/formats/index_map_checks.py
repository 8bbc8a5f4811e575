"""Whether index maps are sound: a part of them, cheaply, whenever an order is opened; all of them, once.

The whole check follows from the definition. Sample j begins at id j * (T - 1) of the joined text, so walking over the sizes
of the documents in the order of `doc_idx` gives the only place and offset that entry j of `sample_idx` may have. Each
sample is one sequence, so `shuffle_idx` is a permutation, which one bit for each sample shows. Memory is a few blocks of a
million entries and these bits: 20 MB for the 162,165,686 samples of a Pythia seed.

Such damage occurs: the published `shuffle_idx` of seed 2 is zero in the entries 12,354,528:162,164,736
(https://github.com/EleutherAI/pythia/issues/190), so the order of that run cannot be read from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.formats.index_map_arrays import IndexMaps

__all__ = [
    "SAMPLES_CHECKED",
    "SHUFFLES_CHECKED",
    "check_ends",
    "check_index_maps",
    "check_some_samples",
    "check_some_shuffles",
]

SHUFFLES_CHECKED = 4_096
"""Pairs of neighbours that opening reads: it finds every run of equal entries over 0.1% of the map."""
SAMPLES_CHECKED = 64
"""Samples that opening reads, evenly spaced."""
# Entries that the whole check holds at a time.
_BLOCK = 1 << 20
# Documents at each end of their index that opening reads.
_EDGE = 4_096

_Numbers = npt.NDArray[np.int64]
Progress = Callable[[int], None]
"""Receives the number of bytes of each block that was checked."""


# -- when an order is opened


def check_ends(maps: IndexMaps, total_bytes: int) -> None:
    """Check the first and last documents, and that the last document ends where the token files do."""
    count = maps.header.sequences
    for start in {0, max(0, count - _EDGE)}:
        _check_documents(maps, start, min(start + _EDGE, count))
    end = int(maps.pointers[-1]) + int(maps.sizes[-1]) * maps.header.id_bytes
    if end != total_bytes:
        raise CorruptFile(
            f"{maps.header.file}: its documents are {end} bytes, and the token files hold {total_bytes}; give all token "
            "files of these documents, in their order, or download them again."
        )
    _check_entries(maps, 0, np.zeros((1, 2), np.int64))


def check_some_samples(maps: IndexMaps, length: int) -> None:
    """Check the first, the last and 62 samples between; raises `CorruptFile` for a sample of other than `length` ids."""
    maps.fragments(np.unique(np.linspace(0, maps.samples - 1, SAMPLES_CHECKED).astype(np.int64)), length)


def check_some_shuffles(maps: IndexMaps, pairs: int = SHUFFLES_CHECKED) -> None:
    """Check evenly spaced entries of `shuffle_idx` and their neighbours; raises `CorruptFile` as the whole check does."""
    count = maps.samples
    places = np.unique(np.linspace(0, max(0, count - 2), pairs).astype(np.int64))
    entries = np.asarray(maps.shuffle_idx[places], np.int64)
    _check_range(maps, places, entries)
    if count > 1:
        beside = np.flatnonzero(entries == maps.shuffle_idx[places + 1])
        if beside.size:
            raise _run_around(maps, int(places[beside[0]]))
    order = np.argsort(entries, kind="stable")
    twice = np.flatnonzero(np.diff(entries[order]) == 0)
    if twice.size:
        raise _repeated(maps, int(places[order[twice[0] + 1]]), int(entries[order[twice[0]]]))


# -- once, all of it


def check_index_maps(maps: IndexMaps, length: int, progress: Progress = lambda _: None, *, block: int = _BLOCK) -> None:
    """Check every document, and every entry of the three maps, for samples of `length` ids, `block` entries at a time.

    Raises `CorruptFile` for the first wrong entry. It reads each file once, `shuffle_idx` first.
    """
    _check_shuffles(maps, progress, block)
    for start, stop in _blocks(maps.header.sequences, block):
        _check_documents(maps, start, stop)
        # A size of 4 bytes and a pointer of 8.
        progress(12 * (stop - start))
    _check_samples(maps, length - 1, progress, block)


def _check_documents(maps: IndexMaps, start: int, stop: int) -> None:
    """Check that documents follow one another, from byte 0 on."""
    sizes, pointers = maps.sizes[start:stop].astype(np.int64), np.asarray(maps.pointers[start:stop])
    before = 0
    if start:
        before = int(maps.pointers[start - 1]) + int(maps.sizes[start - 1]) * maps.header.id_bytes
    due = before + (np.cumsum(sizes) - sizes) * maps.header.id_bytes
    wrong = np.flatnonzero((sizes < 0) | (pointers != due))
    if wrong.size:
        place = int(wrong[0])
        raise CorruptFile(
            f"{maps.header.file}: document {start + place} has {sizes[place]} ids from byte {pointers[place]} on, and "
            f"byte {due[place]} is due; download the index again."
        )


def _check_samples(maps: IndexMaps, step: int, progress: Progress, block: int) -> None:
    """Walk over the joined documents: sample j begins at id `j * step`, behind any empty documents but for the first."""
    _check_entries(maps, 0, np.zeros((1, 2), np.int64))
    sample, joined = 1, 0
    for start, stop in _blocks(len(maps.doc_idx), block):
        sizes = _sizes_of(maps, start, stop)
        ends = joined + np.cumsum(sizes)
        joined = int(ends[-1])
        last = min(-(-joined // step), maps.samples + 1)
        for first in range(sample, last, block):
            ids = np.arange(first, min(first + block, last), dtype=np.int64) * step
            # The first document that ends after the id; empty documents before it are skipped.
            places = np.searchsorted(ends, ids, side="right")
            _check_entries(maps, first, np.stack([start + places, ids - (ends - sizes)[places]], axis=1))
        sample = max(sample, last)
        progress((stop - start) * maps.doc_idx.itemsize)
    if sample <= maps.samples:
        raise CorruptFile(
            f"{maps.sample_idx_file}: entry {sample} would begin at id {sample * step} of the joined documents, which have "
            f"{joined}; the map belongs to other documents than {maps.doc_idx_file}."
        )


def _sizes_of(maps: IndexMaps, start: int, stop: int) -> _Numbers:
    documents = np.asarray(maps.doc_idx[start:stop])
    wrong = np.flatnonzero((documents < 0) | (documents >= maps.header.sequences))
    if wrong.size:
        raise maps.no_document(start + int(wrong[0]), int(documents[wrong[0]]))
    sizes: _Numbers = maps.sizes[documents].astype(np.int64)
    return sizes


def _check_entries(maps: IndexMaps, first: int, due: _Numbers) -> None:
    """Check consecutive entries of `sample_idx` against the places and offsets that they must have."""
    entries = np.asarray(maps.sample_idx[first : first + len(due)], np.int64)
    wrong = np.flatnonzero((entries != due).any(axis=1))
    if wrong.size:
        place = int(wrong[0])
        raise CorruptFile(
            f"{maps.sample_idx_file}: entry {first + place} is {_pair(entries[place])}, and {_pair(due[place])} is due by the "
            "documents joined end to end; the map belongs to others or to a run that did not pack them, or download it again."
        )


def _check_shuffles(maps: IndexMaps, progress: Progress, block: int) -> None:
    """Set a bit for every entry; the entries are a permutation when no bit is set twice."""
    bits = np.zeros(-(-maps.samples // 64) * 8, np.uint8)
    before = -1
    for start, stop in _blocks(maps.samples, block):
        entries = np.asarray(maps.shuffle_idx[start:stop], np.int64)
        _check_range(maps, np.arange(start, stop), entries)
        beside = np.flatnonzero(np.diff(entries, prepend=before) == 0)
        if beside.size:
            raise _run_around(maps, start + int(beside[0]))
        _set_bits(maps, bits, entries, start)
        before = int(entries[-1])
        progress((stop - start) * maps.shuffle_idx.itemsize)


def _set_bits(maps: IndexMaps, bits: npt.NDArray[np.uint8], entries: _Numbers, start: int) -> None:
    places, marks = entries >> 3, np.left_shift(np.uint8(1), (entries & 7).astype(np.uint8))
    again = np.flatnonzero(bits[places] & marks)
    if again.size:
        raise _repeated(maps, start + int(again[0]), int(entries[again[0]]))
    # Entries that are equal within this block set one bit together, so that fewer bits are new than there are entries.
    set_before = int(np.bitwise_count(bits.view(np.uint64)).sum())
    np.bitwise_or.at(bits, places, marks)
    if int(np.bitwise_count(bits.view(np.uint64)).sum()) - set_before != len(entries):
        order = np.argsort(entries, kind="stable")
        twice = int(np.flatnonzero(np.diff(entries[order]) == 0)[0])
        raise _repeated(maps, start + int(order[twice + 1]), int(entries[order[twice]]))


def _check_range(maps: IndexMaps, places: _Numbers, entries: _Numbers) -> None:
    wrong = np.flatnonzero((entries < 0) | (entries >= maps.samples))
    if wrong.size:
        raise CorruptFile(
            f"{maps.shuffle_idx_file}: entry {places[wrong[0]]} is sample {entries[wrong[0]]}, and there are samples 0 to "
            f"{maps.samples - 1}; download the map again."
        )


def _repeated(maps: IndexMaps, place: int, sample: int) -> CorruptFile:
    return CorruptFile(
        f"{maps.shuffle_idx_file}: entry {place} is sample {sample}, which another entry is too, and each sample is one "
        "sequence; download the map again."
    )


def _run_around(maps: IndexMaps, place: int) -> CorruptFile:
    """The error for a run of equal entries around a place, with the first and last of them."""
    value = int(maps.shuffle_idx[place])
    start, stop = place, place
    while start > 0:
        block = np.asarray(maps.shuffle_idx[max(0, start - _BLOCK) : start])
        other = np.flatnonzero(block != value)
        start -= len(block) - (int(other[-1]) + 1 if other.size else 0)
        if other.size:
            break
    while stop < maps.samples:
        block = np.asarray(maps.shuffle_idx[stop : stop + _BLOCK])
        other = np.flatnonzero(block != value)
        stop += int(other[0]) if other.size else len(block)
        if other.size:
            break
    return CorruptFile(
        f"{maps.shuffle_idx_file}: entries {start}:{stop} are all {value}, so which samples these {stop - start} sequences "
        f"of {maps.samples} were cannot be told; download the map again, or give that of another seed."
    )


def _blocks(count: int, block: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + block, count)) for start in range(0, count, block))


def _pair(entry: npt.NDArray[np.generic]) -> str:
    return ", ".join(str(number) for number in entry.tolist())
