"""All pages. Their routes, the navigation and every link come from here."""

from __future__ import annotations

from collections.abc import Mapping

from seenat.service.pages.page import Page
from seenat.service.pages.questions import QUESTION_PAGES
from seenat.service.pages.views import VIEW_PAGES

__all__ = ["PAGES", "PAGES_BY_PATH"]

PAGES: tuple[Page, ...] = (*VIEW_PAGES, *QUESTION_PAGES)
"""Every page, in the order in which the navigation names them."""

PAGES_BY_PATH: Mapping[str, Page] = {page.path: page for page in PAGES}
"""Every page by its path."""
