"""Every layout in which an order can lie on disk: an index is made of any."""

from __future__ import annotations

from support.order_layouts import layout

__all__ = ["layout"]
