"""Arrays of results as files: whole, the same for the same values, and readable by any Zarr reader."""

import os
import shutil

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from seenat.memorization.protocol.measures import MEASURES
from seenat.memorization.protocol.protocol import NOT_MEASURED
from seenat.memorization.results.array import BlockFile, ResultArray
from seenat.memorization.results.files.description import MEASURED, NOT_YET, REPLACED, Description
from seenat.registry.errors import CorruptFile

GENERATOR = np.random.default_rng(1)


@pytest.fixture
def array(tmp_path):
    """Three rows over 1,000 sequences in blocks of 300, of which the last is short."""
    array = ResultArray(tmp_path / "array.zarr", sequences=1000, block_sequences=300)
    array.describe(described((0, MEASURED), (10, MEASURED), (20, NOT_YET)))
    return array


def described(*rows):
    return Description(rows=rows, attributes={"model": "mine"})


def some(length=300):
    return GENERATOR.integers(0, 33, length).astype(np.uint8)


def test_any_zarr_reader_opens_it(array):
    values, short = some(), some(100)
    array.write(1, 2, values)
    array.write(2, 3, short)
    opened = zarr.open_array(array.folder, mode="r")
    assert opened.metadata.zarr_format == 3
    assert opened.shape == (3, 1000)
    assert opened.dtype == np.uint8
    assert opened.fill_value == NOT_MEASURED
    assert opened.shards == (1, 300)
    assert opened.metadata.dimension_names == ("checkpoint", "sequence")
    group = zarr.open_group(array.group, mode="r")
    states = ["measured", "measured", "not measured"]
    assert group.attrs.asdict() == {"steps": [0, 10, 20], "states": states, "model": "mine"}
    assert (group["step"][:].tolist(), group["state"][:].tolist()) == ([0, 10, 20], [1, 1, 0])
    expected = np.full((3, 1000), NOT_MEASURED, np.uint8)
    expected[1, 600:900], expected[2, 900:] = values, short
    assert np.array_equal(opened[:], expected)
    assert sorted(str(path.relative_to(array.group)) for path in array.group.rglob("*") if path.is_file()) == [
        "state/c/0",
        "state/zarr.json",
        "step/c/0",
        "step/zarr.json",
        "values/c/1/2",
        "values/c/2/3",
        "values/zarr.json",
        "zarr.json",
    ]


