"""Intervals of shares: Wilson's score interval, which is right for few and for shares near 0 and 1, where the usual one is not.

E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, 1927: the shares p for which the observed
one lies within z standard errors of p. With 95 %, z = 1.96.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Any

from seenat.memorization.plots.axes import in_place, undashed

__all__ = ["INTERVALS", "interval_marks", "interval_words", "share_row", "shares_scale", "wilson"]

_Z = 1.959963984540054
INTERVALS = "95 % Wilson intervals"
"""What captions call them."""

# At so few steps intervals are bars beside their points; over more they are bands.
_MOST_BARS = 4
# Points between the bars of two models.
_ASIDE = 3

# Of all bands together: where they lie on each other, what is behind them is still seen.
_OPACITY = 0.5

# Intervals from 0 to above this part of the axis are left out: they say nothing but that few were counted, and hide all else.
_WIDE = 0.5


def wilson(successes: int, of: int) -> tuple[float, float]:
    """The interval of a share, `(low, high)`, each from 0 to 1; everything where nothing was counted."""
    if not of:
        return 0.0, 1.0
    share, z2 = successes / of, _Z * _Z
    centre = share + z2 / (2 * of)
    half = _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    low, high = ((centre + sign * half) / (1 + z2 / of) for sign in (-1, 1))
    # At the ends the formula gives 0 and 1 but for rounding.
    return (0.0 if successes == 0 else low), (1.0 if successes == of else high)


def share_row(successes: int, of: int, suffix: str = "") -> dict[str, float]:
    """`low` and `high` of a share, for a row of a chart."""
    low, high = wilson(successes, of)
    return {f"low{suffix}": low, f"high{suffix}": high}


def shares_scale(altair: Any, rows: Sequence[Mapping[str, Any]], field: str, suffix: str = "") -> Any:
    """From 0 to the largest share, and to the ends of intervals that lie above 0.

    Where nothing of a few was memorized the interval is wide, and would leave all else at the foot: it is cut at the frame.
    """
    ends = [row[f"high{suffix}"] for row in rows if row.get(f"low{suffix}")]
    return altair.Scale(domain=[0, min(1.0, max([*ends, *(row[field] for row in rows)]) or 1.0)], nice=True)


def interval_words(rows: Iterable[Mapping[str, Any]], scale: Any, suffix: str = "") -> str:
    """What a caption says of intervals on a scale of shares: what they are, and where none is drawn."""
    most = _WIDE * scale.to_dict()["domain"][1]
    hides = any(row.get(f"low{suffix}") == 0 and row[f"high{suffix}"] > most for row in rows)
    return f"{INTERVALS} (none where so few were counted that it would hide all else)" if hides else INTERVALS


def interval_marks(altair: Any, base: Any, rows: Sequence[Mapping[str, Any]], y: Any, suffix: str = "") -> Any:
    """Bars from `low` to `high`, or a band where steps are many; points without an interval have none."""
    low, high = f"low{suffix}", f"high{suffix}"
    end = y["scale"].to_dict()["domain"][1]
    is_drawn = f"isValid(datum.{low}) && (datum.{low} > 0 || datum.{high} <= {_WIDE * end})"
    drawn = undashed(altair, base).transform_filter(is_drawn)
    ends = {"y": altair.Y(f"{low}:Q", **y), "y2": f"{high}:Q"}
    names = in_place(row["model"] for row in rows)
    if len({row["step"] for row in rows}) > _MOST_BARS:
        return drawn.mark_area(opacity=min(0.15, _OPACITY / len(names)), clip=True).encode(**ends)
    bars = (
        drawn.transform_filter(altair.datum.model == name)
        .mark_rule(strokeWidth=1.5, clip=True, xOffset=(place - (len(names) - 1) / 2) * _ASIDE)
        .encode(**ends)
        for place, name in enumerate(names)
    )
    return altair.layer(*bars)
