"""What all tables share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData

__all__ = ["WITHOUT_ROWID", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

WITHOUT_ROWID: dict[str, Any] = {"sqlite_with_rowid": False}
"""For tables of a few numbers a row and no other key: SQLite keeps them in the primary key's own tree."""
