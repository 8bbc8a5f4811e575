"""Which requests are refused before anybody reads them."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from starlette.types import Scope

from seenat.registry.errors import CrossSite, MethodNotAllowed, Refused, TooLarge, TooManyRequests
from seenat.service.api.reading import check_text
from seenat.service.settings import ServiceSettings

__all__ = ["Gate", "Rate", "check_same_site"]

_MOST_CLIENTS = 10_000
_READING = ("GET", "HEAD")
_OWN_SITE = ("same-origin", "none")


class Gate:
    """Lets requests pass, or refuses them."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._limits = settings.limits
        self._read_only = settings.read_only
        self._hosts = _known_hosts(settings)
        self._rate = Rate(settings.limits.requests_per_second)

    def check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Raise the error with which a request is refused."""
        if not self._rate.allows((scope.get("client") or ("", 0))[0]):
            raise TooManyRequests(
                f"This address sent more than {self._limits.requests_per_second:g} requests a second; ask more slowly."
            )
        if self._read_only and scope["method"] not in _READING:
            raise MethodNotAllowed(f"{scope['method']} is not answered here; this service is read by GET and HEAD.")
        if sum(name == b"host" for name, _ in scope["headers"]) > 1:
            raise Refused("This request has several headers Host; send one.")
        self._check_host(headers.get(b"host", b"").decode("latin-1"))
        if (length := len(scope["query_string"]) + len(scope["raw_path"])) > self._limits.query_bytes:
            raise TooLarge(
                f"This address has {length:,} bytes, and the service reads {self._limits.query_bytes:,}; ask for less at once."
            )
        self._check_body(headers.get(b"content-length", b"0"))
        check_text(scope["raw_path"])

    def _check_host(self, host: str) -> None:
        """A page of another site whose name suddenly leads here must not read what only this machine may."""
        name = host.lower().removesuffix(".")
        name = name[: name.rfind(":")] if name.rpartition(":")[2].isdecimal() and not name.endswith("]") else name
        if self._hosts is not None and name.strip("[]") not in self._hosts:
            raise Refused(f"This service is not known as {host!r}; start it with --known-as for that name.")

    def _check_body(self, length: bytes) -> None:
        if not length.isdigit() or len(length) > 18 or int(length) > self._limits.body_bytes:
            raise TooLarge(
                f"This request brings a body beyond {self._limits.body_bytes:,} bytes; ask for less at once."
            )


def _known_hosts(settings: ServiceSettings) -> set[str] | None:
    """Names of the service; None where it answers to any."""
    if "*" in settings.hosts or (not settings.is_local and not settings.hosts):
        return None
    return {"localhost", "127.0.0.1", "::1", settings.host, *_lower(settings.hosts)}


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def check_same_site(headers: Mapping[str, str]) -> None:
    """Raise `CrossSite` for a request that writes, and that a browser sends for a page of another site.

    A token in a header cannot be sent so; this holds where a browser has one all the same.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", _OWN_SITE[0])
    is_own = origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()
    if not is_own or site not in _OWN_SITE:
        raise CrossSite(f"A page of {origin or 'another site'!r} may not write here; only pages of this service may.")


class Rate:
    """A bucket of requests for each client, which fills by some a second and holds those of two."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Whether a client may ask once more; it has asked then."""
        if not self._per_second:
            return True
        client, now, full = _network(address), time.monotonic(), 2 * self._per_second
        left, seen = self._clients.pop(client, (full, now))
        left = min(full, left + (now - seen) * self._per_second)
        allowed = left >= 1
        self._clients[client] = (left - 1 if allowed else left, now)
        while len(self._clients) > _MOST_CLIENTS:
            self._clients.popitem(last=False)
        return allowed


def _network(address: str) -> str:
    """An IPv4 address, or the network of 2**64 addresses of which an IPv6 client has all."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address
