"""What pages load beside themselves: the style sheet, modules, the icon. They are few and small, so they are kept in memory.

Their address holds a digest of all of them, so that browsers keep them for ever and never mix versions. Modules name each other
by relative addresses, which keep the digest. No path of a request reaches the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from seenat.registry.errors import UnknownRoute
from seenat.service.pages.palette import palette_css

__all__ = ["StaticFiles", "static_files"]

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"
_STYLE = "app.css"


@dataclass(frozen=True)
class StaticFiles:
    """Files by name, and the digest of all."""

    files: Mapping[str, bytes]
    digest: str

    def address(self, name: str) -> str:
        """The address of a file."""
        if name not in self.files:
            raise LookupError(f"There is no static file {name}.")
        return f"/static/{self.digest}/{name}"

    async def respond(self, request: Request) -> Response:
        """A file, of this digest alone."""
        name = request.path_params["name"]
        if request.path_params["digest"] != self.digest or name not in self.files:
            raise UnknownRoute(f"There is no file at {request.scope['path']}; load the page again.")
        headers = {"cache-control": _FOR_EVER}
        return Response(self.files[name], headers=headers, media_type=_TYPES[Path(name).suffix])

    async def icon(self, _request: Request) -> Response:
        """The icon, at the address where browsers look for it beside documents that are no pages."""
        headers = {"cache-control": "public, max-age=86400"}
        return Response(self.files["icon.svg"], headers=headers, media_type=_TYPES[".svg"])


@cache
def static_files() -> StaticFiles:
    """All of them, read once; style sheets become one, the colours before them."""
    folder = Path(__file__).with_name("static")
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in _TYPES}
    styles = [files.pop(name) for name in sorted(files) if name.endswith(".css")]
    files[_STYLE] = palette_css().encode() + b"".join(styles)
    content = b"\0".join(part for name, body in files.items() for part in (name.encode(), body))
    return StaticFiles(files, blake2b(content, digest_size=8).hexdigest())
