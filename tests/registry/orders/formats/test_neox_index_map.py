"""Orders described by GPT-NeoX index maps, against maps that are built here by their definition, a document and an id at a time."""

from __future__ import annotations

import pickle
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.neox_documents import MAPS, map_files, write_documents

from seenat.registry.errors import InvalidValue
from seenat.registry.orders.formats.index_map_arrays import load_index_maps
from seenat.registry.orders.formats.index_map_checks import check_index_maps
from seenat.registry.orders.formats.neox_index_map import open_index_map
from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.order_files import OrderFiles
from seenat.registry.units import SequenceRange


@dataclass
class Run:
    """A corpus, and the order in which a run of some epochs and a seed walks over it."""

    documents: list[np.ndarray]
    context: int
    epochs: int
    seed: int

    def __post_init__(self) -> None:
        random = np.random.RandomState(self.seed)
        self.doc_idx = np.array(list(range(len(self.documents))) * self.epochs, np.int32)
        random.shuffle(self.doc_idx)
        self.sample_idx = np.array(list(self._begins()), np.int32)
        self.shuffle_idx = np.arange(len(self.sample_idx) - 1, dtype=np.uint32)
        random.shuffle(self.shuffle_idx)

    def _begins(self) -> Any:
        """Where each sample begins: a sample takes one id more than its context, and leaves that id to the next."""
        total = self.epochs * sum(map(len, self.documents))
        place, offset = 0, 0
        yield place, offset
        for _ in range((total - 1) // self.context):
            wanted = self.context + 1
            while wanted > (left := len(self.documents[self.doc_idx[place]]) - offset):
                wanted -= left
                place, offset = place + 1, 0
            offset += wanted - 1
            yield place, offset

    @property
    def rows(self) -> np.ndarray:
        """Every sequence in training order, `[n, context + 1]`."""
        return np.array([self._row(int(sample)) for sample in self.shuffle_idx])

    def _row(self, sample: int) -> list[int]:
        (place, offset), (last_place, last_offset) = self.sample_idx[sample : sample + 2].tolist()
        ids: list[int] = []
        while place < last_place:
            ids.extend(self.documents[self.doc_idx[place]][offset:].tolist())
            place, offset = place + 1, 0
        return [*ids, *self.documents[self.doc_idx[place]][offset : last_offset + 1].tolist()]

    def write(self, folder: Path) -> OrderFiles:
        files = write_documents(folder, self.documents)
        for name in MAPS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        return OrderFiles(name="run", format="neox-index-map", files=files, pack_impl="packed", **map_files(folder))


@st.composite
def runs(draw: Any) -> Run:
    context = draw(st.integers(1, 12))
    lengths = draw(st.lists(st.one_of(st.integers(0, 3), st.integers(1, 5 * context)), min_size=1, max_size=25))
    epochs = draw(st.integers(1, 4))
    missing = max(0, context + 1 - epochs * sum(lengths))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    documents = [random.integers(0, 2**16, length, np.uint16) for length in (*lengths, missing)]
    return Run(documents, context, epochs, draw(st.integers(0, 2**31)))


@given(runs(), st.data())
@settings(max_examples=150, deadline=None)
def test_reads_every_sequence_as_the_run_did(run: Run, data: st.DataObject) -> None:
    rows = run.rows
    indices = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20)), dtype=np.int64)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, rows.shape[1])] * 2)))
    with tempfile.TemporaryDirectory() as folder:
        order = run.write(Path(folder))
        source = open_order(order)
        check_index_maps(load_index_maps(order), rows.shape[1])
        assert source.geometry.sequences == len(run.shuffle_idx)
        np.testing.assert_array_equal(source.tokens(source.geometry.all_sequences), rows.astype(np.uint16), strict=True)
        np.testing.assert_array_equal(source.take(indices, start, stop), rows[indices, start:stop])


@given(runs())
@settings(max_examples=30, deadline=None)
def test_a_sample_is_a_cut_of_the_joined_documents(run: Run) -> None:
    """The same order computed in another way, so that the oracle above is not trusted alone."""
    joined = np.concatenate([run.documents[document] for document in run.doc_idx])
    begins = run.shuffle_idx.astype(np.int64) * run.context
    np.testing.assert_array_equal(run.rows, np.stack([joined[begin : begin + run.context + 1] for begin in begins]))


@pytest.fixture
def run() -> Run:
    random = np.random.default_rng(1)
    return Run([random.integers(0, 500, length, np.uint16) for length in (7, 0, 31, 2, 1, 18, 40, 5)], 6, 3, 1234)


@pytest.fixture
def order(run: Run, tmp_path: Path) -> OrderFiles:
    return run.write(tmp_path)


