"""Arrays that are no order, or not whole, are refused with file, byte and reason; nothing is unpickled."""

from __future__ import annotations

import os

import numpy as np
import pytest
from support.neox_documents import map_files, write_documents

from seenat.registry.orders.formats.open import open_order
from seenat.registry.orders.order_files import OrderFiles

ROWS = np.arange(20, dtype=np.uint16).reshape(5, 4)


def test_other_files_are_not_an_array(pair, refusal):
    order = OrderFiles(name="o", format="npy", files=(pair.index,))
    assert f"{pair.index}, byte 0: no .npy file begins so: it looks like an MMIDIDX index" in refusal(open_order, order)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (ROWS.astype(float), "it holds float64, and ids are one of uint8, uint16, uint32, int32, int64"),
        (ROWS.astype(np.int16), "it holds int16"),
        (ROWS.astype(bool), "it holds bool"),
        (ROWS.astype("<U3"), "it holds str96"),
        (ROWS.astype(">u2"), "its uint16 ids are big-endian"),
        (np.asfortranarray(ROWS), "it is in Fortran order"),
        (ROWS.reshape(5, 2, 2), "its shape is (5, 2, 2)"),
        (np.uint16(5), "its shape is ()"),
        (ROWS.astype([("id", "<u2")]), "it holds void16"),
    ],
)
def test_arrays_that_are_not_an_order(tmp_path, array, reason, refusal):
    np.save(tmp_path / "o.npy", array)
    order = OrderFiles(name="o", format="npy", files=(tmp_path / "o.npy",))
    assert f"{tmp_path / 'o.npy'}, byte 10: {reason}" in refusal(open_order, order)


def test_negative_shape(tmp_path, refusal):
    """Two negative lengths make a positive product, which the length of the file would confirm."""
    path = tmp_path / "o.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<u2", "fortran_order": False, "shape": (-5, -4)})
        file.write(ROWS.tobytes())
    order = OrderFiles(name="o", format="npy", files=(path,))
    assert f"{path}, byte 10: its shape is (-5, -4)" in refusal(open_order, order)


def test_pickled_objects_are_never_loaded(tmp_path, refusal):
    np.save(tmp_path / "o.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    order = OrderFiles(name="o", format="npy", files=(tmp_path / "o.npy",))
    assert "it holds pickled Python objects, which are never loaded" in refusal(open_order, order)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize(
    ("offset", "replacement"),
    [(6, b"\x07\x00"), (6, b"\x03\x00"), (8, b"\xff\xff"), (10, b"["), (10, b"{'descr': nonsense()"), (6, b"")],
)
def test_array_header_that_cannot_be_read(tmp_path, offset, replacement, refusal):
    path = tmp_path / "o.npy"
    np.save(path, ROWS)
    data = path.read_bytes()
    path.write_bytes(data[:offset] + replacement + data[offset + len(replacement) :] if replacement else data[:offset])
    message = refusal(open_order, OrderFiles(name="o", format="npy", files=(path,)))
    assert message.startswith(f"{path}, byte ")
    assert ": its header cannot be read: " in message


DAMAGED = {
    "left open": b"{'descr': '<u2', 'fortran_order': False, 'shape': (12, 9\n",
    "a wrong indentation": b"{'descr': '<u2', 'fortran_order': False, 'shape': (5, 4)}\n  {\n",
    "no expression": b"{'descr': '<u2', 'fortran_order': False, 'shape': (5, 4)\x00, }\n",
    "a quote left open": b"{'descr': '<u2, 'fortran_order': False, 'shape': (5, 4), }\n",
    "deep nesting": b"(" * 5_000 + b"\n",
    "a type that overflows": b"{'descr': 'V9999999999999999999', 'fortran_order': False, 'shape': (5, 4), }\n",
    "types out of their place": b"{'descr': (4, 5, 6), 'fortran_order': False, 'shape': (5, 4), }\n",
    "lengths of thousands of digits": b"{'descr': '<u2', 'fortran_order': False, 'shape': (0x"
    + b"f" * 5_000
    + b",), }\n",
    "keys that do not compare": b"{'descr': '<u2', 'fortran_order': False, 5: (5, 4), }\n",
    "a key that has no hash": b"{[]: 1}\n",
    "numbers of Python 2": b"{'descr': '<u2', 'fortran_order': False, 'shape': (5L, 4L, }\n",
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("damage", DAMAGED)
def test_whatever_stands_in_a_header_is_refused_as_one(tmp_path, damage, version, refusal):
    text = DAMAGED[damage]
    path = tmp_path / "o.npy"
    path.write_bytes(
        b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 * version, "little") + text + ROWS.tobytes()
    )
    write_documents(tmp_path, [ROWS.reshape(-1)])
    maps = {**map_files(tmp_path), "sample_idx": path, "shuffle_idx": path}
    for order in (
        OrderFiles(name="o", format="npy", files=(path,)),
        OrderFiles(name="o", format="neox-index-map", files=(path,), **maps),
    ):
        message = refusal(open_order, order)
        assert message.startswith(f"{path}, byte ")
        assert ": its header cannot be read: " in message


def test_a_header_of_python_2_is_read(tmp_path, recwarn):
    text = b"{'descr': '<u2', 'fortran_order': False, 'shape': (5L, 4L), }\n"
    (tmp_path / "o.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + ROWS.tobytes())
    source = open_order(OrderFiles(name="o", format="npy", files=(tmp_path / "o.npy",)))
    np.testing.assert_array_equal(source.tokens(source.geometry.all_sequences), ROWS)
    assert not recwarn.list


@pytest.mark.parametrize("length", [167, 169])
def test_array_of_another_length(tmp_path, length, refusal):
    path = tmp_path / "o.npy"
    np.save(path, ROWS)
    os.truncate(path, length)
    message = refusal(open_order, OrderFiles(name="o", format="npy", files=(path,)))
    assert f"{path}, byte {min(length, 168)}: by its header the file has 168 bytes, and it has {length}" in message
