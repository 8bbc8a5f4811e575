"""Every answer of a hub in turn late, cut, endless, of another kind, or with a head that no hub sends.

Whatever it sends, what was asked for comes whole or one sentence does, in bounded time; nothing is written outside of the
cache, and nothing in it is anything but what the hub holds under its digest.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import constants
from support import hostile_hub
from support.fake_hub import client_of
from support.hostile_hub import COMMIT, FILES, IDS, Answer, Attack, HostileHub, serve_hostile
from support.hostile_listings import JSONS

from seenat.registry.errors import CorruptFile, HubUnavailable, SeenatError
from seenat.registry.hub.answers import check_head
from seenat.registry.hub.cache import git_blob_id, keep_if_content
from seenat.registry.hub.download import fetch_checkpoint
from seenat.registry.hub.files import RepositoryFile
from seenat.registry.hub.listing import RepositoryListing
from seenat.registry.hub.retry import RetryPolicy
from seenat.registry.orders.remote.range_requests import HubFile, HubLocation, HubRanges

QUICK = RetryPolicy(delays=(0.0,), timeout=0.5, patience=4.0, longest_wait=0.5)
SECONDS = 12.0
"""Within which everything ends; patience 4, and a second a resumed transfer."""

Asked = Callable[[], None]


@pytest.fixture(scope="module")
def server() -> Iterator[HostileHub]:
    with serve_hostile() as hub, client_of(hub):
        yield hub


@dataclass
class Disk:
    """A folder in which every question gets an empty cache, so deep that `../` many times over stays in the folder."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    number: int = 0

    def renew(self) -> None:
        self.number += 1
        self.monkeypatch.setattr(constants, "HF_HUB_CACHE", str(self.outside.joinpath(*"abcdefgh", "cache")))

    @property
    def outside(self) -> Path:
        return self.root / str(self.number)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tmp_path, monkeypatch)
    made.renew()
    return made


@pytest.fixture
def hub(server: HostileHub) -> HostileHub:
    """The hub, still friendly."""
    server.attack = None
    server.asked.clear()
    return server


def cache() -> Path:
    return Path(constants.HF_HUB_CACHE)


def check_disk(disk: Disk) -> None:
    """Nothing lies outside of the cache, and everything in it is what the hub holds."""
    outside = [path for path in disk.root.rglob("*") if not path.is_dir() and "cache" not in path.parts]
    assert outside == []
    repository = cache() / "models--org--one"
    for blob in repository.glob("blobs/*"):
        assert blob.is_file()
        assert blob.read_bytes() in FILES.values(), f"{blob} holds {blob.read_bytes()[:60]!r}"
    for path in repository.glob("snapshots/*/**/*"):
        assert path.parent.name == COMMIT
        assert path.read_bytes() == FILES[path.name]
    for path in repository.rglob("refs/*"):
        assert path.read_text() == COMMIT


def check_ends(ask: Asked, disk: Disk, *, kept: bool = False) -> SeenatError | None:
    """Ask, with an empty cache unless it is `kept`, and look at what came of it; returns the error."""
    if not kept:
        disk.renew()
    began, error = time.monotonic(), None
    try:
        ask()
    except SeenatError as caught:
        error = caught
    assert time.monotonic() - began < SECONDS
    if error is not None:
        check_sentence(str(error))
    check_disk(disk)
    return error


def check_sentence(told: str) -> None:
    assert told.endswith(".")
    assert told.isprintable(), "of one line"
    assert len(told) < 700


# -- what is asked


def checkpoint() -> None:
    folder = fetch_checkpoint("org/one", "step0", retry=QUICK)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES


def listed() -> None:
    repository = RepositoryListing("org/one", QUICK)
    assert repository.revisions() == {"main": COMMIT, "step0": COMMIT}
    listing = repository.files(COMMIT)
    assert (listing.commit, [file.name for file in listing.files]) == (COMMIT, sorted(FILES))
    assert listing.digest is not None


def ranged() -> None:
    buffer = memoryview(bytearray(50))
    location = HubLocation.parse(f"hf://datasets/org/ids@{COMMIT}")
    HubRanges(location, QUICK).read(HubFile("ids.bin", len(IDS)), COMMIT, 100, buffer)
    assert bytes(buffer) == IDS[100:150]


KINDS: dict[str, tuple[Asked, ...]] = {
    "refs": (listed,),
    "listing": (checkpoint, listed),
    "head config": (checkpoint,),
    "body config": (checkpoint, listed),
    "head index": (checkpoint,),
    "body index": (checkpoint, listed),
    "head part": (checkpoint,),
    "body part": (checkpoint,),
    "range": (ranged,),
}
BODIES = [kind for kind in KINDS if not kind.startswith("head")]
HEADS = [kind for kind in KINDS if kind.startswith("head")]


