"""Every page in Chromium, at two widths, in both modes, with and without JavaScript."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.browser import MODES, WIDTHS, Open

from seenat.service.pages.views import VIEW_PAGES

WALK = {
    "/": "/?family=pythia",
    "/models/{model}": "/models/pythia-70m",
    "/models/{model}/steps/{step}": "/models/pythia-2.8b/steps/3000",
    "/models/{model}/batches/{batch}": "/models/pocket-230k/batches/2?step=128",
    "/orders/{order}/batches/{batch}": "/orders/pocket-order/batches/2",
    "/models/{model}/sequences/{sequence}": "/models/pocket-230k/sequences/20?step=128",
    "/orders/{order}/sequences/{sequence}": "/orders/pocket-order/sequences/20",
    "/audit": "/audit",
}
"""A busy address of each page."""

MORE = [
    "/?colour=memorized",
    "/models/pocket-2m",
    "/models/pythia-70m/batches/2",
    "/models/pocket-2m/sequences/9",
    "/models/pythia-14m-seed1",
]
"""Pages of what was not measured, or is not known."""


def test_every_page_is_walked() -> None:
    assert WALK.keys() == {page.path for page in VIEW_PAGES}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("path", [*WALK.values(), *MORE])
def test_a_page_is_without_fault_and_stays_within_its_window(visit: Open, path: str, script: bool) -> None:
    page = visit(path, script=script)
    assert page.page.locator("h1").count() == 1
    for width in WIDTHS:
        page.page.set_viewport_size({"width": width, "height": 900})
        for mode in MODES:
            page.page.emulate_media(color_scheme="dark" if mode == "dark" else "light")
            assert page.overflow <= 0, (width, mode)


@pytest.mark.parametrize("path", WALK.values())
def test_a_checker_of_accessibility_finds_nothing(visit: Open, path: str) -> None:
    page = visit(path, width=375)
    for mode in MODES:
        page.page.emulate_media(color_scheme="dark" if mode == "dark" else "light")
        violations = Axe().run(page.page).response["violations"]
        told = [(found["id"], [node["html"][:200] for node in found["nodes"]][:3]) for found in violations]
        assert told == [], mode


def test_headings_say_how_to_read_what_follows(visit: Open) -> None:
    for path in WALK.values():
        page = visit(path, script=False).page
        bare = page.evaluate(
            "[...document.querySelectorAll('main > h2, section > h2')].filter(h => !h.parentElement.querySelector('table')"
            " && !h.nextElementSibling?.classList.contains('how')).map(h => h.textContent)"
        )
        assert bare == [], path
