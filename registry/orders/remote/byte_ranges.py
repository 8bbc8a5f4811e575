"""Ranges of bytes of files on the hub: exactly the bytes that were asked for, or an error.

They travel through huggingface_hub's own session, which keeps connections open, follows the hub to where it stores large
files, and shows its token to the hub alone. `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE` and `HF_HUB_DOWNLOAD_TIMEOUT` are
its own. Invariants:

* What is asked for is half-open, `[offset, offset + n)`; on the wire the end is inclusive, `bytes=a-(a+n-1)`.
* An answer counts only if it is partial content (206), names the range that was asked for and a file of the length that
  the catalog knows, and holds as many bytes; anything else is refused and never used.
* Everything is read at one commit, however its revision was named: a branch that moves changes nothing half-way.
* What may pass is tried again, after delays that grow and have no chance in them: 408, 429, 5xx, silence, cut connections.
  What will not pass (401, 403, 404, 416, a wrong answer) is told at once.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, UnknownOrder
from seenat.registry.hub.download import hub_errors

if TYPE_CHECKING:
    from httpx2 import Response

__all__ = ["HubFile", "HubLocation", "HubRanges", "RetryPolicy"]

_LOCATION = re.compile(r"hf://datasets/(?P<repository>[^/@\s]+/[^/@\s]+)(?:@(?P<revision>[^\s@]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class HubLocation:
    """A revision of a dataset repository."""

    repository: str
    """`ORG/NAME`."""
    revision: str
    """A branch, a tag, or a commit, whole or its first digits."""

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}"

    @property
    def commit(self) -> str | None:
        """The commit, where the revision is one in its 40 digits."""
        return self.revision if _COMMIT.fullmatch(self.revision) else None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `hf://datasets/ORG/NAME@REVISION`, without a revision the branch `main`."""
        match = _LOCATION.fullmatch(text)
        if match is None:
            raise InvalidValue(
                f"{text} is not a place that orders are read from; write a folder, or hf://datasets/ORG/NAME@REVISION."
            )
        return cls(match["repository"], match["revision"] or "main")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository, and how long it must be."""

    name: str
    """Its path in the repository."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long and how often the hub is asked for one thing."""

    delays: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Seconds before each further try, where the hub does not say how long to wait."""
    longest_wait: float = 300.0
    """Most seconds that the hub may ask to wait; its limits count over windows of 300 seconds."""
    timeout: float | None = None
    """Seconds of silence that end a try; None for huggingface_hub's own setting, 10 seconds unless it is changed."""


