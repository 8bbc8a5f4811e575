"""Tokens of every kind for a catalog, and requests that bring them."""

from __future__ import annotations

from sqlalchemy import update

import seenat
from seenat.registry.database.tables.access import access_tokens

__all__ = ["bearer", "expire", "tokens_of"]


def tokens_of(catalog: seenat.Catalog) -> dict[str, str]:
    """The texts of a token for each scope, of one that has expired, and of one that was revoked."""
    made = {scope: catalog.access.create_token(scope) for scope in ("jobs:write", "jobs:cancel")}
    made |= {state: catalog.access.create_token("jobs:write", expires="1m") for state in ("expired", "revoked")}
    expire(catalog, made["expired"].token.id)
    catalog.access.revoke_token(made["revoked"].token.id)
    return {kind: str(created.text) for kind, created in made.items()}


def expire(catalog: seenat.Catalog, id_: int) -> None:
    """Let a token's time be over."""
    with catalog._registry.database.write() as connection:
        is_it = access_tokens.c.id == id_
        connection.execute(update(access_tokens).where(is_it).values(expires_at="2026-01-01T00:00:00.000Z"))


def bearer(text: str) -> dict[str, str]:
    """The header that brings a token."""
    return {"authorization": f"Bearer {text}"}
