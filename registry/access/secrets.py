"""The text of a token: `seenat_ID_SECRET`, whose secret is 32 random bytes.

Of a secret so long one SHA-256 is enough: nobody can try all of them, so that nothing is gained by a slow hash. The id finds
the row, and digests are compared in a time that does not tell how much of them is right.
"""

from __future__ import annotations

import hmac
import re
import secrets

from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["Secret", "digest_of", "id_of", "is_of", "new_secret"]

_FORM = re.compile(r"seenat_([0-9]{1,9})_[A-Za-z0-9_-]{43}")
_BYTES = 32
_NOBODYS = sha256_of_bytes(secrets.token_bytes(_BYTES))


class Secret(str):
    """A token's text, which shows no more than its id where an object that holds it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'seenat_{id_of(self)}_...'"


def new_secret(id_: int) -> Secret:
    """The text of a new token of this id."""
    return Secret(f"seenat_{id_}_{secrets.token_urlsafe(_BYTES)}")


def id_of(text: str) -> int | None:
    """The id that a token's text names; None for what is no token's text."""
    match = _FORM.fullmatch(text)
    return int(match[1]) if match else None


def digest_of(text: str) -> str:
    """What the catalog keeps of a token's text."""
    return sha256_of_bytes(text.encode("utf-8", "backslashreplace"))


def is_of(text: str, digest: str | None) -> bool:
    """Whether a text has this digest; without one the comparison is made all the same, and fails."""
    return hmac.compare_digest(digest or _NOBODYS, digest_of(text))
