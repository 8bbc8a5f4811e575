"""A browser, and pages of the service in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from support.browser import Open, Visit, Visits, launched
from support.served import Served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of all tests of a process."""
    with launched() as started:
        yield started


@pytest.fixture(scope="session")
def visits(browser: Browser, served: Served) -> Iterator[Visits]:
    """Contexts that stay, since a new one takes half a second."""
    opened = Visits(browser, served.url)
    yield opened
    opened.close()


@pytest.fixture
def visit(visits: Visits) -> Iterator[Open]:
    """Opens pages, which must be without fault at the end of the test and are closed then."""
    opened: list[Visit] = []

    def open_(path: str, **how: object) -> Visit:
        opened.append(visits.open(path, **how))  # type: ignore[arg-type]
        return opened[-1]

    yield open_
    faults = [fault for one in opened for fault in one.faults]
    for one in opened:
        one.page.close()
    assert faults == []