def rewritten(path: Path | None, change: Callable[[np.ndarray], None]) -> None:
    assert path is not None
    array = np.load(path)
    change(array)
    np.save(path, array)


def whole_check(order: OrderFiles) -> None:
    check_index_maps(load_index_maps(order), open_order(order).geometry.tokens_per_sequence)


def test_blocks_do_not_show(run: Run, order: OrderFiles) -> None:
    source = open_index_map(order, rows_at_once=4)
    np.testing.assert_array_equal(source.tokens(source.geometry.all_sequences), run.rows)
    checked: list[int] = []
    check_index_maps(load_index_maps(order), 7, checked.append, block=5)
    assert sum(checked) == 4 * len(run.shuffle_idx) + 12 * len(run.documents) + 4 * len(run.doc_idx)


def test_a_run_may_stop_before_its_map(run: Run, order: OrderFiles, refusal: Callable[..., str]) -> None:
    source = open_order(replace(order, sequences=20, tokens_per_sequence=7, dtype="uint16"))
    assert source.geometry.sequences == 20
    np.testing.assert_array_equal(source.tokens(SequenceRange(0, 20)), run.rows[:20])
    count = len(run.shuffle_idx)
    assert f"shuffle_idx.npy (its header) says sequences = {count}" in refusal(
        open_order, replace(order, sequences=count + 1)
    )
    assert "says tokens_per_sequence = 7, but the desc" in refusal(open_order, replace(order, tokens_per_sequence=8))


def test_ids_beyond_the_vocabulary_are_told_by_file_and_byte(
    run: Run, order: OrderFiles, refusal: Callable[..., str]
) -> None:
    source = open_order(replace(order, vocab_size=int(run.rows.max())))
    message = refusal(source.tokens, source.geometry.all_sequences)
    file, _, rest = message.partition(", byte ")
    ids = np.frombuffer(Path(file).read_bytes()[int(rest.split(":")[0]) :][:2], "<u2")
    assert f"id {ids[0]} at position" in message
    assert ids[0] == run.rows.max()


def test_seed_2_is_refused_at_once_with_the_entries_that_are_zero(tmp_path: Path, refusal: Callable[..., str]) -> None:
    """As published: zeros from 7.6% of the map on, and sound entries at its end."""
    run = Run([np.arange(60_001, dtype=np.int32)], 3, 1, 2)
    order = run.write(tmp_path)
    zeros = slice(1_524, 19_883)
    rewritten(order.shuffle_idx, lambda entries: entries.__setitem__(zeros, 0))
    message = refusal(open_order, order)
    assert message.startswith(
        f"{order.shuffle_idx}: entries 1524:19883 are all 0, so which samples these 18359 sequences"
    )
    assert message.endswith("give that of another seed.")


@pytest.mark.parametrize("block", [3, 1 << 20])
@pytest.mark.parametrize("damage", [(10, 12), (0, 2), (28, 30), (5, 30)])
def test_the_whole_check_finds_any_run_of_equal_entries(
    run: Run,
    order: OrderFiles,
    refusal: Callable[..., str],
    block: int,
    damage: tuple[int, int],
) -> None:
    rewritten(order.shuffle_idx, lambda entries: entries.__setitem__(slice(*damage), entries[damage[1]]))
    message = refusal(check_index_maps, load_index_maps(order), 7, block=block)
    assert f"entries {damage[0]}:{damage[1] + 1} are all {run.shuffle_idx[damage[1]]}, so" in message
    assert refusal(open_order, order) == message


@pytest.mark.parametrize("block", [3, 1 << 20])
@pytest.mark.parametrize(("entry", "copy"), [(40, 0), (7, 9), (1, 8)])
def test_the_whole_check_finds_a_sample_that_is_two_sequences(
    run: Run,
    order: OrderFiles,
    refusal: Callable[..., str],
    block: int,
    entry: int,
    copy: int,
) -> None:
    rewritten(order.shuffle_idx, lambda entries: entries.__setitem__(entry, entries[copy]))
    message = refusal(check_index_maps, load_index_maps(order), 7, block=block)
    assert f"entry {max(entry, copy)} is sample {run.shuffle_idx[copy]}, which another entry is too" in message


