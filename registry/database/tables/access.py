"""Who may write over HTTP, and what was written by which token."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, String, Table, Text, TypedColumns

from seenat.registry.database.tables.base import metadata

__all__ = ["access_log", "access_tokens"]


class AccessTokenColumns(TypedColumns):
    """A token, without its secret: only what the secret hashes to is kept."""

    id = Column(Integer, primary_key=True)
    digest = Column(String(80), nullable=False)
    name: Column[str | None] = Column(String(200))
    scopes: Column[list[str]] = Column(JSON, nullable=False)
    created_at = Column(String(32), nullable=False)
    """This and the next two by the database's clock."""
    expires_at: Column[str | None] = Column(String(32))
    revoked_at: Column[str | None] = Column(String(32))


access_tokens = Table("access_tokens", metadata, AccessTokenColumns)


class AccessLogColumns(TypedColumns):
    """Something that was done with a token, or refused; rows are only ever added."""

    id = Column(Integer, primary_key=True)
    at = Column(String(32), nullable=False)
    event = Column(String(16), nullable=False)
    """`created`, `revoked`, `used`, `done`, `failed` or `refused`."""
    token_id: Column[int | None] = Column(Integer, index=True)
    """Null where a refused request named no token of this catalog."""
    client: Column[str | None] = Column(String(64))
    """The address that asked; null on this machine's command line."""
    request: Column[str | None] = Column(String(80))
    """Under which the log of the service has the request."""
    detail = Column(Text, nullable=False)


access_log = Table("access_log", metadata, AccessLogColumns)