@settings(max_examples=25, deadline=None)
@given(
    st_numpy.arrays(np.uint8, st.integers(1, 300), elements=st.sampled_from([0, 1, 31, 32, 254, 255])).filter(
        lambda values: (values != NOT_MEASURED).any()
    )
)
def test_what_is_written_is_read_and_equal_values_make_equal_bytes(tmp_path_factory, values):
    found = []
    for name in ("one", "other"):
        array = ResultArray(tmp_path_factory.mktemp(name) / "array", sequences=len(values), block_sequences=300)
        array.describe(described((0, MEASURED)))
        if name == "other":  # Reached by a detour.
            array.write(0, 0, np.where(values == NOT_MEASURED, values, 7).astype(np.uint8))
        file = array.write(0, 0, values)
        path = array.folder / "c" / "0" / "0"
        assert np.array_equal(array.read([0], 0, len(values))[0], values)
        assert file.bytes == path.stat().st_size
        assert file.digest == array.digest_of(0, 0)
        found.append(path.read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("format_", [1, 2])
@pytest.mark.parametrize("name", sorted(MEASURES))
@pytest.mark.parametrize("part", [1.0, 0.3, 0.0001])
def test_the_bytes_are_those_that_zarr_would_write(tmp_path, name, part, format_):
    """Of a block of two chunks of prefixes or 32 of losses, and of a short last one."""
    measure = MEASURES[name]
    array = ResultArray(
        tmp_path / "array", sequences=200_000, block_sequences=131_072, measure=measure, format_=format_
    )
    array.describe(described((0, MEASURED)))
    theirs = zarr.open_array(shutil.copytree(array.folder, tmp_path / "theirs"), mode="r+")
    for block, length in ((0, 131_072), (1, 68_928)):
        values = measure.empty(length)
        chosen = GENERATOR.random(length) < part
        chosen[length // 2] = True
        values[chosen] = GENERATOR.gamma(3, 5, (chosen.sum(), *measure.axis)).astype(measure.dtype)
        array.write(0, block, values)
        theirs[0, block * 131_072 : block * 131_072 + length] = values
    for path in (array.folder / "c").rglob("*"):
        assert path.is_dir() or path.read_bytes() == (tmp_path / "theirs" / path.relative_to(array.folder)).read_bytes()
    assert np.array_equal(array.read([0], 0, 200_000), theirs[:], equal_nan=name == "loss")


def test_rows_are_read_in_the_order_they_are_asked_for(array):
    written = {row: some() for row in range(3)}
    for row, values in written.items():
        array.write(row, 0, values)
    found = array.read([2, 0, 1], 250, 350)
    assert found.shape == (3, 100)
    assert [found[place, :50].tolist() for place in range(3)] == [written[row][250:].tolist() for row in (2, 0, 1)]
    assert (found[:, 50:] == NOT_MEASURED).all()
    assert array.read([], 0, 10).shape == (0, 10)


def test_rows_may_become_more_and_values_stay(array):
    values = some()
    array.write(2, 0, values)
    array.describe(described((0, MEASURED), (10, MEASURED), (11, REPLACED), (12, NOT_YET), (20, MEASURED)))
    assert array.steps == {0: 0, 1: 10, 4: 20}
    assert zarr.open_array(array.folder, mode="r").shape == (5, 1000)
    assert np.array_equal(array.read([2], 0, 300)[0], values)


def test_the_same_description_is_not_written_again(array):
    def written():
        return {path: path.stat().st_mtime_ns for path in array.group.rglob("*") if path.is_file()}

    before = written()
    array.describe(described((0, MEASURED), (10, MEASURED), (20, NOT_YET)))
    assert written() == before
    array.describe(described((0, MEASURED), (10, MEASURED), (20, MEASURED)))
    changed = {str(path.relative_to(array.group)) for path, when in written().items() if before[path] != when}
    assert changed == {"state/c/0", "zarr.json"}


def test_an_array_that_is_not_described_has_no_steps(tmp_path):
    assert ResultArray(tmp_path / "none", sequences=10, block_sequences=5).steps == {}


def test_what_killed_writers_left_is_removed(array):
    file = array.write(0, 0, some())
    left = [array.folder / "c" / "0" / "0.123.partial", array.folder / "zarr.json.99.partial"]
    left += [array.group / "zarr.json.9.partial", array.group / "step" / "c" / "0.9.partial"]
    for path in left:
        path.write_bytes(b"half")
    array.remove_partials()
    assert not any(path.exists() for path in left)
    assert array.digest_of(0, 0) == file.digest


def test_a_file_that_is_written_again_keeps_what_it_held_until_that_is_accepted(array):
    before, after = some(), some()
    first = array.write(0, 1, before)
    assert array.rewritten() == []
    second = array.write(0, 1, after)
    assert array.rewritten() == [(0, 1)]
    assert array.digest_of(0, 1) == second.digest
    array.restore(0, 1)
    assert array.rewritten() == []
    assert array.digest_of(0, 1) == first.digest
    assert np.array_equal(array.read([0], 300, 600)[0], before)
    array.write(0, 1, after)
    array.accept(0, 1)
    assert array.rewritten() == []
    assert np.array_equal(array.read([0], 300, 600)[0], after)


def test_a_damaged_file_has_another_digest_and_is_refused_in_one_sentence(array):
    file = array.write(0, 0, some())
    path = array.folder / "c" / "0" / "0"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert array.digest_of(0, 0) != file.digest
    assert array.digest_of(0, 1) is None
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptFile, match="cannot be read for the sequences 0:300") as caught:
        array.read([0], 0, 300)
    assert str(array.group) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sound_file_of_other_values_and_the_same_length_is_refused(array):
    file = array.write(0, 0, some())
    while array.write(1, 0, some()).bytes != file.bytes:
        pass
    shutil.copy(array.folder / "c" / "1" / "0", array.folder / "c" / "0" / "0")
    with pytest.raises(CorruptFile, match="c/0/0 is not what was committed"):
        array.read_committed([0], 0, (0, 300), {0: file})


@pytest.fixture
def losses(tmp_path):
    """The same of losses, with their quantities along a third axis."""
    array = ResultArray(tmp_path / "losses.zarr", sequences=1000, block_sequences=300, measure=MEASURES["loss"])
    array.describe(described((0, MEASURED), (10, MEASURED), (20, NOT_YET)))
    return array


def some_losses(length=300):
    values = GENERATOR.gamma(3, 20, (length, 4)).astype(np.float32)
    values[GENERATOR.random(length) < 0.2] = np.nan
    return values


def test_any_zarr_reader_opens_losses(losses):
    values, short = some_losses(), some_losses(100)
    losses.write(1, 2, values)
    losses.write(2, 3, short)
    opened = zarr.open_array(losses.folder, mode="r")
    assert (opened.shape, opened.dtype, opened.shards) == ((3, 1000, 4), np.float32, (1, 300, 4))
    assert opened.metadata.dimension_names == ("checkpoint", "sequence", "quantity")
    expected = np.full((3, 1000, 4), np.nan, np.float32)
    expected[1, 600:900], expected[2, 900:] = values, short
    np.testing.assert_array_equal(opened[:], expected)
    np.testing.assert_array_equal(losses.read([2, 1], 850, 950), expected[[2, 1], 850:950])
    assert losses.read([], 0, 10).shape == (0, 10, 4)


def test_losses_written_again_are_restored_or_accepted(losses):
    before, after = some_losses(), some_losses()
    first = losses.write(0, 1, before)
    second = losses.write(0, 1, after)
    assert losses.rewritten() == [(0, 1)]
    assert losses.digest_of(0, 1) == second.digest
    losses.restore(0, 1)
    assert losses.digest_of(0, 1) == first.digest
    np.testing.assert_array_equal(losses.read([0], 300, 600)[0], before)
    left = losses.folder / "c" / "0" / "1" / "0.7.partial"
    left.write_bytes(b"half")
    losses.write(0, 1, after)
    losses.accept(0, 1)
    losses.remove_partials()
    assert sorted(path.name for path in left.parent.iterdir()) == ["0"]
    assert losses.write(0, 2, after) == second


def test_losses_are_kept_without_a_bit_lost_in_fewer_bytes(losses):
    """Of a float32 the last bits are noise, which nothing makes smaller; the others are."""
    values = GENERATOR.gamma(3, 20, (300, 4)).astype(np.float32)
    values[:, 3] = GENERATOR.integers(0, 3200, 300) / 32
    assert losses.write(0, 0, values).bytes < 0.9 * values.nbytes
    assert losses.read([0], 0, 300).tobytes() == values.tobytes()


@pytest.mark.parametrize("format_", [1, 2])
def test_of_a_large_block_of_losses_no_damaged_byte_is_read_as_numbers(tmp_path, format_):
    """A part of a file of 100 KB, damaged at 60 places: refused, or not concerned; by format 1 always refused."""
    array = ResultArray(
        tmp_path / "array", sequences=8192, block_sequences=8192, measure=MEASURES["loss"], format_=format_
    )
    array.describe(described((0, MEASURED)))
    written = some_losses(8192)
    file = array.write(0, 0, written)
    path = array.folder / "c" / "0" / "0" / "0"
    whole = path.read_bytes()
    assert len(whole) > 1 << 16
    refused = 0
    for place in range(0, len(whole), len(whole) // 60):
        path.write_bytes(
            whole[:place] + bytes(8) + whole[place + 8 :] if place < len(whole) - 8 else whole[:-8] + bytes(8)
        )
        assert not array.holds(0, 0, file)
        for part in ((100, 101), (8000, 8192)):
            try:
                found = array.read_committed([0], 0, part, {0: file})[0]
            except CorruptFile:
                refused += 1
            else:
                np.testing.assert_array_equal(found, written[slice(*part)])
    assert refused >= (120 if format_ == 1 else 60)
    path.write_bytes(whole)
    assert array.holds(0, 0, file)
    np.testing.assert_array_equal(array.read_committed([0], 0, (3, 8000), {0: file})[0], written[3:8000])


DAMAGED = {
    "empty": b"",
    "cut": b'{"attributes": {"steps": [0, 1',
    "no JSON": b"\xff\xfe\x00",
    "a list": b"[]",
    "null": b"null",
    "no attributes": b"{}",
    "attributes that are none": b'{"attributes": 3}',
    "steps that are none": b'{"attributes": {"steps": {"0": 1}}}',
    "steps of text": b'{"attributes": {"steps": ["0"], "states": ["measured"]}}',
    "a state too few": b'{"attributes": {"steps": [0, 1], "states": ["measured"]}}',
    "a state of its own": b'{"attributes": {"steps": [0], "states": ["lost"]}}',
    "states that are no text": b'{"attributes": {"steps": [0], "states": [[]]}}',
    "a number of 5,000 digits": b'{"attributes": {"steps": [' + b"9" * 5000 + b"]}}",
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("damage", [*DAMAGED, "a folder", "a pipe"])
def test_a_description_that_cannot_be_understood_counts_as_none_and_is_mended(array, damage):
    values = some()
    file = array.write(1, 0, values)
    whole = {path: path.read_bytes() for path in array.group.rglob("*") if path.is_file()}
    for name in ("zarr.json", "values/zarr.json", "step/c/0"):
        path = array.group / name
        path.unlink()
        if damage == "a folder":
            path.mkdir()
        elif damage == "a pipe":
            os.mkfifo(path)
        else:
            path.write_bytes(DAMAGED[damage])
    assert (array.steps, array.is_described) == ({}, False)
    with pytest.raises(CorruptFile, match="repeat the command that measured them"):
        array.read_committed([1], 0, (0, 9), {1: BlockFile(bytes=1, digest=file.digest)})
    array.describe(described((0, MEASURED), (10, MEASURED), (20, NOT_YET)))
    assert {path: path.read_bytes() for path in whole} == whole
    assert np.array_equal(zarr.open_group(array.group, mode="r")["values"][1, :300], values)
