"""Orders on a hub: Pythia's true geometry from a formula, and small files where the hub fails in every way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fake_hub import Fault, Formula, HubServer, client_of, serve

from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, UnknownBatch, UnknownOrder
from seenat.registry.hub.retry import RetryPolicy
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.remote.order import RemoteOrder, open_remote, token_cache
from seenat.registry.orders.remote.range_requests import HubLocation
from seenat.registry.units import SequenceRange

SEQUENCES, LENGTH, ROW, BATCH = 146_432_000, 2_049, 4_098, 4_196_352
SHARDS = {f"document-{number:05d}-of-00020.bin": 30_000_000_000 for number in range(20)}
SHARDS |= {"document-00020-of-00020.bin": 78_336_000}
STARTS = dict(zip(SHARDS, accumulate(SHARDS.values(), initial=0), strict=False))
# Published: the sequences that lie across two shards.
STRADDLING = (
    7320644, 14641288, 21961932, 29282576, 36603221, 43923865, 51244509, 58565153, 65885797, 73206442,
    80527086, 87847730, 95168374, 102489019, 109809663, 117130307, 124450951, 131771595, 139092240, 146412884,
)  # fmt: skip
COMMIT = "4647773ea142ab1ff5694602fa104bbf49088408"
PILE = Geometry(sequences=SEQUENCES, tokens_per_sequence=LENGTH, dtype="uint16")
PLACE = f"hf://datasets/org/pile@{COMMIT}"


def ids_of(start: int, stop: int) -> np.ndarray:
    """The ids `[start, stop)` of the synthetic order, counted through all sequences."""
    places = np.arange(start, stop, dtype=np.int64)
    return ((places * 40_503 + (places >> 17) * 9_973) % 50_277).astype("<u2")


def bytes_of(name: str, start: int, stop: int) -> bytes:
    first, last = STARTS[name] + start, STARTS[name] + stop
    return ids_of(first // 2, -(-last // 2)).tobytes()[first % 2 :][: last - first]


def rows_of(start: int, stop: int) -> np.ndarray:
    return ids_of(start * LENGTH, stop * LENGTH).reshape(-1, LENGTH)


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A hub that holds an order of Pythia's size, and this process as its client."""
    with serve() as hub, client_of(hub):
        hub.formulas["datasets/org/pile"] = Formula(
            commit=COMMIT, lengths=SHARDS, read=bytes_of, revisions=("main", "v1")
        )
        yield hub


@pytest.fixture
def pile(server: HubServer) -> HubServer:
    """That hub, asked nothing yet."""
    for noted in (server.requests, server.headers, server.sent, server.connections):
        noted.clear()
    server.faults.clear()
    return server


def open_pile(place: str = PLACE, vocab_size: int | None = 50_277) -> RemoteOrder:
    files = [FileRecord(name=name, bytes=length) for name, length in SHARDS.items()]
    return open_remote(place, files, PILE, 1024, vocab_size)


def ranges(hub: HubServer) -> list[tuple[str, str]]:
    """File and Range header of everything that was sent for."""
    asked = zip(hub.requests, hub.headers, strict=True)
    return [(line.rpartition("/")[2], headers["range"]) for line, headers in asked if line.startswith("GET /large/")]


# -- Pythia's geometry


@pytest.mark.parametrize("batch", [0, 1, 71_490, 142_999])
def test_a_batch_of_pythia_is_one_request_of_its_bytes_or_two(pile: HubServer, batch: int) -> None:
    sequences = SequenceRange(batch * 1024, (batch + 1) * 1024)
    tokens = open_pile().tokens(sequences)
    np.testing.assert_array_equal(tokens, rows_of(sequences.start, sequences.stop), strict=True)
    first = batch * BATCH
    shard, offset = divmod(first, 30_000_000_000)
    if batch == 71_490:
        before = 30_000_000_000 - offset
        assert ranges(pile) == [
            (f"document-{shard:05d}-of-00020.bin", f"bytes={offset}-29999999999"),
            (f"document-{shard + 1:05d}-of-00020.bin", f"bytes=0-{BATCH - before - 1}"),
        ]
    else:
        assert ranges(pile) == [(f"document-{shard:05d}-of-00020.bin", f"bytes={offset}-{offset + BATCH - 1}")]
    assert BATCH < sum(pile.sent) < BATCH + 4_096


