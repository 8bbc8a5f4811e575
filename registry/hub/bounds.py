"""What an answer of the hub may take: bytes, seconds of waiting, and what its head may say.

All clients share one session, huggingface_hub's. Its sockets are read through `_Stream`, which knows within `bounded` how
much this thread may still read and how long it may still wait. So one place bounds heads, bodies and error pages alike, also
where huggingface_hub sends requests of its own. Outside of `bounded` the session does what it does without seenat.

* A request may receive `most` bytes, and all requests together eight times that: a transfer that breaks off begins anew.
* Only waiting counts, not what seenat does with the bytes. The hub has the seconds of the policy's patience, a second more
  for each `_SLOWEST` bytes, and loses one with each request, so that neither a byte a second nor endless breaks keep it
  alive.
* A head that no hub sends is refused before huggingface_hub acts on it: it names files of the cache after heads, and sleeps
  as long as a head says.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import Cookie, DefaultCookiePolicy
from time import monotonic
from typing import TYPE_CHECKING, Any

from seenat.registry.errors import CorruptFile, HubUnavailable
from seenat.registry.hub.answers import check_head, hub_name
from seenat.registry.hub.deadline import in_time
from seenat.registry.hub.retry import RetryPolicy

if TYPE_CHECKING:
    from urllib.request import Request as HttpRequest

    from httpx2 import Client, Request, Response

__all__ = ["SMALL", "Bounds", "bounded", "unread_bytes"]

SMALL = 16 << 20
"""Most bytes of an answer that is held in memory: a listing, a config.json, an index of weights."""
# Heads, redirects and error pages on the way to an answer; h11 ends a head after 100 KiB.
_HEADS = 256 << 10
_TRIES = 8
_SLOWEST = 16 << 10
# Seconds; a wait of less is none.
_TICK = 0.01
# As h11 finds it: lines may end in a line feed alone.
_END_OF_HEAD = re.compile(rb"\n\r?\n")

_installing = threading.Lock()


@dataclass(slots=True)
class Bounds:
    """What is left of the bytes and seconds that answers about one thing may take."""

    subject: str
    most: int
    """Bytes of one answer."""
    silence: float
    """Seconds without a byte that end a try."""
    seconds: float
    """Seconds of waiting that even the slowest hub has."""
    commit: str | None = None
    """The commit at which something is asked for; an answer of another one is refused."""
    waited: float = 0.0
    received: int = 0
    received_now: int = 0

    def begin_request(self) -> None:
        """Count a request."""
        self.received_now = 0
        self.waited += 1.0

    def patience(self, wanted: float | None) -> float:
        """Seconds to wait for the next bytes; raises `HubUnavailable` when none are left."""
        left = self.seconds + self.received / _SLOWEST - self.waited
        if left <= _TICK:
            raise HubUnavailable(
                f"{hub_name()} sends {self.subject} too slowly: {self.received:,} bytes in {self.waited:.0f} seconds; "
                "try again later."
            )
        return min(self.silence, left, self.silence if wanted is None else wanted)

    def count(self, received: int) -> None:
        """Count bytes; raises `CorruptFile` when they are more than can be due."""
        self.received += received
        self.received_now += received
        if self.received_now > self.most + _HEADS or self.received > _TRIES * (self.most + _HEADS):
            raise CorruptFile(
                f"{hub_name()} sends more than the {self.most:,} bytes that {self.subject} may have; nothing of it was used."
            )


_BOUNDS: ContextVar[Bounds | None] = ContextVar("bounds", default=None)


@contextmanager
def bounded(
    subject: str, retry: RetryPolicy, *, most: int = SMALL, commit: str | None = None, silence: float | None = None
) -> Iterator[Bounds]:
    """Bound what the session receives in this thread about one thing; everything is counted anew in each context.

    `silence` is shorter or longer than the policy's where it is given.

    Within, requests raise `HubUnavailable` for an answer that is too slow or not a hub's, and `CorruptFile` for one that is
    too long.
    """
    _install()
    bounds = Bounds(subject, most, retry.timeout_or_default() if silence is None else silence, retry.patience, commit)
    token = _BOUNDS.set(bounds)
    try:
        yield bounds
    finally:
        _BOUNDS.reset(token)


def unread_bytes(response: Response, body: int) -> bool:
    """Whether the hub sent more than a head and `body` bytes; to be asked when so many were read and the answer is open.

    A damaged head may end too early: its rest is then read as the beginning of the body, and the end of the body is left.
    """
    stream = response.extensions.get("network_stream")
    return isinstance(stream, _Stream) and stream.has_more_than(body)


# -- the session


def _install() -> None:
    """Make the session one that keeps bounds; a factory that the user has set still makes it."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    with _installing:
        factory = _http._GLOBAL_CLIENT_FACTORY
        if not isinstance(factory, _Clients):
            set_client_factory(_Clients(factory))


