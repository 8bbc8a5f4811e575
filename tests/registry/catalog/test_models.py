"""Values of the catalog: batches cut by their own schedule, ids from files that are still what was registered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.registry.catalog.models import Model
from seenat.registry.catalog.orders import Order
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.errors import CorruptFile, InvalidValue, UnknownBatch, UnknownOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.text.detokenize import decode
from seenat.registry.schedule import Schedule
from seenat.registry.units import SequenceRange

SEQUENCES, TOKENS = 10, 5


@pytest.fixture
def ids() -> np.ndarray:
    return np.arange(SEQUENCES * TOKENS, dtype="<u2").reshape(SEQUENCES, TOKENS)


@pytest.fixture
def order(tmp_path: Path, ids: np.ndarray) -> Order:
    """Ten sequences of ten bytes: a header of 3 bytes and 33 bytes of ids in the first file, 67 in the second."""
    data = ids.tobytes()
    (tmp_path / "a.bin").write_bytes(b"xyz" + data[:33])
    (tmp_path / "b.bin").write_bytes(data[33:])
    files = (
        FileRecord(name="a.bin", bytes=36, data_offset=3),
        FileRecord(name="b.bin", bytes=67),
        FileRecord(name="i.idx", bytes=0, role="index"),
    )
    (tmp_path / "i.idx").touch()
    return an_order(SEQUENCES, 4, location=str(tmp_path), files=files)


def an_order(sequences: int, batch: int, location: str = "/", files: tuple[FileRecord, ...] = ()) -> Order:
    return Order(
        id=1, name="mine", suite="s", geometry=Geometry(sequences=sequences, tokens_per_sequence=TOKENS, dtype="uint16"),
        sequences_per_batch=batch, vocab_size=50, eos_id=0, format="raw", location=location, tokenizer=None, digest=None,
        files=files,
    )  # fmt: skip


def a_model(order: Order | None, batch: int, steps: int, altered_from_step: int | None = None) -> Model:
    return Model(
        id=1, name="small", suite="s", family=None, size=None, training_order=order,
        schedule=Schedule(sequences_per_batch=batch, steps=steps, saved=(0, steps)), repository=None, folder=None,
        parameters=None, aliases=(), earlier_meanings=(), version=None, order_note=None,
        altered_from_step=altered_from_step, notes=(), architecture={}, hyperparameters={}, checkpoints=(),
    )  # fmt: skip


@given(sequences=st.integers(1, 500), own=st.integers(1, 60), batch=st.integers(1, 60))
def test_batches_are_a_partition_by_whichever_size(sequences: int, own: int, batch: int) -> None:
    order = an_order(sequences, own)
    model = a_model(order, batch, steps=1)
    for cut, size, count in ((order.batch, own, order.batches.stop), (model.batch, batch, -(-sequences // batch))):
        found = [sequence for index in range(count) for sequence in cut(index).sequences]
        assert found == list(range(sequences))
        assert all(len(cut(index).sequences) == size for index in range(count - 1))
        with pytest.raises(
            UnknownBatch, match=f"0 to {count - 1} of {size} sequences|was not trained on a batch {count}: its run took"
        ):
            cut(count)
    assert all(sequence in order.batch(order.batch_of(sequence)).sequences for sequence in range(sequences))


def test_a_batch_beyond_the_run_is_still_in_the_order(order: Order) -> None:
    """What a run did not come to is known all the same, whether or not it cuts batches as its order does."""
    for batch in (4, 2):
        assert a_model(order, batch, steps=1).batch(1).sequences == SequenceRange(batch, 2 * batch)


def test_altered_batches_are_not_the_orders(order: Order) -> None:
    model = a_model(order, 4, steps=2, altered_from_step=1)
    assert model.batch(0).sequences == SequenceRange(0, 4)
    with pytest.raises(UnknownOrder, match="altered batches from step 1 on"):
        model.batch(1)


def test_ids_across_files_and_behind_headers(order: Order, ids: np.ndarray) -> None:
    assert np.array_equal(order.batch(0).tokens(), ids[:4])
    assert np.array_equal(order.batch(2).tokens(), ids[8:])
    first, second = order.batch(0).extents()
    assert (first.file.name, first.offset, first.length) == ("a.bin", 3, 33)
    assert (second.file.name, second.offset, second.length) == ("b.bin", 0, 7)


def test_files_that_changed_are_not_read(order: Order) -> None:
    path = Path(order.location, "b.bin")
    content = path.read_bytes()
    path.write_bytes(content + b"\x00")
    with pytest.raises(CorruptFile, match=r"b\.bin has 68 bytes, and had 67 when it was registered"):
        order.batch(0).tokens()
    path.unlink()
    with pytest.raises(CorruptFile, match=r"b\.bin cannot be read: No such file"):
        order.batch(0).tokens()
    assert order.batch(0).sequences == SequenceRange(0, 4)


def test_ids_beyond_the_vocabulary_are_not_given(order: Order) -> None:
    with pytest.raises(CorruptFile, match=r"id 45 .* vocabulary of 45"):
        replace(order, vocab_size=45).batch(2).tokens()


# -- text


def test_an_order_without_tokenizer(order: Order, ids: np.ndarray) -> None:
    with pytest.raises(InvalidValue, match="names no tokenizer"):
        decode(order.tokenizer, ids, order=order.name)


@pytest.mark.needs_torch
def test_a_file_that_is_no_tokenizer(order: Order, ids: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    for tokenizer in (path, tmp_path):
        with pytest.raises(CorruptFile, match=r"tokenizer\.json is not a tokenizer"):
            decode(str(tokenizer), ids, order=order.name)


def test_ids_become_the_text_they_were(pocket_manifest: Path, order: Order) -> None:
    from tokenizers import Tokenizer

    path = pocket_manifest.with_name("tokenizer.json")
    text = "The if statement selects one suite; naïve café, 東京."
    encoded = Tokenizer.from_file(str(path)).encode(text).ids
    rows = np.array([encoded, [0, *encoded[1:]]], dtype=np.uint16)
    first, second = decode(str(path), rows, order=order.name)
    assert first == text
    assert second.startswith("<|endoftext|>")
