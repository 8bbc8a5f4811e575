"""The view of each page: a dataclass, made from the answers that the page shows.

grid      the suite: models by saved steps
step      what a checkpoint had seen, and what is known of it
"""

from __future__ import annotations

from seenat.service.pages.page import Page
from seenat.service.pages.views.grid import GRID_PAGE
from seenat.service.pages.views.step import STEP_PAGE

__all__ = ["VIEW_PAGES"]

VIEW_PAGES: tuple[Page, ...] = (GRID_PAGE, STEP_PAGE)
"""The pages of this room."""