@dataclass(frozen=True)
class _Clients:
    """Makes clients whose sockets and heads keep bounds."""

    make: Callable[[], Client]

    def __call__(self) -> Client:
        client = self.make()
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], _begin_request],
            "response": [_check_response, *hooks["response"]],
        }
        client.cookies.jar.set_policy(_NoCookies())
        # httpx2 has no setting for the time or bytes of a whole answer, nor for its pools' sockets, which its own
        # pool takes as an argument.
        for transport in (client._transport, *client._mounts.values()):
            pool: Any = getattr(transport, "_pool", None)
            if pool is not None:
                pool._network_backend = _Backend(pool._network_backend)
        return client


class _NoCookies(DefaultCookiePolicy):
    """Keeps no cookies: hubs need none, and one that cannot be sent back would end every later request."""

    def set_ok(self, cookie: Cookie, request: HttpRequest) -> bool:
        """Whether to keep a cookie."""
        return _BOUNDS.get() is None and super().set_ok(cookie, request)


def _begin_request(request: Request) -> None:
    bounds = _BOUNDS.get()
    if bounds is not None:
        bounds.begin_request()
        # A few compressed bytes can be a thousand times as many.
        request.headers["Accept-Encoding"] = "identity"


def _check_response(response: Response) -> None:
    bounds = _BOUNDS.get()
    if bounds is None:
        return
    check_head(response, bounds.subject, bounds.commit)
    # Without it the bytes come by this session; hf_xet has sockets of its own, which nothing here bounds.
    response.headers.pop("X-Xet-Hash", None)
    if response.status_code >= 400 and response.status_code != 416:
        from huggingface_hub import hf_raise_for_status

        # At once, so that huggingface_hub does not wait as long as the answer asks.
        hf_raise_for_status(response)


# -- its sockets


class _Backend:
    """Opens connections that keep bounds; a `NetworkBackend` of httpcore2."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> _Stream:
        bounds = _BOUNDS.get()
        if bounds is None:
            return _Stream(self._backend.connect_tcp(host, port, timeout, **options))
        from httpcore2 import ConnectError

        failed = None
        for address in _addresses(host, port, bounds):
            try:
                return _Stream(self._backend.connect_tcp(address, port, bounds.patience(timeout), **options))
            except ConnectError as error:
                failed = error
        raise failed or ConnectError(f"{host} has no address")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def _addresses(host: str, port: int, bounds: Bounds) -> list[str]:
    """The addresses of a host; a look-up of names takes no time limit, so a thread waits for it."""
    from httpcore2 import ConnectError

    subject, patience, began = f"the address of {host}", bounds.patience(None), monotonic()
    try:
        found = in_time(subject, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), patience)
    except OSError as error:
        raise ConnectError(str(error)) from error
    finally:
        bounds.waited += monotonic() - began
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Stream:
    """A connection that keeps bounds and knows where the head of an answer ends; a `NetworkStream` of httpcore2."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._head = bytearray()
        self._behind_head: int | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        bounds = _BOUNDS.get()
        if bounds is None:
            return bytes(self._stream.read(max_bytes, timeout))
        from httpcore2 import TimeoutException

        patience, began = bounds.patience(timeout), monotonic()
        try:
            data = bytes(self._stream.read(max_bytes, patience))
        except TimeoutException:
            bounds.waited += monotonic() - began
            bounds.patience(timeout)  # It may be all that was left, and says more then.
            raise
        bounds.waited += monotonic() - began
        bounds.count(len(data))
        self._find_head(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._head.clear()
        self._behind_head = None
        self._stream.write(buffer, timeout)

    def start_tls(self, *arguments: Any, **options: Any) -> _Stream:
        return _Stream(self._stream.start_tls(*arguments, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def has_more_than(self, body: int) -> bool:
        """Whether more than `body` bytes came behind the head, or come now."""
        if self._behind_head != body:
            return True
        if not self._stream.get_extra_info("is_readable"):
            return False
        from httpcore2 import NetworkError, TimeoutException

        try:  # Readable is also what has ended, and what TLS says of itself.
            return bool(self._stream.read(1, 0.01))
        except (NetworkError, TimeoutException):
            return False

    def _find_head(self, data: bytes) -> None:
        if self._behind_head is not None:
            self._behind_head += len(data)
            return
        known = len(self._head)
        self._head += data
        while (end := _END_OF_HEAD.search(self._head, max(0, known - 2))) is not None:
            head, rest = bytes(self._head[: end.end()]), self._head[end.end() :]
            # Heads with a status of 1xx come before the answer's own.
            if not re.match(rb"HTTP/\d\.\d 1\d\d", head):
                self._behind_head = len(rest)
                self._head.clear()
                return
            self._head, known = rest, 0
