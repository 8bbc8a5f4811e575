"""Copies of objects: whole, within a bound, and there as long as somebody, here or in another process, uses them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seenat.registry.errors import CorruptFile
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.stores.cache import ObjectCache


def content(number: int) -> bytes:
    return bytes([number]) * 1000


def digest(number: int) -> str:
    return sha256_of_bytes(content(number))


def kept(cache: ObjectCache) -> set[int]:
    return {number for number in range(20) if cache.has(digest(number))}


def test_the_least_recently_used_go_when_the_bound_is_met(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 5000)
    for number in range(5):
        cache.keep(digest(number), content(number))
    assert cache.read(digest(0)) == content(0)
    cache.keep(digest(5), content(5))
    assert 0 in kept(cache)
    assert 1 not in kept(cache)
    assert len(kept(cache)) == 4, "down to nine tenths"
    cache.keep(digest(6), b"0" * 5001)
    assert 6 not in kept(cache), "it alone is beyond the bound"


def test_what_is_damaged_is_no_copy(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 5000)
    cache.keep(digest(1), content(1))
    next(tmp_path.glob("*/*")).write_bytes(b"damaged")
    assert cache.read(digest(1)) is None
    with (
        pytest.raises(CorruptFile, match="arrived as"),
        cache.held(digest(1), lambda file: file.write_bytes(b"other") and None),
    ):
        pass
    assert [path for path in tmp_path.glob("??/*") if path.is_file()] == []


HOLDER = """
import sys
from pathlib import Path
from seenat.registry.storage.stores.cache import ObjectCache
with ObjectCache(Path(sys.argv[1]), 5000).held(sys.argv[2], lambda file: None):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_somebody_holds_stays_until_it_is_let_go_however_the_holder_ends(tmp_path: Path) -> None:
    cache, fetched = ObjectCache(tmp_path, 5000), []

    def fetch(file: Path) -> None:
        fetched.append(file)
        file.write_bytes(content(1))

    with cache.held(digest(1), fetch) as path:
        assert path.read_bytes() == content(1)
    command = [sys.executable, "-c", HOLDER, str(tmp_path), digest(1)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for number in range(2, 12):
            cache.keep(digest(number), content(number))
        assert 1 in kept(cache)
        holder.kill()
    for number in range(12, 18):
        cache.keep(digest(number), content(number))
    assert 1 not in kept(cache)
    with cache.held(digest(1), fetch):
        assert len(fetched) == 2
