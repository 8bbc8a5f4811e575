"""What a visitor does: from the grid to a model, a step, a batch, a sequence; the slider; and all of it without JavaScript."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from support.browser import Open
from support.served import Served


def test_from_the_grid_to_why_a_cell_holds_its_value(visit: Open) -> None:
    page = visit("/").page
    page.get_by_role("link", name="share memorized").click()
    page.get_by_role("link", name=re.compile("^step 256, 23")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("pocket-230k at step 256")
    page.get_by_role("link", name="255", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Batch 255 of pocket-230k")
    page.goto(page.url.replace("batches/255", "batches/2"))
    page.get_by_role("link", name="sequence 20", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sequence 20 of pocket-230k")
    why = page.locator(".hops")
    expect(why).to_contain_text("32 at step 384")
    expect(why).to_contain_text("document.bin")
    why.get_by_role("link", name="step384").click()
    expect(page).to_have_url(re.compile("/models/pocket-230k/steps/384$"))


def test_arrow_keys_move_over_the_grid_and_say_what_a_cell_is(visit: Open) -> None:
    page = visit("/").page
    cells = page.locator("table.grid td a")
    assert page.locator("table.grid td a[tabindex='0']").count() == 1
    cells.first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("#cell")).to_have_text(re.compile("^pocket-660k, step 2, ok"))
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/models/pocket-660k/steps/384$"))


def test_the_slider_drives_the_page_and_keeps_the_step_in_the_address(visit: Open) -> None:
    page = visit("/models/pocket-230k/batches/2?step=64").page
    slider = page.get_by_role("slider", name="Checkpoint")
    line = page.locator("ol.lines li", has_text="sequence 20")
    expect(line.locator(".about")).to_contain_text("1 of 32")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"\?step=128$"))
    expect(line.locator(".about")).to_contain_text("15 of 32")
    page.get_by_role("button", name="Play").click()
    expect(page).to_have_url(re.compile(r"\?step=384$"), timeout=15_000)
    expect(line.locator(".about")).to_contain_text("memorized")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.reload()
    expect(line.locator(".about")).to_contain_text("memorized")


def test_the_picture_tells_a_cell_by_keys_and_leads_to_it(visit: Open) -> None:
    page = visit("/models/pocket-230k/batches/2").page
    page.locator(".picture a").focus()
    page.keyboard.press("ArrowDown")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#cell")).to_have_text("sequence 17, step 256: memorized")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/sequences/17\?step=256$"))


def test_without_javascript_a_click_and_a_form_do_the_same(visit: Open, served: Served) -> None:
    page = visit("/models/pocket-230k/batches/2", script=False).page
    page.get_by_role("combobox", name="Checkpoint").select_option("128")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"\?step=128$"))
    expect(page.locator("ol.lines li", has_text="sequence 20").locator(".about")).to_contain_text("15 of 32")
    box = page.locator(".picture img").bounding_box()
    assert box is not None
    page.locator(".picture img").click(position={"x": box["width"] - 5, "y": 5})
    expect(page).to_have_url(re.compile(r"/models/pocket-230k/sequences/16\?step=384$"))
    chart = visit("/models/pocket-230k", script=False).page.locator("figure.chart img").first
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_js_property("complete", True)
    assert served.http.get(str(chart.get_attribute("src"))).text.startswith("<svg")


def test_a_chart_is_drawn_in_the_browser(visit: Open) -> None:
    page = visit("/models/pocket-230k").page
    page.locator("figure.chart").first.scroll_into_view_if_needed()
    expect(page.locator("figure.chart svg").first).to_be_visible(timeout=60_000)
    points = page.locator("figure.chart svg").first.locator("[aria-roledescription='point']")
    assert points.count() == 4  # At step 0 it had seen nothing, so there is no share.


def test_a_chart_is_seen_whole_on_a_phone(visit: Open) -> None:
    page = visit("/models/pocket-230k", width=375, script=False).page
    picture = page.locator("figure.chart img").first
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    room = page.locator("figure.chart .scroll").first
    assert room.evaluate("region => region.scrollWidth - region.clientWidth") == 0
    assert picture.evaluate("image => image.naturalWidth") > 300


def test_texts_of_others_are_inert(visit: Open) -> None:
    page = visit("/models/pocket-230k/batches/2?step=%3Cscript%3Ealert(1)%3C/script%3E")
    page.faults.clear()  # A refused page is told in the console.
    assert page.page.locator("main script").count() == 0
    expect(page.page.locator("main")).to_contain_text("<script>alert(1)</script>")
