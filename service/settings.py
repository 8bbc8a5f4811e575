"""What an operator chooses, and the bounds that no request passes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seenat.registry.errors import InvalidValue

__all__ = ["Limits", "ServiceSettings"]

_LAST_PORT = 65_535


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of a request and its answer."""

    header_seconds: float = 10.0
    """Until a request's head is there, from the connection or from the answer before."""
    header_bytes: int = 65_536
    query_bytes: int = 32_768
    body_bytes: int = 65_536
    body_seconds: float = 10.0
    """Until a body is there, once its head is."""
    reader_bytes: int = 65_536
    """Of what is left of an answer, a client takes so many in `reader_seconds`, or loses its connection."""
    reader_seconds: float = 10.0
    answer_seconds: float = 30.0
    answer_bytes: int = 64 << 20
    """Of one JSON document; lists beyond it are read as JSON lines or CSV, which have no bound."""
    requests_per_second: float = 1000.0
    """Of one client address; 0 for no bound."""
    threads: int = 8
    """Look-ups at the same time."""
    slow_threads: int = 2
    """Answers at the same time that read an order or an index."""
    waiting: int = 256
    """Requests that may wait for a thread."""
    waiting_to_write: int = 16
    """Requests that may wait to write; one writes at a time."""
    cache_bytes: int = 32 << 20
    """Encoded answers that are kept."""
    streams: int = 100
    """Jobs that are watched at the same time."""
    stream_seconds: float = 3600.0
    """The longest that one is watched without asking again."""
    look_seconds: float = 1.0
    """Between two looks at a job that is watched."""
    ping_seconds: float = 15.0
    """Between two signs of life of a job that does not change."""

    def __post_init__(self) -> None:
        # Written so that NaN is refused too.
        if not self.answer_seconds > 0:
            raise InvalidValue(f"An answer within {self.answer_seconds:g} seconds is none; allow more than 0 seconds.")
        if not self.requests_per_second >= 0:
            raise InvalidValue(
                f"A rate of {self.requests_per_second:g} requests a second is none; give 0 for no bound."
            )


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """How the service runs."""

    url: str | None = None
    """The catalog, as for `seenat.open`."""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    no_text: bool = False
    """Show neither texts nor ids of training data."""
    withheld: Path | None = None
    """A file of sequences whose content is not shown."""
    read_only: bool = False
    """Let nobody write, whatever token they bring."""
    workers_for_jobs: int = 0
    """Processes beside the server that work at jobs."""
    hosts: tuple[str, ...] = ()
    """Names under which it may be asked, beside its own address; `*` for any."""
    limits: Limits = Limits()
    shared: Path | None = None
    """A folder in which workers count together."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= _LAST_PORT:
            raise InvalidValue(f"{self.port} is no port; choose one from 1 to {_LAST_PORT}, or 0 for a free one.")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("127.0.0.1", "::1", "localhost")