class HubRanges:
    """The files of one revision. It holds no connection, and travels to other processes."""

    def __init__(self, location: HubLocation, patience: RetryPolicy | None = None) -> None:
        self.location = location
        self.patience = patience or RetryPolicy()

    def find_commit(self, file: HubFile) -> str:
        """The commit that the revision means now, by one look-up of a file of it.

        Raises `UnknownOrder` when the hub has no such repository, revision or file, `HubUnavailable` when it does not answer.
        """
        from huggingface_hub import get_hf_file_metadata

        url = self._url(file, self.location.revision)

        def look_up() -> str | None:
            return get_hf_file_metadata(url, timeout=self._timeout()).commit_hash

        commit = self._ask(file, look_up)
        if commit is None or not _COMMIT.fullmatch(commit):
            raise HubUnavailable(f"The hub does not say which commit {self.location} is; name the commit itself.")
        return commit

    def read(self, file: HubFile, commit: str, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` with the bytes of a file from `offset` on, by one request.

        Raises `CorruptFile` when the answer or the file is not what it must be, `UnknownOrder` when the hub has no such
        repository, commit or file, `HubUnavailable` when it refuses or does not answer. `buffer` is then undefined.
        """
        url = self._url(file, commit)
        self._ask(file, lambda: self._fetch(url, file, offset, buffer))

    # -- one try

    def _fetch(self, url: str, file: HubFile, offset: int, buffer: memoryview) -> None:
        from huggingface_hub import get_session, hf_raise_for_status
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # Documented, exported lazily.

        asked = {"Range": f"bytes={offset}-{offset + len(buffer) - 1}", "Accept-Encoding": "identity"}
        headers = build_hf_headers(library_name="seenat", headers=asked)
        with get_session().stream(
            "GET", url, headers=headers, follow_redirects=True, timeout=self._timeout()
        ) as response:
            if response.status_code == 416:
                raise self._too_short(file, offset + len(buffer), response.headers.get("Content-Range", ""))
            hf_raise_for_status(response)
            self._check(file, offset, len(buffer), response)
            self._receive(file, response, buffer)

    def _check(self, file: HubFile, offset: int, length: int, response: Response) -> None:
        """Raise unless the head of an answer promises the range that was asked for."""
        status, encoding = response.status_code, response.headers.get("Content-Encoding", "identity")
        if status != 206 or encoding != "identity":
            answer = f"with status {status}" if status != 206 else f"in {encoding} encoding"
            raise HubUnavailable(
                f"{length} bytes of {self._name(file)} were asked for and answered {answer}, so they cannot be told from the "
                "rest; ask the hub at HF_ENDPOINT, or a proxy before it, to serve ranges of bytes."
            )
        stated = response.headers.get("Content-Range", "no range")
        match = _CONTENT_RANGE.fullmatch(stated)
        if match is None or (int(match[1]), int(match[2])) != (offset, offset + length - 1):
            raise CorruptFile(
                f"Bytes {offset}-{offset + length - 1} of {self._name(file)} were asked for, and the hub answered "
                f"{stated!r}; nothing of it was used."
            )
        if match[3] not in ("*", str(file.bytes)):
            raise CorruptFile(
                f"{self._name(file)} has {match[3]} bytes on the hub, and {file.bytes} by the catalog; "
                "check the order's revision."
            )

    def _receive(self, file: HubFile, response: Response, buffer: memoryview) -> None:
        filled = 0
        for chunk in response.iter_raw():
            if filled + len(chunk) <= len(buffer):
                buffer[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
            if filled > len(buffer):
                break
        if filled != len(buffer):
            found = f"only {filled}" if filled < len(buffer) else "more"
            raise CorruptFile(
                f"{len(buffer)} bytes of {self._name(file)} were promised, and {found} came; nothing of them was used."
            )

    def _too_short(self, file: HubFile, stop: int, stated: str) -> CorruptFile:
        length = stated.rpartition("/")[2]
        found = f"has {length} bytes" if length.isdecimal() else f"ends before byte {stop}"
        return CorruptFile(
            f"{self._name(file)} {found} on the hub, and {file.bytes} by the catalog; check the order's revision."
        )

    # -- several tries

    def _ask(self, file: HubFile, once: Callable[[], _Result]) -> _Result:
        from huggingface_hub.errors import EntryNotFoundError, OfflineModeIsEnabled

        with hub_errors(self._name(file), UnknownOrder):
            try:
                return self._persist(file, once)
            except OfflineModeIsEnabled as error:
                raise HubUnavailable(
                    f"What is asked of {self._name(file)} is not in the cache, and HF_HUB_OFFLINE is set; "
                    "unset it to fetch it."
                ) from error
            except EntryNotFoundError as error:
                raise UnknownOrder(
                    f"The hub has no file {file.name} in {self.location}; check the order's repository and revision."
                ) from error

    def _persist(self, file: HubFile, once: Callable[[], _Result]) -> _Result:
        from httpx2 import TransportError
        from huggingface_hub.errors import HfHubHTTPError

        for delay in self.patience.delays:
            try:
                return once()
            except (HfHubHTTPError, TransportError) as error:
                response = error.response if isinstance(error, HfHubHTTPError) else None
                if response is not None and not _may_pass(response.status_code):
                    raise
                wait = delay if response is None else _wait_asked_for(response.headers, delay)
                if wait > self.patience.longest_wait:
                    raise HubUnavailable(
                        f"The hub asks to wait {wait:g} seconds before it sends more of {self._name(file)}; try again then."
                    ) from error
                _log.warning("%s: %s; trying again in %g s.", self._name(file), _reason(error, response), wait)
            time.sleep(wait)
        return once()

    def _timeout(self) -> float:
        from huggingface_hub import constants

        chosen = self.patience.timeout
        return constants.HF_HUB_DOWNLOAD_TIMEOUT if chosen is None else chosen

    def _url(self, file: HubFile, revision: str) -> str:
        from huggingface_hub import hf_hub_url

        with hub_errors(str(self.location), UnknownOrder):
            return hf_hub_url(self.location.repository, file.name, repo_type="dataset", revision=revision)

    def _name(self, file: HubFile) -> str:
        return f"{file.name} of {self.location}"


def _may_pass(status: int) -> bool:
    return status in (408, 429) or status >= 500


def _wait_asked_for(headers: Any, otherwise: float) -> float:
    """The seconds that an answer asks to wait, by Retry-After or by the hub's own account of its limit."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]  # As above.

    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    limit = parse_ratelimit_headers(headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else otherwise


def _reason(error: Exception, response: Response | None) -> str:
    return type(error).__name__ if response is None else f"status {response.status_code}"