def test_every_sequence_across_two_shards_is_read(pile: HubServer) -> None:
    source = open_pile()
    for sequence in STRADDLING:
        np.testing.assert_array_equal(
            source.tokens(SequenceRange(sequence, sequence + 1)), rows_of(sequence, sequence + 1)
        )
    assert len(ranges(pile)) == 2 * len(STRADDLING)
    assert sum(pile.sent) < len(STRADDLING) * (ROW + 4_096)


def test_a_thousand_scattered_sequences_are_read(pile: HubServer) -> None:
    chosen = np.random.default_rng(0).integers(0, SEQUENCES, 1_000)
    chosen[:25] = [*STRADDLING, 0, SEQUENCES - 1, chosen[30], chosen[31], chosen[31]]
    taken = open_pile().take(chosen, 0, 64)
    np.testing.assert_array_equal(taken, np.stack([ids_of(row * LENGTH, row * LENGTH + 64) for row in chosen]))
    bodies = sum(int(stop) - int(start) + 1 for _, asked in ranges(pile) for start, stop in [asked[6:].split("-")])
    assert bodies == len(np.unique(chosen)) * 128, "of sequences that lie far apart, no byte more than was asked for"
    assert len(pile.connections) <= 8, "four requests at once, each over a connection to the hub and one to its store"


def test_neighbours_come_together_and_half_a_batch_as_a_whole(pile: HubServer) -> None:
    wanted = np.array([1024, 2_000, 1028, 1033, 1024])
    np.testing.assert_array_equal(open_pile().take(wanted, 0, LENGTH), np.stack([rows_of(r, r + 1)[0] for r in wanted]))
    runs = [(1024, 1029), (1033, 1034), (2000, 2001)]
    assert [asked for _, asked in ranges(pile)] == [f"bytes={first * ROW}-{stop * ROW - 1}" for first, stop in runs]
    pile.requests.clear()
    pile.headers.clear()
    wanted = np.arange(5 * 1024, 6 * 1024, 2)
    np.testing.assert_array_equal(open_pile().take(wanted, 3, 5), rows_of(5 * 1024, 6 * 1024)[::2, 3:5])
    assert ranges(pile) == [("document-00000-of-00020.bin", f"bytes={5 * BATCH}-{6 * BATCH - 1}")]


