"""Every page in Chromium, at two widths, in both modes, with and without JavaScript."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.browser import MODES, WIDTHS, Open

WALK = ["/", "/models/pocket-230k/steps/256"]


@pytest.mark.parametrize("path", WALK)
def test_a_page_is_without_fault_and_stays_within_its_window(visit: Open, path: str) -> None:
    page = visit(path)
    for width in WIDTHS:
        page.page.set_viewport_size({"width": width, "height": 900})
        assert page.overflow <= 0, width


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", WALK)
def test_a_checker_of_accessibility_finds_nothing(visit: Open, path: str, mode: str) -> None:
    found = Axe().run(visit(path, mode=mode).page)
    assert found.response["violations"] == []
