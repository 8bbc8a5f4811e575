"""Counts and times of requests for Prometheus, of all workers together.

One process keeps them in memory. Workers keep theirs in files of a folder that they share, named by `PROMETHEUS_MULTIPROC_DIR`
before they begin; whichever is asked adds them up. What a worker that has ended counted stays in the sum.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["SHARED", "Metrics"]

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that tells workers their folder."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LIVE: Literal["livesum"] = "livesum"


class Metrics:
    """What one process has answered, and with `shared` what all of its kind have."""

    media_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        self._registry = CollectorRegistry()
        self._requests = Counter("seenat_requests", "Requests answered.", ("route", "status"), registry=self._registry)
        self._seconds = Histogram(
            "seenat_request_seconds",
            "Until the whole answer was sent.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "seenat_requests_in_flight", "Requests being answered.", registry=self._registry, multiprocess_mode=_LIVE
        )
        # Finding a labelled count takes longer than counting; there are few of them.
        self._counts: dict[tuple[str, int], tuple[Any, Any]] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        counts = self._counts.get((route, status))
        if counts is None:
            counts = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._counts[route, status] = counts
        counts[0].inc()
        counts[1].observe(seconds)

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        if self._shared is None:
            return generate_latest(self._registry)
        _forget_ended(self._shared)
        together = CollectorRegistry()
        MultiProcessCollector(together, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(together)


def _forget_ended(shared: Path) -> None:
    """Requests that a killed worker was answering are answered by nobody."""
    for file in shared.glob(f"gauge_{_LIVE}_*.db"):
        process = file.stem.rpartition("_")[2]
        if not Path("/proc", process).exists() and Path("/proc/self").exists():
            mark_process_dead(int(process), str(shared))  # type: ignore[no-untyped-call]
