"""Ranges of bytes of files on the hub: exactly the bytes of the request, or an error.

Requests use huggingface_hub's own session, which keeps connections open, follows the hub to where it stores large files, and
shows its token to the hub alone. `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE` and `HF_HUB_DOWNLOAD_TIMEOUT` are its own.
Invariants:

* Ranges here are half-open, `[offset, offset + n)`; on the wire the end is inclusive, `bytes=a-(a+n-1)`.
* An answer counts only if it is partial content (206) of one part, names the requested range and a file of the length that
  the catalog knows, says how many bytes it holds, holds as many, and ends there; any other answer is refused and never used.
  A head that was damaged on its way could otherwise shift the bytes behind it.
* Everything is read at one commit, however its revision was named: a branch that moves changes nothing half-way.
* Errors that may pass are tried again, as `seenat.registry.hub.retry` says; a wrong answer is an error at once.
* What an answer may take is bounded, as `seenat.registry.hub.bounds` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, UnknownOrder
from seenat.registry.hub.answers import is_commit, reading_answers, shortened
from seenat.registry.hub.bounds import SMALL, bounded, unread_bytes
from seenat.registry.hub.errors import hub_errors
from seenat.registry.hub.retry import RetryPolicy

if TYPE_CHECKING:
    from httpx2 import Response

__all__ = ["HubFile", "HubLocation", "HubRanges"]

_LOCATION = re.compile(r"hf://datasets/(?P<repository>[^/@\s]+/[^/@\s]+)(?:@(?P<revision>[^\s@]+))?")
# As git abbreviates commits, to no fewer than 7 digits.
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
# Digits of a number in a message.
_LONGEST_NUMBER = 20
# Types of answers that are not bytes of a file: of several ranges at once, and of pages.
_NOT_BYTES = ("multipart/", "text/html")

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class HubLocation:
    """A revision of a dataset repository."""

    repository: str
    """`ORG/NAME`."""
    revision: str
    """A branch, a tag, or a commit in full."""

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"

    @property
    def commit(self) -> str | None:
        """The revision where it is a commit in full; None otherwise."""
        return self.revision if is_commit(self.revision) else None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `hf://datasets/ORG/NAME@REVISION`, without a revision the branch `main`.

        Raises `InvalidValue` for anything else, and for a commit that is not given in full.
        """
        match = _LOCATION.fullmatch(text)
        if match is None:
            raise InvalidValue(
                f"{text} is not a place that orders are read from; write a folder, or hf://datasets/ORG/NAME@REVISION."
            )
        revision = match["revision"] or "main"
        if _SHORT_COMMIT.fullmatch(revision):
            raise InvalidValue(
                f"{text} names a commit by {len(revision)} of its 40 digits, and hubs want all of them; write the whole commit."
            )
        return cls(match["repository"], revision)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository, and how long it must be."""

    name: str
    """Its path in the repository."""
    bytes: int


class HubRanges:
    """The files of one revision. It holds no connection, so it can be pickled."""

    def __init__(self, location: HubLocation, retry: RetryPolicy | None = None) -> None:
        self.location = location
        self.retry = retry or RetryPolicy()

    def find_commit(self, file: HubFile) -> str:
        """The commit that the revision names now, by one look-up of a file of it.

        Raises `UnknownOrder` when the hub has no such repository, revision or file, `HubUnavailable` when it does not answer.
        """
        from huggingface_hub import get_hf_file_metadata

        url = self._url(file, self.location.revision)

        def look_up() -> str | None:
            return get_hf_file_metadata(url, timeout=self.retry.timeout_or_default()).commit_hash

        commit = self._request(file, look_up, None, SMALL)
        if commit is None or not is_commit(commit):
            raise HubUnavailable(f"The hub does not say which commit {self.location} is; name the commit itself.")
        return commit

    def read(self, file: HubFile, commit: str, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes of a file from `offset` on, by one request.

        Raises `CorruptFile` when the answer or the file is not what it must be, `UnknownOrder` when the hub has no such
        repository, commit or file, `HubUnavailable` when it refuses or does not answer. `buffer` is then undefined.
        """
        url = self._url(file, commit)
        self._request(file, lambda: self._fetch(url, file, offset, buffer), commit, len(buffer))

    # -- one try

    def _fetch(self, url: str, file: HubFile, offset: int, buffer: memoryview) -> None:
        from huggingface_hub import get_session, hf_raise_for_status
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # Documented, exported lazily.

        range_ = f"bytes={offset}-{offset + len(buffer) - 1}"
        # A compressed answer has other positions than the file.
        headers = build_hf_headers(library_name="seenat", headers={"Range": range_, "Accept-Encoding": "identity"})
        with get_session().stream(
            "GET", url, headers=headers, follow_redirects=True, timeout=self.retry.timeout_or_default()
        ) as response:
            if response.status_code == 416:
                raise self._too_short(file, offset + len(buffer), response.headers.get("Content-Range", ""))
            hf_raise_for_status(response)
            self._check_head(file, offset, len(buffer), response.status_code, response.headers)
            self._receive(file, response, buffer)

    def _check_head(self, file: HubFile, offset: int, length: int, status: int, headers: Mapping[str, str]) -> None:
        """Raise unless the head of an answer promises the requested range, and nothing else."""
        kind = headers.get("Content-Type", "").strip().lower()
        if status != 206 or kind.startswith(_NOT_BYTES):
            answer = f"with status {status}" if status != 206 else f"as {shortened(kind)}"
            raise HubUnavailable(
                f"{length} bytes of {self._name(file)} were asked for and answered {answer}, so they cannot be told from the "
                "rest; ask the hub at HF_ENDPOINT, or a proxy before it, to serve ranges of bytes."
            )
        self._check_range(file, offset, length, headers.get("Content-Range", "no range"))
        if not _says_length(headers, length):
            raise CorruptFile(
                f"{length} bytes of {self._name(file)} were asked for, and the hub promises "
                f"{shortened(headers.get('Content-Length', 'no length'))}; nothing of it was used."
            )

    def _check_range(self, file: HubFile, offset: int, length: int, stated: str) -> None:
        due = f"bytes {offset}-{offset + length - 1}/"
        total = stated.removeprefix(due)
        if total == stated or not (total == "*" or (total.isascii() and total.isdecimal())):
            raise CorruptFile(
                f"Bytes {offset}-{offset + length - 1} of {self._name(file)} were asked for, and the hub answered "
                f"{shortened(stated)}; nothing of it was used."
            )
        if total not in ("*", str(file.bytes)):
            raise CorruptFile(
                f"{self._name(file)} has {total[:_LONGEST_NUMBER]} bytes on the hub, and {file.bytes} by the catalog; "
                "check the order's revision."
            )

    def _receive(self, file: HubFile, response: Response, buffer: memoryview) -> None:
        # Chunks have a frame of their own, which no byte too many fits.
        is_plain = "Content-Length" in response.headers
        filled = 0
        for chunk in response.iter_raw():
            if filled + len(chunk) <= len(buffer):
                buffer[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
            # The rest of an answer that is too long may be the whole file, 30 GB; closing the stream leaves it.
            if filled > len(buffer) or (is_plain and filled == len(buffer) and unread_bytes(response, filled)):
                filled = len(buffer) + 1
                break
        if filled != len(buffer):
            received = f"only {filled}" if filled < len(buffer) else "more"
            raise CorruptFile(
                f"{len(buffer)} bytes of {self._name(file)} were promised, and {received} came; nothing of them was used."
            )

    def _too_short(self, file: HubFile, stop: int, stated: str) -> CorruptFile:
        length = stated.rpartition("/")[2]
        is_number = length.isascii() and length.isdecimal() and len(length) <= _LONGEST_NUMBER
        actual = f"has {length} bytes" if is_number else f"ends before byte {stop}"
        return CorruptFile(
            f"{self._name(file)} {actual} on the hub, and {file.bytes} by the catalog; check the order's revision."
        )

    # -- the request and its errors

    def _request(self, file: HubFile, request: Callable[[], _Result], commit: str | None, most: int) -> _Result:
        from huggingface_hub.errors import EntryNotFoundError, OfflineModeIsEnabled

        name = self._name(file)

        def once() -> _Result:
            with bounded(name, self.retry, most=most, commit=commit), reading_answers(name):
                return request()

        with hub_errors(name, UnknownOrder):
            try:
                return self.retry.call(name, once)
            # These two say more here than `hub_errors` can: what is missing is a file of an order.
            except OfflineModeIsEnabled as error:
                raise HubUnavailable(
                    f"What is asked of {self._name(file)} is not in the cache, and HF_HUB_OFFLINE is set; "
                    "unset it to fetch it."
                ) from error
            except EntryNotFoundError as error:
                raise UnknownOrder(
                    f"The hub has no file {file.name} in {self.location}; check the order's repository and revision."
                ) from error

    def _url(self, file: HubFile, revision: str) -> str:
        from huggingface_hub import hf_hub_url

        with hub_errors(str(self.location), UnknownOrder):
            return hf_hub_url(self.location.repository, file.name, repo_type="dataset", revision=revision)

    def _name(self, file: HubFile) -> str:
        return f"{file.name} of {self.location}"


def _says_length(headers: Mapping[str, str], length: int) -> bool:
    """Whether a head says where its body ends, and that it has this length if it says one."""
    stated = headers.get("Content-Length")
    if stated is None:
        return headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
    return stated.strip() == str(length)