def each(kinds: list[str]) -> list[tuple[str, Asked]]:
    return [(kind, ask) for kind in kinds for ask in KINDS[kind]]


@pytest.mark.parametrize("ask", [checkpoint, listed, ranged])
def test_a_friendly_hub_serves(hub: HostileHub, disk: Disk, ask: Asked) -> None:
    assert check_ends(ask, disk) is None


# -- answers that do not end, or end early

SENT = {
    "cut": hostile_hub.cut,
    "cut in its head": hostile_hub.cut_in_head,
    "nothing": hostile_hub.raw(b""),
    "no HTTP": hostile_hub.raw(b"SSH-2.0-OpenSSH_9.6\r\n" * 4),
    "endless head": hostile_hub.endless_head,
    "endless body": hostile_hub.endless_body,
    "endless chunks": hostile_hub.endless_chunks,
    "endless early answers": hostile_hub.endless_early_answers,
}


@pytest.mark.parametrize("name", SENT)
def test_what_is_cut_or_endless_ends(hub: HostileHub, disk: Disk, name: str) -> None:
    # huggingface_hub resumes each transfer that breaks off five times, a second apart, so that one is enough.
    kinds = ["refs", "listing", "head config", "range", "body config"]
    if name == "endless head":
        kinds.pop()
    elif name == "endless early answers":
        kinds = ["range"]
    elif name in ("endless body", "endless chunks"):
        kinds = [kind for kind in BODIES if kind != "body index"]
    for kind, ask in each(kinds):
        hub.attack = Attack(kind, send=SENT[name])
        check_ends(ask, disk)
        hub.attack = None


@pytest.mark.parametrize(("kind", "ask"), [("head part", checkpoint), ("refs", listed), ("range", ranged)])
def test_a_byte_at_a_time_is_too_slow(hub: HostileHub, disk: Disk, kind: str, ask: Asked) -> None:
    hub.attack = Attack(kind, send=hostile_hub.slowly(0.1))
    error = check_ends(ask, disk)
    assert isinstance(error, HubUnavailable)
    assert "too slowly" in str(error)


@pytest.mark.parametrize(("kind", "ask"), [("body part", checkpoint), ("listing", listed)])
def test_a_body_of_a_byte_at_a_time_is_too_slow(hub: HostileHub, disk: Disk, kind: str, ask: Asked) -> None:
    hub.attack = Attack(kind, send=hostile_hub.slow_body(0.1))
    error = check_ends(ask, disk)
    assert isinstance(error, HubUnavailable)
    assert "too slowly" in str(error)


# -- answers of another kind


@pytest.mark.parametrize("kind", JSONS)
def test_a_listing_that_is_none_is_refused(hub: HostileHub, disk: Disk, kind: str) -> None:
    for content in JSONS[kind]:
        hub.attack = Attack(kind, lambda answer, content=content: answer.with_body(content))
        for ask in KINDS[kind]:
            error = check_ends(ask, disk)
            assert isinstance(error, HubUnavailable), content[:300]
            assert "does not answer as a hub does" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_proxy_is_never_kept(hub: HostileHub, disk: Disk, kind: str) -> None:
    for change in (hostile_hub.page, hostile_hub.same_head_other_page):
        hub.attack = Attack(kind, change)
        for ask in KINDS[kind]:
            error = check_ends(ask, disk)
            assert error is not None or (kind.startswith("head") and change is not hostile_hub.page)
    hub.attack = None
    for ask in KINDS[kind]:
        assert check_ends(ask, disk, kept=True) is None, "and once the proxy is gone, all is well"


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "304 Not Modified", "404 Not Found",
                                    "416 Range Not Satisfiable", "429 Too Many Requests", "500 Oops", "999 Odd"])  # fmt: skip
def test_another_status_ends(hub: HostileHub, disk: Disk, status: str) -> None:
    for kind, ask in each(list(KINDS)):
        hub.attack = Attack(kind, lambda answer: Answer(status, answer.headers, answer.body))
        check_ends(ask, disk)


