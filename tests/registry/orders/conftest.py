"""Every layout in which an order can lie on disk, for the tests of this room."""

from __future__ import annotations

from support.order_layouts import layout, pair, refusal

__all__ = ["layout", "pair", "refusal"]
