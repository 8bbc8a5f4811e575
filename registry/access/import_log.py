"""The table `import_log`: who brought what into the catalog from outside, and took it out again. Rows are added, and never changed."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from seenat.registry.answer import Answer, Answers
from seenat.registry.database.clock import database_time, stamp
from seenat.registry.database.tables.imports import import_log
from seenat.registry.errors import InvalidValue
from seenat.registry.printable import in_a_sentence

__all__ = ["ImportEntry", "import_entries", "note_import"]

_LONGEST_WHO, _LONGEST_NAME, _LONGEST_TEXT = 200, 300, 1000


@dataclass(frozen=True, kw_only=True)
class ImportEntry(Answer):
    """Something that was brought into the catalog, or taken out."""

    at: str
    """By the database's clock."""
    who: str
    """The user and the machine, as the machine names them."""
    action: str
    """`added`, `replaced`, `removed` or `attached`."""
    kind: str
    """`memorized` and `sample` for published results, `evals` for benchmark results, `results` and `index` for what was attached."""
    name: str
    source: str
    digest: str | None
    """Of the file that the catalog keeps of it; None where that is not one file."""
    detail: str | None


def note_import(
    connection: Connection,
    action: str,
    kind: str,
    name: str,
    source: str,
    *,
    digest: str | None = None,
    detail: str | None = None,
) -> None:
    """Add a line, within the transaction that does it; names and sources steer no terminal."""
    row = {
        "at": stamp(database_time(connection)),
        "who": _who()[:_LONGEST_WHO],
        "action": action,
        "kind": kind,
        "name": in_a_sentence(name, _LONGEST_NAME),
        "source": in_a_sentence(source, _LONGEST_TEXT),
        "digest": digest,
        "detail": detail,
    }
    connection.execute(insert(import_log).values(**row))


def import_entries(connection: Connection, limit: int) -> Answers[ImportEntry]:
    """The last lines, the newest first."""
    if limit < 0:
        raise InvalidValue(f"{limit} is no number of lines; write a whole number from 0.")
    rows = connection.execute(select(import_log).order_by(import_log.c.id.desc()).limit(limit))
    return Answers(ImportEntry(**{name: value for name, value in row._mapping.items() if name != "id"}) for row in rows)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # A container may run as a number that has no name.
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return in_a_sentence(f"{user}@{socket.gethostname()}")
