"""The table `access_log`: what was done by which token, and what was refused. Rows are added, and never changed.

created, revoked   on the command line
used               a request that writes was let through, before it did anything
done, failed       what came of it
refused            a request that writes was not let through
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from seenat.registry.answer import Answer, Answers
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.tables.access import access_log
from seenat.registry.errors import InvalidValue
from seenat.registry.printable import in_a_sentence

__all__ = ["AccessEntry", "log_entries", "write_entry"]

_LONGEST_CLIENT, _LONGEST_REQUEST, _LONGEST_DETAIL = 64, 80, 500


@dataclass(frozen=True, kw_only=True)
class AccessEntry(Answer):
    """A line of the log of tokens."""

    entry: int
    at: str
    event: str
    """`created`, `revoked`, `used`, `done`, `failed` or `refused`."""
    token: int | None
    """The token's id; None where a refused request named none of this catalog."""
    client: str | None
    """The address that asked; None on the command line."""
    request: str | None
    """Under which the log of the service has the request."""
    detail: str


def write_entry(
    connection: Connection,
    event: str,
    detail: str,
    *,
    token: int | None = None,
    client: str | None = None,
    request: str | None = None,
) -> None:
    """Add a line; what others wrote of it is shortened, and steers no terminal."""
    row = {
        "at": stamp(database_time(connection)),
        "event": event,
        "token_id": token,
        "client": client and in_a_sentence(client)[:_LONGEST_CLIENT],
        "request": request and in_a_sentence(request)[:_LONGEST_REQUEST],
        "detail": in_a_sentence(detail, _LONGEST_DETAIL),
    }
    connection.execute(insert(access_log).values(**row))


def log_entries(connection: Connection, limit: int) -> Answers[AccessEntry]:
    """The last lines, the newest first."""
    if limit < 0:
        raise InvalidValue(f"{limit} is no number of lines; write a whole number from 0.")
    rows = connection.execute(select(access_log).order_by(access_log.c.id.desc()).limit(limit))
    return Answers(
        AccessEntry(
            entry=row.id,
            at=row.at,
            event=row.event,
            token=row.token_id,
            client=row.client,
            request=row.request,
            detail=row.detail,
        )
        for row in rows
    )
