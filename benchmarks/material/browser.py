"""How long Chromium takes to draw a page: the system's, or the one that playwright has fetched."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["browsing", "drawn"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ROUNDS = 9
# Both as the page's own clock tells them; what is painted first may come before or after all of it was loaded.
_DRAWN = """() => new Promise(resolve => {
    const look = () => {
        const [told] = performance.getEntriesByType("navigation");
        const [painted] = performance.getEntriesByName("first-contentful-paint");
        if (told.loadEventEnd && painted) resolve(Math.max(told.loadEventEnd, painted.startTime) - told.responseEnd);
        else requestAnimationFrame(look);
    };
    look();
})"""


@contextmanager
def browsing() -> Iterator[Any]:
    """A browser; None where there is none."""
    if find_spec("playwright") is None:
        yield None
        return
    playwright: Any = import_module("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        try:
            found = driver.chromium.launch(executable_path=next(filter(None, map(shutil.which, _NAMES)), None))
        except playwright.Error:
            yield None
            return
        yield found
        found.close()


def drawn(browser: Any, address: str) -> float:
    """The median of milliseconds from the last byte of a page to its first paint and to the end of loading, whichever is later.

    Each time in a context of its own, in which nothing is kept; style sheet, modules and pictures are loaded within it.
    """
    times = []
    for _ in range(_ROUNDS):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(address, wait_until="load")
        times.append(float(page.evaluate(_DRAWN)))
        context.close()
    return statistics.median(times)