DAMAGE = {
    "no sample": ("shuffle_idx", 9, 4_000_000, "entry 9 is sample 4000000, and there are samples 0 to"),
    "no document": ("doc_idx", 9, 8, "entry 9 is document 8, and"),
    "another document": ("doc_idx", 2, 3, "is due by the documents"),
    "an offset beyond a document": ("sample_idx", (11, 1), 50, "sample_idx.npy: entry 11 is "),
    "a place that goes back": ("sample_idx", (11, 0), 0, "sample_idx.npy: entry 11 is 0, "),
    "another place of the same length": ("sample_idx", (11, 1), 0, "sample_idx.npy: entry 11 is "),
    "a beginning that is none": (
        "sample_idx",
        (0, 1),
        1,
        "sample_idx.npy: entry 0 is 0, 1, and 0, 0 is due by the doc",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_whole_check_finds_damage_anywhere(order: OrderFiles, refusal: Callable[..., str], damage: str) -> None:
    name, place, value, message = DAMAGE[damage]
    rewritten(getattr(order, name), lambda entries: entries.__setitem__(place, value))
    assert message in refusal(check_index_maps, load_index_maps(order), 7)


def test_what_opening_cannot_see_is_refused_when_it_is_read(order: OrderFiles, refusal: Callable[..., str]) -> None:
    source = open_order(order)
    sound = pickle.loads(pickle.dumps(source))
    everything = source.geometry.all_sequences
    for name, place, value, message in (
        ("sample_idx", (11, 1), 50, "sample 1"),
        ("sample_idx", (11, 0), 30_000, "to place 30000 of the 24 in"),
        ("sample_idx", (11, 0), -1, "goes from place"),
        ("doc_idx", 9, -1, "entry 9 is document -1"),
        ("shuffle_idx", 3, 2_000, "entry 3 is sample 2000"),
    ):
        path = getattr(order, name)
        before = path.read_bytes()
        rewritten(path, lambda entries, place=place, value=value: entries.__setitem__(place, value))
        assert message in refusal(pickle.loads(pickle.dumps(sound)).tokens, everything)
        path.write_bytes(before)


def test_samples_of_all_documents_each_do_not_take_all_memory(tmp_path: Path, refusal: Callable[..., str]) -> None:
    """33 samples that each go over 200,000 documents, a twentieth of what they may all together."""
    order = one_document_a_sample(tmp_path, 4, [1] * 200_001)
    np.save(tmp_path / "sample_idx.npy", np.array([[0, 0], [200_000, 0]] * 33 + [[0, 0]]))
    np.save(tmp_path / "shuffle_idx.npy", np.arange(66))
    maps = load_index_maps(replace(order, pack_impl="packed"))
    tracemalloc.start()
    message = refusal(maps.fragments, np.arange(0, 66, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "sample 0 goes from place 0 to place 200000 of the 200001 in" in message
    assert peak < 1 << 20


def test_maps_of_other_documents_are_refused(
    run: Run, order: OrderFiles, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    (tmp_path / "other").mkdir()
    other = Run([*run.documents[:-1], run.documents[-1][:3]], 6, 3, 1234).write(tmp_path / "other")
    message = refusal(open_order, replace(order, files=other.files, index=other.index))
    assert "the map belongs to other documents" in message
    assert "documents are 208 bytes, and the token files hold 204" in refusal(
        open_order, replace(order, files=other.files)
    )
    assert "give the maps of one run" in refusal(open_order, replace(order, shuffle_idx=other.shuffle_idx))


def test_refuses_what_is_no_map(order: OrderFiles, refusal: Callable[..., str], tmp_path: Path) -> None:
    odd = tmp_path / "odd.npy"
    np.save(odd, np.zeros((3, 2)))
    assert "a map has 2 dimensions of whole numbers, and this is float64 (3, 2)" in refusal(
        open_order, replace(order, sample_idx=odd)
    )
    np.save(odd, np.array([{}]), allow_pickle=True)
    assert "it holds pickled Python objects, which are never loaded" in refusal(open_order, replace(order, doc_idx=odd))
    odd.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "it looks like a Git LFS pointer" in refusal(open_order, replace(order, doc_idx=odd))
    with pytest.raises(InvalidValue, match="needs index, doc_idx, sample_idx, shuffle_idx; give all four"):
        open_order(replace(order, shuffle_idx=None))
    with pytest.raises(InvalidValue, match="only neox-index-map has index maps, and this is raw"):
        open_order(replace(order, format="raw", index=None))


def test_documents_that_do_not_follow_one_another_are_refused(order: OrderFiles, refusal: Callable[..., str]) -> None:
    assert order.index is not None
    data = bytearray(order.index.read_bytes())
    data[34 + 4 * 8 + 8 * 3] ^= 4
    order.index.write_bytes(data)
    assert "document 3 has 2 ids from byte 72 on, and byte 76 is due" in refusal(open_order, order)


# -- packing


def one_document_a_sample(folder: Path, seq_length: int, lengths: list[int]) -> OrderFiles:
    """Maps of `pack_impl: unpacked`, as `megatron/data/gpt2_dataset.py` writes them, over documents of these lengths."""
    files = write_documents(folder, [np.arange(length, dtype=np.uint16) for length in lengths])
    samples = len(lengths) - 1
    np.save(folder / "doc_idx.npy", np.arange(samples + 1))
    np.save(folder / "sample_idx.npy", np.stack([np.arange(samples + 1), np.zeros(samples + 1, int)], 1))
    np.save(folder / "shuffle_idx.npy", np.random.RandomState(seq_length).permutation(samples))
    return OrderFiles(name="run", format="neox-index-map", files=files, **map_files(folder))


def named(order: OrderFiles, run: str, names: tuple[str, ...] = MAPS) -> OrderFiles:
    """The order with these of its maps renamed as GPT-NeoX names those of a run."""
    paths = {name: getattr(order, name).with_name(f"text_train_0_indexmap_{run}_{name}.npy") for name in names}
    for name, path in paths.items():
        getattr(order, name).rename(path)
    return replace(order, **paths)


@pytest.mark.parametrize("lengths", [[5] * 6, [4, 5, 9, 2, 5, 5], [5, 5]])
@pytest.mark.parametrize("stated", [None, 5, 6])
def test_samples_that_are_documents_are_not_read_as_packed(
    tmp_path: Path, refusal: Callable[..., str], lengths: list[int], stated: int | None
) -> None:
    """Read as packed, each would end with the first id of the next document."""
    order = one_document_a_sample(tmp_path, 4, lengths)
    message = refusal(open_order, replace(order, tokens_per_sequence=stated))
    assert message.startswith(
        f"{order.sample_idx}: every sample begins with a document, as with pack_impl = 'unpacked'"
    )
    assert 'if the run packed its documents, state pack_impl = "packed"' in message


def test_samples_of_whole_documents_are_not_read_as_packed(tmp_path: Path, refusal: Callable[..., str]) -> None:
    """As `pack_until_overflow` leaves them: two documents of 2 ids in each sequence of 5."""
    order = one_document_a_sample(tmp_path, 4, [2] * 9)
    np.save(tmp_path / "sample_idx.npy", np.stack([np.arange(0, 9, 2), np.zeros(5, int)], 1))
    np.save(tmp_path / "shuffle_idx.npy", np.arange(4))
    assert "every sample begins with a document" in refusal(open_order, order)


@pytest.mark.parametrize("packing", ["unpacked", "pack_until_overflow"])
@pytest.mark.parametrize("chopped", ["", "_ac"])
@pytest.mark.parametrize("names", [MAPS, ("sample_idx",)])
def test_names_that_say_another_packing_are_refused_by_it(
    tmp_path: Path, refusal: Callable[..., str], packing: str, chopped: str, names: tuple[str, ...]
) -> None:
    order = named(one_document_a_sample(tmp_path, 4, [5] * 6), f"5ns_4sl_1234s_{packing}pi{chopped}", names)
    for stated in (None, "packed"):
        message = refusal(open_order, replace(order, pack_impl=stated))
        assert f"by its name the run had pack_impl = '{packing}'" in message
        assert "register order 'run' with that" in message


@pytest.mark.parametrize("run_name", ["5ns_5sl_1234s", "5ns_5sl_1234s_packedpi", "5ns_5sl_1234s_packedpi_ac"])
def test_what_packed_documents_as_long_as_a_context_is_read(tmp_path: Path, run_name: str) -> None:
    run = Run([np.arange(start, start + 5, dtype=np.uint16) for start in range(0, 30, 5)], 5, 1, 1234)
    order = run.write(tmp_path)
    np.testing.assert_array_equal(open_order(order).tokens(SequenceRange(0, 5)), run.rows)
    order = named(replace(order, pack_impl=None), run_name)
    np.testing.assert_array_equal(open_order(order).tokens(SequenceRange(0, 5)), run.rows)


def test_names_of_different_runs_are_refused(run: Run, order: OrderFiles, refusal: Callable[..., str]) -> None:
    """Another seed's `shuffle_idx` has the same shape and range."""
    order = named(named(order, "50ns_6sl_1234s", ("doc_idx", "sample_idx")), "50ns_6sl_1235s", ("shuffle_idx",))
    message = refusal(open_order, order)
    assert message.startswith(f"{order.shuffle_idx} is by its name of another run than {order.doc_idx.name}; ")


def test_names_that_say_another_length_are_refused(order: OrderFiles, refusal: Callable[..., str]) -> None:
    order = named(order, "50ns_7sl_1234s")
    message = refusal(open_order, order)
    assert (
        f"{order.sample_idx} (sample 0) says tokens_per_sequence = 7, but {order.doc_idx} (its name) says 8" in message
    )


def test_another_packing_cannot_be_stated(order: OrderFiles) -> None:
    with pytest.raises(InvalidValue, match="pack_impl 'unpacked' cuts and fills up documents"):
        replace(order, pack_impl="unpacked")
