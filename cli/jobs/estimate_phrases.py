"""Phrases about what a measurement costs: bytes, hours, operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seenat.cli.framework.output import count, plural

if TYPE_CHECKING:
    from seenat import Estimate

__all__ = ["hours_words", "large_words", "operations_words", "size_words"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def size_words(bytes_: int | None) -> str | None:
    """Bytes to three digits: `166 MB`; None stays None."""
    if bytes_ is None:
        return None
    size, unit = float(bytes_), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{bytes_:,} bytes" if unit == "bytes" else f"{size:.3g} {unit}"


def hours_words(hours: float | None) -> str | None:
    """Hours as people say them: `40 s`, `12 min`, `3.5 h`, `12 days`; None stays None."""
    if hours is None:
        return None
    seconds = hours * _HOUR
    if seconds < 2 * _MINUTE:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:,.0f} days"


def operations_words(flop: float | None) -> str | None:
    """Operations to three digits: `1.39e+19`; None stays None."""
    return None if flop is None else f"{flop:.3g}"


def large_words(estimate: Estimate) -> str:
    """What a large measurement costs, in a sentence or two."""
    fetched = size_words(estimate.bytes.fetched)
    parts = [
        f"{count(estimate.cells)} cells at {plural(estimate.checkpoints, 'checkpoint')} of {estimate.model}",
        f"at most {fetched} to fetch" if fetched else None,
        f"{size_words(estimate.bytes.results)} of results",
        f"{hours_words(estimate.laptop_hours)} on a laptop",
        _here(estimate),
        *(f"{hours_words(one.hours)} on one {one.gpu}" for one in estimate.gpus if one.workers == 1),
    ]
    return f"This is {', '.join(part for part in parts if part)}, by estimate."


def _here(estimate: Estimate) -> str | None:
    rate = estimate.here.rate
    return None if rate is None else f"{hours_words(estimate.here.hours)} here by {rate.basis}"
