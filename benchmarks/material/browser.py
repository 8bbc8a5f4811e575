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


def drawn(browser: Any, address: str) -> tuple[float, float]:
    """Milliseconds from the last byte of a page to its first paint and to the end of loading, whichever is later; medians.

    Each time in a context of its own, in which nothing is kept; style sheet, modules and pictures are loaded within it. Behind
    them the milliseconds that the page's own thread computed in all: the others are those of neighbours, if these are few.
    """
    times = [_visited(browser, address) for _ in range(_ROUNDS)]
    wall, computed = (statistics.median(column) for column in zip(*times, strict=True))
    return wall, computed


def _visited(browser: Any, address: str) -> tuple[float, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address, wait_until="load")
    wall = float(page.evaluate(_DRAWN))
    told = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    context.close()
    return wall, 1e3 * told["TaskDuration"]
