"""The part of the public catalog about who may write to it over HTTP: tokens, and the log of what was done with them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from seenat.lookups import CatalogSection
from seenat.registry.answer import Answers

if TYPE_CHECKING:
    from seenat.registry.access.log import AccessEntry
    from seenat.registry.access.tokens import AccessToken, CreatedToken

__all__ = ["Access"]


class Access(CatalogSection):
    """Tokens of the services that serve this catalog."""

    def create_token(self, *scopes: str, name: str | None = None, expires: str = "90d") -> CreatedToken:
        """Make a token for these scopes: "jobs:write" submits and cancels jobs, "jobs:cancel" cancels them.

        `expires` is "12h", "30d", "8w" or "never". The answer's `text` is the token, and nobody can read it again. Raises
        `InvalidValue`.
        """
        from seenat.registry.access.tokens import create_token

        with self._registry.database.write() as connection:
            return create_token(connection, scopes, name, expires)

    def tokens(self) -> Answers[AccessToken]:
        """All tokens, the newest first, without their texts."""
        from seenat.registry.access.tokens import list_tokens

        with self._registry.database.read() as connection:
            return list_tokens(connection)

    def revoke_token(self, id_: int) -> AccessToken:
        """Let a token hold no more, and return it; raises `UnknownToken`."""
        from seenat.registry.access.tokens import revoke_token

        with self._registry.database.write() as connection:
            return revoke_token(connection, id_)

    def log(self, *, limit: int = 100) -> Answers[AccessEntry]:
        """What was done with tokens and what was refused, the newest first."""
        from seenat.registry.access.log import log_entries

        with self._registry.database.read() as connection:
            return log_entries(connection, limit)

    # -- for a service

    def check(self, token: str | None, scopes: Collection[str]) -> AccessToken:
        """The token of this text, where it holds and has one of these scopes; nothing is written.

        Raises `Unauthenticated` and `OutOfScope`.
        """
        from seenat.registry.access.tokens import check_token

        with self._registry.database.read() as connection:
            return check_token(connection, token, scopes)

    def use(self, token: str | None, scopes: Collection[str], detail: str, *, client: str, request: str) -> AccessToken:
        """As `check`, and the use is in the log before anything is done with the token."""
        from seenat.registry.access.log import write_entry
        from seenat.registry.access.tokens import check_token

        with self._registry.database.write() as connection:
            checked = check_token(connection, token, scopes)
            write_entry(connection, "used", detail, token=checked.id, client=client, request=request)
        return checked

    def note(self, event: str, detail: str, *, token: int | None, client: str, request: str) -> None:
        """Add a line to the log: `done`, `failed` or `refused`."""
        from seenat.registry.access.log import write_entry

        with self._registry.database.write() as connection:
            write_entry(connection, event, detail, token=token, client=client, request=request)
