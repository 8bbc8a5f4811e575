"""Tokens: made and revoked by who may write to the catalog's database, checked for who may not.

A token has scopes, each a thing that may be done with it, and an end. It is checked in two transactions: one that only reads,
before anything else is read of a request, and one that writes, within which nobody can revoke it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection

from seenat.registry.access.lifetimes import parse_lifetime
from seenat.registry.access.log import write_entry
from seenat.registry.access.secrets import Secret, digest_of, id_of, is_of, new_secret
from seenat.registry.access.token_table import (
    insert_token,
    last_token_ids,
    set_digest,
    set_revoked,
    token_row,
    token_rows,
)
from seenat.registry.answer import Answer, Answers
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.rows import AnyRow
from seenat.registry.errors import InvalidValue, OutOfScope, Unauthenticated, UnknownToken

__all__ = ["SCOPES", "AccessToken", "CreatedToken", "check_token", "create_token", "list_tokens", "revoke_token"]

SCOPES: Mapping[str, str] = {"jobs:write": "submit and cancel jobs", "jobs:cancel": "cancel jobs"}
"""What may be done with a token."""

_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class AccessToken(Answer):
    """A token, without its text."""

    id: int
    name: str | None
    scopes: tuple[str, ...]
    state: str
    """`valid`, `expired` or `revoked`."""
    created_at: str
    expires_at: str | None
    """None where it holds until it is revoked."""
    revoked_at: str | None

    json_names = ("token=id", "name", "scopes", "state", "created_at", "expires_at", "revoked_at")


@dataclass(frozen=True, kw_only=True)
class CreatedToken(Answer):
    """A token that was just made, with its text, which nobody can read again."""

    text: Secret
    token: AccessToken

    json_names: ClassVar[tuple[str, ...]] = ("text=_plain", "token")

    @property
    def _plain(self) -> str:
        return str.__str__(self.text)


def create_token(connection: Connection, scopes: Iterable[str], name: str | None, expires: str) -> CreatedToken:
    """Make a token; raises `InvalidValue` for a scope, a name or a lifetime that there is not."""
    chosen, lifetime = _checked_scopes(scopes), parse_lifetime(expires)
    _check_name(name)
    moment = database_time(connection)
    ends = None if lifetime is None else stamp(moment + lifetime)
    id_ = insert_token(connection, name, chosen, stamp(moment), ends)
    text = new_secret(id_)
    set_digest(connection, id_, digest_of(text))
    until = f"until {ends}" if ends else "until it is revoked"
    write_entry(connection, "created", f"for {', '.join(chosen)}, {until}", token=id_)
    return CreatedToken(text=text, token=_read(connection, id_))


def list_tokens(connection: Connection) -> Answers[AccessToken]:
    """All tokens, the newest first."""
    moment = stamp(database_time(connection))
    return Answers(_token(row, moment) for row in token_rows(connection))


def revoke_token(connection: Connection, id_: int) -> AccessToken:
    """Let a token hold no more, and return it; one that was revoked stays as it is. Raises `UnknownToken`."""
    _read(connection, id_)
    if set_revoked(connection, id_, stamp(database_time(connection))):
        write_entry(connection, "revoked", "on the command line", token=id_)
    return _read(connection, id_)


def check_token(connection: Connection, text: str | None, scopes: Iterable[str]) -> AccessToken:
    """The token of this text, where it holds and has one of these scopes; raises `Unauthenticated` and `OutOfScope`."""
    if not text:
        raise Unauthenticated(
            "This needs a token; send it in the header Authorization, as Bearer and the token's text."
        )
    id_ = id_of(text)
    row = None if id_ is None else token_row(connection, id_)
    if not is_of(text, None if row is None else row.digest) or row is None:
        raise Unauthenticated("This token is not known here; ask for one made by `seenat token create`.")
    token = _token(row, stamp(database_time(connection)))
    if token.state != "valid":
        was = f"has expired at {token.expires_at}" if token.state == "expired" else f"was revoked at {token.revoked_at}"
        raise Unauthenticated(f"Token {token.id} {was}; ask for another, made by `seenat token create`.", token.id)
    if not set(scopes) & set(token.scopes):
        raise OutOfScope(
            f"Token {token.id} is for {', '.join(token.scopes)}, and this needs {' or '.join(scopes)}; ask for another.",
            token.id,
        )
    return token


def _checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(scopes))
    unknown = [scope for scope in chosen if scope not in SCOPES]
    if unknown or not chosen:
        raise InvalidValue(
            f"{unknown[0]!r} is no scope; choose from {', '.join(SCOPES)}."
            if unknown
            else f"A token needs a scope; choose from {', '.join(SCOPES)}."
        )
    return chosen


def _check_name(name: str | None) -> None:
    if name is not None and (not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable()):
        raise InvalidValue(f"{name!r} is no name of a token; write 1 to {_LONGEST_NAME} characters, in one line.")


def _read(connection: Connection, id_: int) -> AccessToken:
    row = token_row(connection, id_)
    if row is None:
        last = last_token_ids(connection, 3)
        known = f"the last are {', '.join(map(str, last))}" if last else "there are none yet; see `seenat token create`"
        raise UnknownToken(f"There is no token {id_}; {known}.", last)
    return _token(row, stamp(database_time(connection)))


def _token(row: AnyRow, moment: str) -> AccessToken:
    is_over = row.expires_at is not None and row.expires_at <= moment
    return AccessToken(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes),
        state="revoked" if row.revoked_at is not None else "expired" if is_over else "valid",
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