@pytest.mark.parametrize("seconds", ["1000000000", "9" * 400, "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_the_hub_cannot_make_anybody_wait_for_ever(hub: HostileHub, disk: Disk, seconds: str) -> None:
    for kind, ask in each(list(KINDS)):
        hub.attack = Attack(
            kind, lambda answer: Answer("429 Busy", (("Retry-After", seconds), ("Content-Length", "0")))
        )
        error = check_ends(ask, disk)
        assert isinstance(error, HubUnavailable)
        assert "asks to wait" in str(error)


@pytest.mark.parametrize("limit", ['"api";r=0;t=1000000000', f'"api";r=0;t={"9" * 5_000}'])
def test_nor_by_its_limit(hub: HostileHub, disk: Disk, limit: str) -> None:
    for kind, ask in each(["listing", "body part", "range"]):
        hub.attack = Attack(kind, lambda answer: Answer("429 Busy", (("RateLimit", limit), ("Content-Length", "0"))))
        assert isinstance(check_ends(ask, disk), HubUnavailable)


def test_a_name_whose_look_up_hangs_is_given_up(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(60))
    error = check_ends(listed, disk)
    assert isinstance(error, HubUnavailable)
    assert "brought nothing of the address of hub.invalid in 0.5 seconds" in str(error)


def test_no_client_without_bounds_fetches(hub: HostileHub, disk: Disk) -> None:
    """Where a head offers bytes by way of Xet, huggingface_hub would leave the transfer to hf_xet."""
    route = ("X-Xet-Refresh-Route", f"{hub.url}/xet")
    hub.attack = Attack("head part", lambda answer: answer.with_header("X-Xet-Hash", "0" * 64).with_header(*route))
    assert check_ends(checkpoint, disk) is None
    assert hub.asked.count("body part") == 1


# -- heads that no hub sends

HEADERS = ("ETag", "X-Linked-Etag", "X-Repo-Commit", "X-Linked-Size", "Content-Length", "Content-Range", "Content-Encoding",
           "Content-Type", "Content-Disposition", "Transfer-Encoding", "X-Xet-Hash", "X-Error-Code", "Set-Cookie", "Link")  # fmt: skip
VALUES = ("../../../../../outside", "..", "", '""', "W/", "a" * 300, "\u00e9", "-1", "9" * 5_000, "0" * 40, "0" * 64)


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_leads_outside_or_is_believed(hub: HostileHub, disk: Disk, header: str) -> None:
    values = (*VALUES, str(disk.root / "outside"))
    for kind, ask in (("head config", checkpoint), ("body config", checkpoint), ("head part", checkpoint),
                      ("listing", listed), ("range", ranged)):  # fmt: skip
        # What makes a client wait for bytes that do not come costs seconds.
        for value in values[:1] if header in ("Content-Length", "Transfer-Encoding") else values:
            hub.attack = Attack(kind, lambda answer, value=value: answer.with_header(header, value))
            check_ends(ask, disk)


@pytest.mark.parametrize("value", ["../../../../outside", '""', "", "W/", "0" * 39, "g" * 40, "0" * 40 + "/.."])
def test_an_etag_that_is_no_digest_is_refused(hub: HostileHub, disk: Disk, value: str) -> None:
    for kind in HEADS:
        hub.attack = Attack(kind, lambda answer: answer.with_header("ETag", value))
        error = check_ends(checkpoint, disk)
        assert isinstance(error, HubUnavailable)
        assert "is neither a SHA-1 nor a SHA-256" in str(error)


def test_what_was_written_outside_of_the_cache_is_not_used(disk: Disk) -> None:
    outside = disk.outside / "config.json"
    outside.parent.mkdir()
    outside.write_bytes(FILES["config.json"])
    with pytest.raises(CorruptFile, match=rf"had config.json written to {outside}, which is outside of "):
        keep_if_content(outside, RepositoryFile("config.json", git_blob_id(outside), None))
    assert outside.exists()
    folder = cache() / "models--org--one" / "config.json"
    folder.mkdir(parents=True)
    with pytest.raises(CorruptFile, match="arrived as something that is no file"):
        keep_if_content(folder, RepositoryFile("config.json", git_blob_id(outside), None))


def test_a_second_look_that_differs_from_the_first_is_refused(hub: HostileHub, disk: Disk) -> None:
    """huggingface_hub looks a file up once more before it sends for it."""
    for header, value in (("ETag", "../../../../outside"), ("X-Repo-Commit", "../../.."), ("X-Repo-Commit", "1" * 40)):
        looks: list[int] = []

        def change(answer: Answer, header: str = header, value: str = value, looks: list[int] = looks) -> Answer:
            looks.append(1)
            return answer if len(looks) == 1 else answer.with_header(header, value)

        hub.attack = Attack("head config", change)
        assert isinstance(check_ends(checkpoint, disk), HubUnavailable)
        assert len(looks) >= 2


def test_the_absence_of_a_file_is_not_noted_elsewhere(hub: HostileHub, disk: Disk) -> None:
    def change(answer: Answer) -> Answer:
        missing = (
            ("X-Error-Code", "EntryNotFound"),
            ("X-Repo-Commit", "../../../../../outside"),
            ("Content-Length", "0"),
        )
        return Answer("404 Not Found", missing)

    hub.attack = Attack("head config", change)
    assert isinstance(check_ends(checkpoint, disk), HubUnavailable)


PLACES = ("", "..", "http://[", "http://:99999999/", "file:///etc/passwd", "ftp://127.0.0.1/x", "//", "http:///x", "\x00", "/",
          "javascript:1", "http://\u00e9\u202e/", "/same")  # fmt: skip


@pytest.mark.parametrize("status", ["302 Found", "300 Choices"])
def test_a_redirect_leads_nowhere_wrong(hub: HostileHub, disk: Disk, status: str) -> None:
    for kind, ask in (("listing", listed), ("head config", checkpoint), ("range", ranged)):
        for place in PLACES:
            hub.attack = Attack(
                kind,
                lambda answer, place=place: (
                    Answer(status, answer.headers).with_body(b"").with_header("Location", place)
                ),
            )
            check_ends(ask, disk)


def test_a_redirect_gives_up_no_encryption() -> None:
    asked = httpx2.Request("HEAD", "https://hub.invalid/x")
    for place in ("http://hub.invalid/x", "ftp://hub.invalid/x"):
        with pytest.raises(HubUnavailable, match="about it: it leads to "):
            check_head(httpx2.Response(302, headers={"Location": place}, request=asked), "it", None)
    check_head(httpx2.Response(302, headers={"Location": "https://cdn.invalid/x"}, request=asked), "it", None)


# -- ranges


@pytest.mark.parametrize(
    "damage",
    [
        lambda head: head + b"\r\n",
        lambda head: head + b"\n",
        lambda head: head.replace(b"Content-Length", b"Content-Lenght"),
        lambda head: head.replace(b"\r\nX-Repo-Commit", b"\r\n\r\nX-Repo-Commit"),
        lambda head: head.replace(b"X-Repo-Commit", b"Content-Length: 50\r\n\r\nX-Repo-Commit"),
        lambda head: head.replace(b"bytes 100-149/240", b"bytes 101-150/240"),
        lambda head: head.replace(b"bytes 100-149/240", b"bytes 100-149/241"),
        lambda head: head.replace(b"bytes 100-149/240", b"bytes 100-149/"),
        lambda head: head.replace(b"bytes 100-149/240", b"bytes 0100-149/240"),
        lambda head: head.replace(b"bytes 100-149", b"bytes 100-149/240, bytes 100-149"),
        lambda head: head.replace(b"Content-Length: 50", b"Content-Length: 49"),
        lambda head: head.replace(b"206", b"203"),
        lambda head: head.replace(b"X-Repo", b"Content-Type: multipart/byteranges; boundary=x\r\nX-Repo"),
        lambda head: head.replace(b"X-Repo", b"Content-Encoding: gzip\r\nX-Repo"),
        lambda head: head.replace(COMMIT.encode(), b"1" * 40),
    ],
)
def test_a_damaged_head_never_shifts_the_bytes(hub: HostileHub, disk: Disk, damage: Callable[[bytes], bytes]) -> None:
    hub.attack = Attack("range", send=lambda sent, answer: sent.sendall(damage(answer.head()) + answer.body))
    assert check_ends(ranged, disk) is not None


# -- content


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_differs_from_its_digest_is_deleted(hub: HostileHub, disk: Disk, name: str) -> None:
    kind = {"config.json": "config", "model.safetensors.index.json": "index"}.get(name, "part")
    hub.attack = Attack(f"body {kind}", lambda answer: answer.with_body(answer.body[:-1] + b"\x00"))
    assert isinstance(check_ends(checkpoint, disk), CorruptFile)
    hub.attack = None
    assert check_ends(checkpoint, disk, kept=True) is None


def test_a_small_file_that_others_left_damaged_in_the_cache_is_fetched_anew(hub: HostileHub, disk: Disk) -> None:
    checkpoint()
    config = cache() / "models--org--one" / "snapshots" / COMMIT / "config.json"
    config.resolve().write_bytes(b"<html>log in</html>")
    folder = fetch_checkpoint("org/one", "step0", COMMIT, retry=QUICK)
    assert (folder / "config.json").read_bytes() == FILES["config.json"]
    check_disk(disk)


def test_a_hub_that_turns_hostile_leaves_what_was_fetched_in_use(hub: HostileHub, disk: Disk) -> None:
    checkpoint()
    hub.attack = Attack("head config", hostile_hub.page)
    assert check_ends(checkpoint, disk, kept=True) is None


def test_a_config_of_any_size_is_not_begun(hub: HostileHub, disk: Disk) -> None:
    hub.attack = Attack("head config", lambda answer: answer.with_header("X-Linked-Size", str(9_400_000_000)))
    error = check_ends(checkpoint, disk)
    assert "has 9,400,000,000 bytes on the hub, and at most 16,777,216 are read of such a file" in str(error)
    assert "body config" not in hub.asked
