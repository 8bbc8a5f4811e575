"""A real Chromium for tests of pages: the system's, or the one that playwright has fetched.

Where there is none, the tests that need it are left out and say so; SEENAT_BROWSER=required makes them fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Request, sync_playwright

__all__ = ["MODES", "WIDTHS", "Open", "Visit", "Visits", "launched"]

WIDTHS = (375, 1440)
MODES = ("light", "dark")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = os.environ.get("SEENAT_BROWSER") == "required"
"""Read when this is imported: the tests' own environment has no variable of seenat."""


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser; skips the test, or fails it where one is required, without any."""
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, _NAMES)), None)
        try:
            browser = playwright.chromium.launch(executable_path=found)
        except Error as error:
            reason = f"no Chromium can be started: {str(error).splitlines()[0]}"
            if REQUIRED:
                pytest.fail(reason)
            pytest.skip(reason)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page of a browser at an address of a service, and whatever went wrong in it."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        # What the browser no longer wants, as a picture of the other mode, did not fail.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"{request.url}: {request.failure}")

    def _note(self, fault: str) -> None:
        self.faults.append(fault)

    def goto(self, path: str) -> int:
        """Go to a path of the service; returns the status."""
        response = self.page.goto(self.url + path, wait_until="load")
        assert response is not None
        return response.status

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


class Visits:
    """Opens pages, a context for each width, mode and with or without JavaScript."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url
        self._contexts: dict[tuple[int, str, bool], BrowserContext] = {}

    def open(self, path: str, *, width: int = 1440, mode: str = "light", script: bool = True) -> Visit:
        """A new page at a path."""
        key = (width, mode, script)
        if key not in self._contexts:
            self._contexts[key] = self._browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if mode == "dark" else "light",
                java_script_enabled=script,
            )
        visit = Visit(self._contexts[key].new_page(), self._url)
        visit.goto(path)
        return visit

    def close(self) -> None:
        """Close all contexts."""
        for context in self._contexts.values():
            context.close()


Open = Callable[..., Visit]
"""Opens a page of the service."""
