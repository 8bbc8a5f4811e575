"""What every store promises, over a folder and over S3; and what only a store elsewhere can do: not answer."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seenat.registry.errors import CorruptFile, InvalidValue, StoreUnavailable
from seenat.registry.storage.stores.objects import ObjectStore, Patience
from seenat.registry.storage.stores.place import check_store_url, open_store
from seenat.registry.storage.stores.reader import ObjectReader
from seenat.registry.storage.stores.store import NameTaken, Store


@pytest.fixture
def store(store_url: str) -> Store:
    return open_store(store_url)


def test_what_was_put_is_read_whole_and_in_ranges(store: Store) -> None:
    data = bytes(range(256)) * 40
    store.put_new("a/b/c.bin", data)
    assert store.get("a/b/c.bin") == data
    assert store.size("a/b/c.bin") == len(data)
    assert store.get_range("a/b/c.bin", 300, 310) == data[300:310]
    assert store.get_range("a/b/c.bin", len(data) - 5, len(data) + 5) == data[-5:]
    assert store.get_range("a/b/c.bin", 7, 7) == b""
    with ObjectReader(store, "a/b/c.bin", len(data)) as reader:
        reader.seek(-4, 2)
        assert reader.read() == data[-4:]
        reader.seek(1)
        assert reader.read(3) == data[1:4]
        assert reader.read(2) == data[4:6]


def test_what_is_not_there_is_none_and_its_ranges_an_error(store: Store) -> None:
    assert store.get("nothing") is None
    assert store.size("nothing") is None
    store.delete("nothing")
    with pytest.raises(FileNotFoundError):
        store.get_range("nothing", 0, 5)


def test_a_name_is_written_once_and_the_same_bytes_count_as_written(store: Store) -> None:
    store.put_new("block", b"first")
    store.put_new("block", b"first")
    with pytest.raises(NameTaken, match="another content"):
        store.put_new("block", b"other")
    assert store.get("block") == b"first"
    store.replace("block", b"third")
    assert store.get("block") == b"third"


def test_of_writers_of_one_name_one_wins(store: Store) -> None:
    contents = [bytes([number]) * 5000 for number in range(8)]

    def put(data: bytes) -> bool:
        try:
            store.put_new("race", data)
        except NameTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, contents))
    assert sum(won) == 1
    assert store.get("race") == contents[won.index(True)]


def test_files_are_put_and_objects_listed_and_deleted(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * (1 << 20))
    store.put_file("many/large", file)
    store.put_new("many/small", b"")
    store.put_new("manyothers/small", b"1")
    found = {each.name: each.bytes for each in store.listed("many")}
    assert found == {"many/large": 1 << 20, "many/small": 0}
    assert all(abs(each.modified.timestamp() - time.time()) < 60 for each in store.listed())
    store.delete("many/large")
    assert [each.name for each in store.listed()] == ["many/small", "manyothers/small"]


def test_a_larger_object_than_expected_is_not_read(store: Store) -> None:
    store.put_new("bomb", b"0" * 1000)
    with pytest.raises(CorruptFile, match="1,000 bytes"):
        store.get("bomb", most=999)


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b", "a\0", "a" * 901])
def test_names_that_lead_elsewhere_are_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidValue, match="name of an object"):
        store.put_new(name, b"")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "results",
        "s3://",
        "s3://B",
        "s3://key:word@bucket/a",
        "s3://bucket/../a",
        "s3://bucket/a?x=1",
        "file://host/a",
        "http://a/b",
    ],
)
def test_what_is_no_store_is_refused_without_repeating_a_secret(url: str) -> None:
    with pytest.raises(InvalidValue, match=r"s3://BUCKET/PREFIX|name of an object") as refused:
        check_store_url(url)
    assert "word" not in str(refused.value)


def test_the_url_of_a_store_is_that_by_which_it_was_opened(store: Store, store_url: str) -> None:
    assert store.url == store_url == check_store_url(f" {store_url}/ ")
    assert "secret" not in store.url + store.locate("a")


def test_a_store_that_does_not_answer_is_given_up_in_time(bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        store = ObjectStore("seenat", "a", Patience(connect=0.3, request=0.3, all_tries=0.5, tries=2))
        for work in (lambda: store.get("a"), lambda: store.put_new("a", b"1"), lambda: list(store.listed())):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match=r"s3://seenat/a.* cannot be reached"):
                work()
            assert time.monotonic() - began < 5


def test_a_bucket_that_is_not_there_is_no_missing_object(bucket_url: str) -> None:
    nowhere = ObjectStore("nowhere", patience=Patience(all_tries=0.05))
    for work in (lambda: nowhere.put_new("a", b"1"), lambda: nowhere.get("a"), lambda: nowhere.size("a")):
        with pytest.raises(StoreUnavailable, match="no bucket nowhere"):
            work()
