"""Every colour of the pages, in light and dark mode, and on what each stands.

Text is read at a contrast of 4.5 or more, and graphics are seen at 3 or more, by the formula of WCAG 2; a test computes both.
No colour tells anything alone: beside it stand a mark, a height, a hatching or a word.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GRAPHICS", "PALETTE", "TEXTS", "palette_css"]

PALETTE: Mapping[str, tuple[str, str]] = {
    "bg": ("#ffffff", "#14171a"),
    "panel": ("#f5f6f8", "#1c2025"),
    "ink": ("#1a1d21", "#e8eaed"),
    "soft": ("#565f69", "#a3acb6"),
    "line": ("#dfe3e8", "#30363d"),
    "edge": ("#7d868f", "#747e88"),
    "link": ("#0b57d0", "#8ab4f8"),
    # Statuses.
    "ok": ("#00855f", "#2fbf94"),
    "suspect": ("#9a6500", "#f0b93a"),
    "wrong": ("#c2410c", "#ff8c42"),
    "missing": ("#7d868f", "#747e88"),
    # Shares, from little to all; 0 is an empty cell.
    "share-1": ("#5b8ec9", "#4f7cb8"),
    "share-2": ("#3f73b5", "#6a96cf"),
    "share-3": ("#2a5a9c", "#8bb3e5"),
    "share-4": ("#1c4480", "#b3d0f4"),
    "share-5": ("#0d2d5e", "#dbe9fd"),
    # Texts of sequences.
    "mark": ("#fde9b8", "#5a4410"),
    "mark-line": ("#9a6500", "#f0b93a"),
    "miss": ("#e6e9ee", "#2d343c"),
    "miss-line": ("#c2410c", "#ff8c42"),
    # Rarity of the parts of a text, from the least rare to the rarest; their number stands beside them.
    "rare-1": ("#fff7dd", "#2c281b"),
    "rare-2": ("#ffebb5", "#443a18"),
    "rare-3": ("#ffd98a", "#5f4a12"),
    "rare-4": ("#ffc062", "#7a4c0d"),
    "rare-5": ("#ffa24d", "#8f4310"),
    # What became of sequences.
    "kept": ("#6f7780", "#87909a"),
    "relearned": ("#2a5a9c", "#8bb3e5"),
    "gained": ("#00855f", "#2fbf94"),
    "forgotten": ("#c2410c", "#ff8c42"),
    # A note that stands out.
    "note": ("#eef4fe", "#1d2a3d"),
}
"""A name, and its colour in light and in dark mode."""

TEXTS: tuple[tuple[str, str], ...] = (
    *((text, ground) for text in ("ink", "soft", "link") for ground in ("bg", "panel", "note")),
    ("ink", "mark"),
    ("ink", "miss"),
    *(("ink", f"rare-{number}") for number in range(1, 6)),
    ("soft", "miss"),
    *((status, ground) for status in ("ok", "suspect", "wrong") for ground in ("bg",)),
)
"""Texts and the grounds on which they stand."""

GRAPHICS: tuple[tuple[str, str], ...] = tuple(
    (graphic, ground)
    for graphic in (
        *("edge", "link", "ok", "suspect", "wrong", "missing"),
        *("share-1", "share-2", "share-3", "share-4", "share-5"),
        *("mark-line", "miss-line"),
        *("kept", "relearned", "gained", "forgotten"),
    )
    for ground in ("bg", "panel")
)
"""Graphics and the grounds on which they stand."""


def palette_css() -> str:
    """The colours as custom properties, which follow the mode of the browser."""
    lines = [f"  --{name}: light-dark({light}, {dark});" for name, (light, dark) in PALETTE.items()]
    return "\n".join([":root {", "  color-scheme: light dark;", *lines, "}", ""])
