"""The table `access_tokens`: every statement that reads or writes it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select, update

from seenat.registry.database.rows import AnyRow
from seenat.registry.database.tables.access import access_tokens

__all__ = ["insert_token", "last_token_ids", "set_digest", "set_revoked", "token_row", "token_rows"]


def insert_token(
    connection: Connection, name: str | None, scopes: Iterable[str], created_at: str, expires_at: str | None
) -> int:
    """Store a token that nobody has yet, since no text has its digest; returns its id."""
    row = {"digest": "", "name": name, "scopes": list(scopes), "created_at": created_at, "expires_at": expires_at}
    return connection.execute(insert(access_tokens).values(**row).returning(access_tokens.c.id)).scalar_one()


def set_digest(connection: Connection, id_: int, digest: str) -> None:
    """Record what a token's text hashes to."""
    connection.execute(update(access_tokens).where(access_tokens.c.id == id_).values(digest=digest))


def set_revoked(connection: Connection, id_: int, at: str) -> bool:
    """Record when a token was revoked, unless that is recorded; whether it was not."""
    holds = access_tokens.c.revoked_at.is_(None)
    done = connection.execute(update(access_tokens).where(access_tokens.c.id == id_, holds).values(revoked_at=at))
    return bool(done.rowcount)


def token_row(connection: Connection, id_: int) -> AnyRow | None:
    """A token."""
    return connection.execute(select(access_tokens).where(access_tokens.c.id == id_)).one_or_none()


def token_rows(connection: Connection) -> list[AnyRow]:
    """All tokens, the newest first."""
    return list(connection.execute(select(access_tokens).order_by(access_tokens.c.id.desc())))


def last_token_ids(connection: Connection, limit: int) -> list[int]:
    """The ids of the last tokens, the newest first."""
    return list(
        connection.execute(select(access_tokens.c.id).order_by(access_tokens.c.id.desc()).limit(limit)).scalars()
    )