def test_the_next_batch_is_on_its_way_while_this_one_is_worked_on(pile: HubServer) -> None:
    source = open_pile()
    batches = source.iter_batches(10, 13)
    number, tokens = next(batches)
    deadline = time.monotonic() + 10
    while len(ranges(pile)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(ranges(pile)) == 2, "batch 11 was asked for, batch 12 not yet"
    found = {number: tokens, **dict(batches)}
    assert list(found) == [10, 11, 12]
    for batch, rows in found.items():
        np.testing.assert_array_equal(rows, rows_of(batch * 1024, (batch + 1) * 1024))
    with pytest.raises(UnknownBatch, match="142999:143001 are not batches of this order: it holds 0 to 142999"):
        next(source.iter_batches(142_999, 143_001))


def test_an_id_beyond_the_vocabulary_is_refused_by_its_byte(pile: HubServer) -> None:
    largest = int(rows_of(7, 8).max())
    with pytest.raises(CorruptFile) as refused:
        open_pile(vocab_size=largest).tokens(SequenceRange(7, 8))
    name, byte = re.match(r"(\S+) of org/pile@\w+, byte (\d+): id", str(refused.value)).groups()
    assert bytes_of(name, int(byte), int(byte) + 2) == largest.to_bytes(2, "little")


def test_connections_are_kept(pile: HubServer) -> None:
    source = open_pile()
    for sequence in range(0, 100_000, 10_000):
        source.tokens(SequenceRange(sequence, sequence + 1))
    assert len(ranges(pile)) == 10
    assert len(pile.connections) <= 2


# -- what revisions mean


@pytest.mark.parametrize("revision", ["main", "v1"])
def test_a_revision_is_looked_up_once_and_read_at_its_commit(pile: HubServer, revision: str) -> None:
    source = open_pile(f"hf://datasets/org/pile@{revision}")
    for sequence in (0, 5_000):
        np.testing.assert_array_equal(
            source.tokens(SequenceRange(sequence, sequence + 1)), rows_of(sequence, sequence + 1)
        )
    asked = [line for line in pile.requests if "/large/" not in line]
    file = "datasets/org/pile/resolve/{}/document-00000-of-00020.bin"
    assert asked == [f"HEAD /{file.format(revision)}", *[f"GET /{file.format(COMMIT)}"] * 2]


@pytest.mark.parametrize("digits", [7, 9, 39])
def test_a_commit_by_its_first_digits_is_refused(digits: int) -> None:
    with pytest.raises(InvalidValue, match=rf"names a commit by {digits} of its 40 digits.*; write the whole commit\."):
        HubLocation.parse(f"hf://datasets/org/pile@{COMMIT[:digits]}")


def test_a_hub_that_does_not_say_its_commit_is_refused(pile: HubServer) -> None:
    pile.formulas["datasets/org/mute"] = Formula(commit="", lengths=SHARDS, read=bytes_of, revisions=("main",))
    with pytest.raises(HubUnavailable, match="does not say which commit org/mute@main is; name the commit itself"):
        open_pile("hf://datasets/org/mute").tokens(SequenceRange(0, 1))


@pytest.mark.parametrize(
    "place",
    ["s3://bucket/pile", "hf://org/pile", "hf://datasets/pile", "hf://datasets/org/pile@", "hf://datasets/o/p/q"],
)
def test_other_places_are_refused(place: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(f"{place} is not a place that orders are read from; write")):
        HubLocation.parse(place)


# -- the cache


def test_what_was_fetched_is_not_fetched_again(pile: HubServer) -> None:
    whole, part = SequenceRange(1024, 2048), SequenceRange(1030, 1033)
    open_pile().tokens(whole)
    pile.requests.clear()
    again = open_pile()
    np.testing.assert_array_equal(again.tokens(whole), rows_of(1024, 2048))
    np.testing.assert_array_equal(again.tokens(part), rows_of(1030, 1033))
    np.testing.assert_array_equal(again.take(np.array([2047, 1024]), 7, 9), rows_of(1024, 2048)[[1023, 0], 7:9])
    assert pile.requests == [], "neither the batch nor what lies in it"


def test_half_of_a_batch_that_is_kept_is_not_fetched_again(pile: HubServer) -> None:
    batch = SequenceRange(7149 * 1024, 7150 * 1024)
    open_pile().tokens(batch)
    kept = sorted(path for path in token_cache().folder.rglob("*") if path.is_file())
    assert len(kept) == 2
    kept[1].unlink()
    pile.requests.clear()
    pile.headers.clear()
    np.testing.assert_array_equal(open_pile().tokens(batch), rows_of(batch.start, batch.stop))
    assert [name for name, _ in ranges(pile)] == [kept[1].parent.name]


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_piece_is_fetched_anew(pile: HubServer, damage: str) -> None:
    open_pile().tokens(SequenceRange(0, 3))
    (piece,) = (path for path in token_cache().folder.rglob("*") if path.is_file())
    content = piece.read_bytes()
    piece.write_bytes({"flipped": content[:-1] + bytes([content[-1] ^ 1]), "cut": content[:-1], "empty": b""}[damage])
    pile.requests.clear()
    np.testing.assert_array_equal(open_pile().tokens(SequenceRange(0, 3)), rows_of(0, 3))
    assert len(pile.requests) == 2, "the hub, and its store"
    assert piece.read_bytes() == content


def test_the_cache_stays_within_its_limit_and_forgets_what_was_not_used(
    pile: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 20 * 8_192
    monkeypatch.setenv("SEENAT_CACHE_BYTES", str(limit))
    source = open_pile()
    for sequence in range(0, 40_000, 1_000):
        source.tokens(SequenceRange(sequence, sequence + 1))
        source.tokens(SequenceRange(0, 1))
        files = [path for path in token_cache().folder.rglob("*") if path.is_file()]
        assert sum(-(-path.stat().st_size // 4_096) * 4_096 for path in files) <= limit
    assert len(files) >= 17
    assert len([line for line in pile.requests if line.startswith("GET /large/")]) == 40, "sequence 0 was always in use"
    pile.requests.clear()
    source.tokens(SequenceRange(39_000, 39_001))
    assert pile.requests == []
    source.tokens(SequenceRange(1_000, 1_001))
    assert len(pile.requests) == 2


def test_no_cache_by_a_limit_of_nothing(pile: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEENAT_CACHE_BYTES", "0")
    for _ in range(2):
        np.testing.assert_array_equal(open_pile().tokens(SequenceRange(0, 1)), rows_of(0, 1))
    assert len(ranges(pile)) == 2
    assert not token_cache().folder.exists()
    monkeypatch.setenv("SEENAT_CACHE_BYTES", "2 XB")
    with pytest.raises(InvalidValue, match="SEENAT_CACHE_BYTES is '2 XB'; write a whole number of bytes"):
        open_pile()


def test_what_a_dead_process_left_behind_is_cleared_away(pile: HubServer) -> None:
    folder = token_cache().folder / "org%2Fpile" / COMMIT / "document-00000-of-00020.bin"
    folder.mkdir(parents=True)
    dead, alive = folder / "0-4098.dead.partial", folder / "0-4098.alive.partial"
    dead.touch()
    alive.touch()
    os.utime(dead, (time.time() - 4_000,) * 2)
    open_pile().tokens(SequenceRange(0, 1))
    assert sorted(path.name for path in folder.iterdir()) == ["0-4098", alive.name]


def test_a_folder_that_cannot_be_written_costs_only_the_cache(pile: HubServer) -> None:
    token_cache().folder.parent.mkdir(parents=True)
    token_cache().folder.write_text("in the way")
    np.testing.assert_array_equal(open_pile().tokens(SequenceRange(0, 1)), rows_of(0, 1))


# -- in processes of their own, which take huggingface_hub's settings from the environment


def in_process(code: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Run code that has `source`, the order at PLACE."""
    opened = f"""
import numpy as np, sys
from seenat.registry.errors import SeenatError
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.orders.geometry import Geometry
from seenat.registry.orders.remote.order import open_remote
from seenat.registry.units import SequenceRange
files = [FileRecord(name=name, bytes=length) for name, length in {SHARDS!r}.items()]
geometry = Geometry(sequences={SEQUENCES}, tokens_per_sequence={LENGTH}, dtype="uint16")
source = open_remote("{PLACE}", files, geometry, 1024, 50277)
assert "huggingface_hub" not in sys.modules, "it is imported when bytes are asked for"
"""
    command = [sys.executable, "-c", opened + code]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_a_batch_costs_its_bytes_and_shows_the_token_to_the_hub_alone(pile: HubServer, tmp_path: Path) -> None:
    environment = pile.environment(tmp_path / "hf", HF_TOKEN="hf_secret")
    del environment["HF_HUB_DISABLE_TELEMETRY"]
    code = "print(source.tokens(SequenceRange(5120, 6144)).sum()); assert 'torch' not in sys.modules"
    assert int(said(in_process(code, environment))) == rows_of(5120, 6144).sum()
    assert ranges(pile) == [("document-00000-of-00020.bin", f"bytes={5 * BATCH}-{6 * BATCH - 1}")]
    assert BATCH < sum(pile.sent) < BATCH + 65_536
    shown = {headers["host"].partition(":")[0]: headers.get("authorization") for headers in pile.headers}
    assert shown == {"127.0.0.1": "Bearer hf_secret", "localhost": None}


def test_without_the_hub_what_is_kept_serves_and_nothing_else(pile: HubServer, tmp_path: Path) -> None:
    open_pile().tokens(SequenceRange(1024, 2048))
    pile.requests.clear()
    code = """
print(source.tokens(SequenceRange(1024, 2048)).sum(), source.take(np.array([1500]), 0, 9).sum())
for wanted in (SequenceRange(0, 1), SequenceRange(2000, 2049)):
    try:
        source.tokens(wanted)
    except SeenatError as error:
        print(type(error).__name__, error)
"""
    lines = said(in_process(code, pile.environment(tmp_path / "hf", HF_HUB_OFFLINE="1"))).splitlines()
    assert lines[0] == f"{rows_of(1024, 2048).sum()} {rows_of(1500, 1501)[0, :9].sum()}"
    missing = f"HubUnavailable What is asked of document-00000-of-00020.bin of org/pile@{COMMIT} is not in the cache, "
    assert lines[1:] == [missing + "and HF_HUB_OFFLINE is set; unset it to fetch it."] * 2
    assert pile.requests == []


def test_processes_share_a_cache_that_is_too_small_for_them(pile: HubServer, tmp_path: Path) -> None:
    environment = pile.environment(tmp_path / "hf", SEENAT_CACHE_BYTES=str(10 * 8_192))
    code = """
for turn in range(3):
    for sequence in range(0, 20_000, 1_000):
        print(source.tokens(SequenceRange(sequence, sequence + 1)).sum())
"""
    due = [str(rows_of(sequence, sequence + 1).sum()) for sequence in range(0, 20_000, 1_000)] * 3
    processes = [in_process(code, environment) for _ in range(3)]
    assert [said(process).split() for process in processes] == [due] * 3
    files = [path for path in token_cache().folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if path.name.endswith(".partial")]


# -- what goes wrong at the hub

SMALL = np.arange(60, dtype=np.uint16).reshape(12, 5)
QUICK = RetryPolicy(delays=(0.0, 0.0), timeout=0.5)
ONE = "ids.bin of org/small@"
Refused = type[CorruptFile | HubUnavailable | UnknownOrder]
FAULTS: dict[str, tuple[Fault, Refused, str, int]] = {
    "unauthorized": (Fault(status=401), HubUnavailable, rf"refuses {ONE}\w+ \(401\); check that HF_TOKEN is valid", 1),
    "forbidden": (Fault(status=403), HubUnavailable, rf"refuses {ONE}\w+ \(403\)", 1),
    "gated": (Fault(status=403, code="GatedRepo"), HubUnavailable, rf"keeps {ONE}\w+ gated; ask for access", 1),
    "gone": (Fault(status=404, code="RepoNotFound"), UnknownOrder, rf"shows no repository for {ONE}", 1),
    "no revision": (Fault(status=404, code="RevisionNotFound"), UnknownOrder, rf"has no such revision: {ONE}", 1),
    "no file": (Fault(status=404, code="EntryNotFound"), UnknownOrder, r"has no file ids\.bin in org/small@\w+; check", 1),
    "busy": (Fault(status=429), HubUnavailable, rf"failed on {ONE}\w+ \(429\); try again later", 3),
    "broken": (Fault(status=500), HubUnavailable, rf"failed on {ONE}\w+ \(500\); try again later", 3),
    "down": (Fault(at="body", status=503), HubUnavailable, rf"failed on {ONE}\w+ \(503\)", 3),
    "silent": (Fault(at="body", delay=1), HubUnavailable, rf"cannot be reached for {ONE}\w+ \(ReadTimeout\)", 3),
    "cut": (Fault(at="body", cut_after=9), HubUnavailable, rf"cannot be reached for {ONE}\w+ \(RemoteProtocolError\)", 3),
    "far off": (
        Fault(status=429, headers={"Retry-After": "301"}), HubUnavailable, rf"wait 301 seconds .* more of {ONE}", 1
    ),
    "limited": (
        Fault(status=429, headers={"RateLimit": '"api";r=0;t=900'}), HubUnavailable, "asks to wait 900 seconds", 1
    ),
    "whole": (Fault(at="body", answer="whole"), HubUnavailable, rf"20 bytes of {ONE}\w+ were asked .* status 200,", 1),
    "encoded": (Fault(at="body", headers={"Content-Encoding": "gzip"}), HubUnavailable, "it answered in 'gzip' encoding", 1),
    "shifted": (Fault(at="body", answer="shifted"), CorruptFile, r"Bytes 10-29 of .* answered 'bytes 11-30/120'", 1),
    "short": (Fault(at="body", answer="short"), CorruptFile, rf"20 bytes of {ONE}\w+ were asked for, .* promises '19'", 1),
    "long": (Fault(at="body", answer="long"), CorruptFile, rf"20 bytes of {ONE}\w+ were asked for, .* promises '21'", 1),
}  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[HubServer, str]]:
    """A hub with a small order, and the order's place there."""
    folder = tmp_path / "small"
    folder.mkdir()
    SMALL.tofile(folder / "ids.bin")
    with serve() as hub, client_of(hub):
        yield hub, f"hf://datasets/org/small@{hub.add('datasets/org/small', 'main', folder)}"


def open_small(place: str, retry: RetryPolicy = QUICK, length: int = 120, sequences: int = 12) -> RemoteOrder:
    geometry = Geometry(sequences=sequences, tokens_per_sequence=5, dtype="uint16")
    return open_remote(place, [FileRecord(name="ids.bin", bytes=length)], geometry, 4, retry=retry)


@pytest.mark.parametrize("name", FAULTS)
def test_every_failure_is_one_sentence_after_as_many_tries_as_it_deserves(
    small: tuple[HubServer, str], name: str
) -> None:
    hub, place = small
    fault, error, message, tries = FAULTS[name]
    hub.faults["datasets/org/small"] = fault
    with pytest.raises(error) as refused:
        open_small(place).tokens(SequenceRange(1, 3))
    assert type(refused.value) is error
    assert re.search(message, str(refused.value)), str(refused.value)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)
    assert len([line for line in hub.requests if "/large/" not in line]) == tries
    hub.faults.clear()
    np.testing.assert_array_equal(open_small(place).tokens(SequenceRange(1, 3)), SMALL[1:3])


@pytest.mark.parametrize("name", ["busy", "broken", "down", "silent", "cut"])
def test_what_passes_is_not_noticed(small: tuple[HubServer, str], name: str) -> None:
    hub, place = small
    fault = FAULTS[name][0]
    hub.faults["datasets/org/small"] = Fault(
        at=fault.at, status=fault.status, delay=fault.delay, cut_after=fault.cut_after, times=2
    )
    np.testing.assert_array_equal(open_small(place).tokens(SequenceRange(1, 3)), SMALL[1:3])


@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {"RateLimit": '"resolvers";r=0;t=1'}])
def test_the_hub_says_how_long_to_wait(small: tuple[HubServer, str], headers: dict[str, str]) -> None:
    hub, place = small
    hub.faults["datasets/org/small"] = Fault(status=429, headers=headers, times=1)
    began = time.monotonic()
    np.testing.assert_array_equal(open_small(place).tokens(SequenceRange(1, 3)), SMALL[1:3])
    assert 1 <= time.monotonic() - began < 2


def test_delays_are_what_they_are_said_to_be(small: tuple[HubServer, str]) -> None:
    hub, place = small
    hub.faults["datasets/org/small"] = Fault(status=503)
    began = time.monotonic()
    with pytest.raises(HubUnavailable):
        open_small(place, RetryPolicy(delays=(0.1, 0.2, 0.4))).tokens(SequenceRange(1, 3))
    assert len(hub.requests) == 4
    assert 0.7 <= time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("length", "sequences", "wanted", "found"),
    [(130, 13, 12, "has 120 bytes"), (130, 13, 2, "has 120 bytes"), (110, 11, 2, "has 120 bytes")],
)
def test_a_file_of_another_length_than_the_catalogs_is_refused(
    small: tuple[HubServer, str], length: int, sequences: int, wanted: int, found: str
) -> None:
    hub, place = small
    source = open_small(place, length=length, sequences=sequences)
    message = rf"{ONE}\w+ {found} on the hub, and {length} by the catalog; check the order's revision"
    with pytest.raises(CorruptFile, match=message):
        source.tokens(SequenceRange(wanted, wanted + 1))
    assert len(hub.requests) == 2


def test_a_branch_that_moves_changes_nothing_half_way(small: tuple[HubServer, str], tmp_path: Path) -> None:
    hub, place = small
    source = open_small(place.partition("@")[0])
    np.testing.assert_array_equal(source.tokens(SequenceRange(0, 1)), SMALL[:1])
    moved = tmp_path / "moved"
    moved.mkdir()
    SMALL[::-1].tofile(moved / "ids.bin")
    hub.add("datasets/org/small", "before", hub.repositories["datasets/org/small"]["main"])
    hub.add("datasets/org/small", "main", moved)
    np.testing.assert_array_equal(source.tokens(SequenceRange(1, 9)), SMALL[1:9])
    np.testing.assert_array_equal(open_small(place.partition("@")[0]).tokens(SequenceRange(1, 9)), SMALL[::-1][1:9])


def test_one_failure_among_scattered_sequences_ends_them_all(pile: HubServer) -> None:
    pile.faults["datasets/org/pile"] = Fault(at="body", status=403, times=1)
    with pytest.raises(HubUnavailable, match=r"refuses .* \(403\)"):
        open_pile().take(np.arange(0, 100_000_000, 1_000_000), 0, 1)
    assert len(ranges(pile)) < 20, "what had not begun was not begun"
    assert open_pile().take(np.array([], dtype=np.int64), 0, 1).shape == (0, 1)


def test_entities_do_not_load_the_client() -> None:
    code = "import sys, seenat.registry.catalog.models, seenat.registry.integrity.batch_digests; print('huggingface_hub' in sys.modules)"
    ran: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
