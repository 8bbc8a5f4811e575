"""What a hub's answers must be like; everything else is refused with a sentence, before it is used.

huggingface_hub believes what a hub says: it names files after ETags and commits, follows each Location, and fails in many
ways where a listing is not what it expects. An answer that is not a hub's is `HubUnavailable`: a log-in page, a proxy, another
kind of server. A file that is not the one listed is `CorruptFile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin, urlsplit

from seenat.registry.errors import HubUnavailable

if TYPE_CHECKING:
    from httpx2 import Response

__all__ = [
    "MOST_BYTES",
    "check_head",
    "commit_in",
    "count_in",
    "digest_in",
    "hub_name",
    "is_commit",
    "members_in",
    "name_in",
    "not_a_hub",
    "reading_answers",
    "shortened",
    "text_in",
    "top_name_in",
]

MOST_BYTES = 2**63 - 1
"""The largest number that a database holds."""
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# What git allows in no name, and no database stores.
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST_NAME = 255
# What huggingface_hub raises by mistake where it expects another answer.
_TRIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_SHOWN = 80


def hub_name() -> str:
    """The hub that is asked, to begin a sentence with."""
    from huggingface_hub import constants

    return f"The hub at {constants.ENDPOINT}"


def not_a_hub(subject: str, fault: str) -> NoReturn:
    """Raise `HubUnavailable`: an answer about `subject` is no hub's, because of `fault`."""
    raise HubUnavailable(
        f"{hub_name()} does not answer as a hub does about {subject}: {fault}; check HF_ENDPOINT, and whether a proxy or a "
        "log-in page stands before it."
    )


def shortened(value: object) -> str:
    """A value for a message, in quotes and at most 80 characters of it."""
    text = value if isinstance(value, str) else repr(value)[: 2 * _SHOWN]
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


@contextmanager
def reading_answers(subject: str) -> Iterator[None]:
    """Raise `HubUnavailable` for what a client trips over in an answer of another form."""
    from httpx2 import CookieConflict, InvalidURL
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except HFValidationError:  # A name of ours, not an answer.
        raise
    except (*_TRIPS, CookieConflict, InvalidURL) as error:
        not_a_hub(subject, f"it cannot be read ({type(error).__name__})")


# -- heads


def check_head(response: Response, subject: str, commit: str | None) -> None:
    """Raise `HubUnavailable` for a head that no hub sends; `commit` is the one asked for, where that is known."""
    headers = response.headers
    encoding = headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity" and response.request.method != "HEAD":
        not_a_hub(subject, f"it answered in {shortened(encoding)} encoding, which was not asked for")
    stated, xet = headers.get("X-Repo-Commit"), headers.get("X-Xet-Hash")
    if stated is not None and (_COMMIT.fullmatch(stated) is None or stated != (commit or stated)):
        not_a_hub(subject, f"it answered for the commit {shortened(stated)}")
    if xet is not None and _SHA256.fullmatch(xet) is None:
        not_a_hub(subject, f"its Xet hash is {shortened(xet)}")
    # huggingface_hub follows to the same place, and takes the head of any other answer for the file's.
    followed = response.has_redirect_location and _check_location(response, subject)
    if response.request.method == "HEAD" and response.status_code < 400 and not followed:
        etag = headers.get("X-Linked-Etag") or headers.get("ETag")
        if etag is not None:
            digest_in(_unquoted(etag), subject)


def _check_location(response: Response, subject: str) -> bool:
    """Check where an answer leads; whether to the same place, which answers then with a head of its own."""
    asked, location = str(response.request.url), response.headers.get("Location", "")
    try:
        place, before = urlsplit(urljoin(asked, location)), urlsplit(asked)
        port, port_before = place.port, before.port
    except ValueError:
        not_a_hub(subject, f"it leads to {shortened(location)}")
    is_safe = place.scheme == "https" or (place.scheme, before.scheme) == ("http", "http")
    if not location.isprintable() or not place.hostname or not is_safe:
        not_a_hub(subject, f"it leads to {shortened(location)}")
    return (place.scheme, place.hostname, port) == (before.scheme, before.hostname, port_before)


def _unquoted(etag: str) -> str:
    """An ETag without the quotes and the mark of a weak one."""
    return etag.removeprefix("W/").strip('"')


# -- values


def is_commit(text: str) -> bool:
    """Whether a revision is a commit in full, 40 hexadecimal digits."""
    return _COMMIT.fullmatch(text) is not None


def commit_in(value: object, subject: str) -> str:
    """A commit, 40 hexadecimal digits."""
    if not isinstance(value, str) or _COMMIT.fullmatch(value) is None:
        not_a_hub(subject, f"it says that the commit is {shortened(value)}")
    return value


def digest_in(value: object, subject: str) -> str:
    """What identifies a file: a git blob's SHA-1, 40 hexadecimal digits, or a large file's SHA-256, 64."""
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        not_a_hub(subject, f"the ETag {shortened(value)} is neither a SHA-1 nor a SHA-256")
    return value


def count_in(value: object, subject: str, what: str) -> int:
    """A length or a count."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_BYTES:
        not_a_hub(subject, f"{what} is {shortened(value)}")
    return value


def text_in(value: object, subject: str, what: str) -> str:
    """A name of at most 255 characters, none of them a control character or half of one."""
    if not isinstance(value, str) or _UNUSABLE.search(value) or not 0 < len(value) <= _LONGEST_NAME:
        not_a_hub(subject, f"{what} is {shortened(value)}")
    return value


def name_in(value: object, subject: str) -> str:
    """The path of a file within a repository; it leads to nowhere else."""
    if not isinstance(value, str) or any(part in ("", ".", "..") for part in value.split("/")):
        not_a_hub(subject, f"the name of a file is {shortened(value)}")
    return value


def top_name_in(value: object, subject: str) -> str | None:
    """The name of a file at the top of a repository, None of any other; it can be a file's name on every system."""
    name = name_in(value, subject)
    return None if "/" in name or "\\" in name or ":" in name else text_in(name, subject, "the name of a file")


def members_in(value: object, subject: str, what: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping):
        not_a_hub(subject, f"{what} is {shortened(value)}")
    return value
