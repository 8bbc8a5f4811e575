"""Where things lie on this machine is nobody's business over HTTP: a path is told by its last name.

The whole sentence stands in the log, under the id of the request.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import URL
from starlette.types import Scope

from seenat import Catalog
from seenat.registry import settings
from seenat.registry.errors import DatabaseUnavailable, Refused, SeenatError

__all__ = ["Folders"]

# Folders of a path, as far as they have no blanks; then what begins with one and is no part of an address.
_INNER = r"(?:[^\s/'\",;:()]+/)"
_FOLDERS = re.compile(rf"(?<![\w.:/~%-])/{_INNER}+")
_UNAVAILABLE = (
    "The catalog's database does not answer; ask again later. The log of the service says why, under this request's id."
)


class Folders:
    """Knows the folders of a catalog, those with blanks in their names too."""

    def __init__(self, catalog: Catalog, url: URL) -> None:
        self._catalog, self._url = catalog, url

    def tell(self, error: SeenatError, scope: Scope) -> str:
        """The sentence of an error that a request met."""
        if isinstance(error, DatabaseUnavailable):
            return _UNAVAILABLE
        if isinstance(error, Refused):  # It names addresses and what was asked, and nothing was read for it.
            return str(error)
        if error.http_status not in (404, 422):
            return str(self.hide(str(error)))
        # It may quote the request. What that has brought is no secret, and must not become a way to guess at one.
        asked = f"{scope['path']}?{unquote_plus(scope['query_string'].decode('latin-1'))}"
        return str(_hidden(str(error), [folder for folder in self._known() if folder not in asked], None))

    def hide(self, value: Any) -> Any:
        """A text, or every text of a document, without folders."""
        return _hidden(value, self._known(), _FOLDERS)

    def _known(self) -> list[str]:
        """What is left out of texts, the longest first: folders, and the server of a database."""
        place = self._url.set(query={}).render_as_string(hide_password=True).removesuffix(self._url.database or "")
        folders = {
            str(settings.home()),
            place if "@" in place else str(Path(self._url.database or "").absolute().parent),
        }
        with suppress(SeenatError, RuntimeError):
            folders.add(str(Path.home()))
            folders |= {order.location for order in self._catalog.orders() if Path(order.location).is_absolute()}
        return sorted((f"{folder.rstrip('/')}/" for folder in folders if len(folder) > 1), key=len, reverse=True)


def _hidden(value: Any, known: list[str], others: re.Pattern[str] | None) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(entry, known, others) for key, entry in value.items()}
    if isinstance(value, list):
        return [_hidden(entry, known, others) for entry in value]
    if not isinstance(value, str):
        return value
    for folder in known:
        if folder in value:
            value = re.sub(f"{re.escape(folder)}{_INNER}*", "", value)
    return value if others is None else others.sub("", value)
