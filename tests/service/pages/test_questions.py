"""The pages that answer questions, as a visitor uses them: forms, links, exports; with and without JavaScript."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from support.browser import MODES, WIDTHS, Open, Visit, Visits
from support.served import Serve, Served

import seenat

PLANTED = "make sure the validity of the split ranks such that one"
MODEL = "pocket-230k"
WALK = [
    f"/find?text={PLANTED.replace(' ', '+')}&model={MODEL}",
    "/find",
    f"/trace?text=Then+{PLANTED.replace(' ', '+')}+or+two.&model={MODEL}#span-1",
    f"/compare?a={MODEL}@256&b={MODEL}@384",
    "/compare",
    "/studies",
    f"/studies/forgetting?models={MODEL}",
    f"/studies/sets?model={MODEL}&never=pocket-660k",
    "/jobs",
    "/jobs/1",
]
SCRIPTS = pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", WALK)
def test_a_page_is_without_fault_at_every_width_and_a_checker_finds_nothing(visit: Open, path: str, mode: str) -> None:
    page = visit(path, mode=mode)
    for width in WIDTHS:
        page.page.set_viewport_size({"width": width, "height": 900})
        assert page.overflow <= 0, width
    assert Axe().run(page.page).response["violations"] == []


@SCRIPTS
def test_a_planted_text_leads_to_the_checkpoint_that_first_saw_it(visit: Open, served: Served, script: bool) -> None:
    found = served.catalog.find(PLANTED, model=MODEL)
    page = visit("/jobs", script=script).page
    page.get_by_role("searchbox").fill(PLANTED)
    page.get_by_role("button", name="Find", exact=True).click()
    page.wait_for_load_state("networkidle")
    page.locator("select[name=model]").select_option(MODEL)
    page.get_by_role("main").get_by_role("button", name="Find", exact=True).click()
    assert page.get_by_role("heading", level=2).first.inner_text() == f"Seen {found.count} times"
    rows = page.locator("table.exposures tbody tr")
    assert rows.count() == found.count
    first = found.exposures[0]
    marked = rows.first.locator("mark").inner_text()
    assert marked.strip() == PLANTED
    assert rows.first.get_by_role("link", name=f"{first.sequence:,}", exact=True).get_attribute("href") == (
        f"/models/{MODEL}/sequences/{first.sequence}"
    )
    drawn_by = "svg" if script else "img"
    page.locator(f"figure.chart {drawn_by}").first.wait_for()
    page.locator("dl.facts").get_by_role("link", name=f"{first.first_checkpoint_seen:,}", exact=True).click()
    assert page.url.endswith(f"/models/{MODEL}/steps/{first.first_checkpoint_seen}")


@SCRIPTS
def test_an_output_of_a_checkpoint_is_traced_to_where_it_stands(visit: Open, served: Served, script: bool) -> None:
    written = served.catalog.generate(MODEL, 384, PLANTED, length=16)
    text = f"{PLANTED}{written.continuation}"
    traced = served.catalog.trace(text, model=MODEL)
    page = visit("/trace", script=script).page
    page.get_by_label("Text", exact=True).fill(text)
    page.locator("select[name=model]").select_option(MODEL)
    page.get_by_role("button", name="Trace", exact=True).click()
    shown = page.locator("#text").inner_text()
    assert re.sub(r"\d|\s", "", shown) == re.sub(r"\d|\s", "", text)
    panel = page.locator("#span-1")
    assert not panel.is_visible()
    page.locator("#at-1").click()
    assert panel.is_visible()
    links = [link.get_attribute("href") for link in panel.locator("td:nth-child(3) a").all()]
    assert links == [f"/models/{MODEL}/sequences/{one.sequence}" for one in traced.spans[0].exposures]
    panel.get_by_role("link", name="Back").click()
    assert not panel.is_visible()
    assert page.url.endswith("#at-1")
    assert page.locator("#at-1 sub").inner_text() == "5"


@SCRIPTS
def test_two_checkpoints_are_compared_page_by_page(visit: Open, served: Served, script: bool) -> None:
    changed = served.catalog.which.changed(MODEL, 256, 384, change="gained", limit=1000)
    page = visit("/compare", script=script).page
    page.get_by_label("From").select_option(f"{MODEL}@256")
    page.get_by_label("To").select_option(f"{MODEL}@384")
    page.get_by_role("button", name="Compare", exact=True).click()
    assert page.locator("#gained").inner_text() == f"Gained: {changed.gained:,}"
    listed = numbers(page, "gained")
    while (following := page.get_by_role("link", name="Next gained")).count():
        following.click()
        listed += numbers(page, "gained")
    assert listed == [row.sequence for row in changed.sequences]
    assert page.locator("#forgotten").inner_text() == f"Forgotten: {changed.forgotten:,}"
    page.locator("#gained ~ ul a").first.click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Sequence ")


def numbers(page: Page, kind: str) -> list[int]:
    """The sequences that a list of a comparison shows."""
    links = page.locator(f"#{kind} + p + ul a").all_inner_texts()
    return [int(text.replace(",", "")) for text in links]


@SCRIPTS
def test_a_study_has_its_plot_and_its_table(visit: Open, served: Served, script: bool) -> None:
    [curve] = served.catalog.studies.onsets(MODEL)
    page = visit("/studies", script=script).page
    page.get_by_role("link", name="Onsets by step").click()
    page.wait_for_load_state("networkidle")
    for name in ("pocket-660k", MODEL):
        page.get_by_role("checkbox", name=name).set_checked(name == MODEL)
    page.get_by_role("button", name="Show", exact=True).click()
    assert page.locator("table.study tbody tr").count() == len(curve.steps)
    cells = page.locator("table.study tbody tr").last.locator("td").all_inner_texts()
    last = curve.steps[-1]
    assert cells[:4] == [MODEL, f"{last.step:,}", f"{last.measured:,}", f"{last.memorized:,}"]
    picture = page.locator("figure.chart img")
    if script:
        page.locator("figure.chart svg[role=img]").wait_for()
    else:
        page.wait_for_load_state("load")
        assert picture.evaluate("image => image.naturalWidth") > 200


def test_every_study_answers(served: Served) -> None:
    pages = served.http.get("/studies", headers={"accept": "text/html"}).text
    addresses = re.findall(r'<h2><a href="(/studies/[^"]+)"', pages)
    assert len(addresses) == 8
    for address in addresses:
        answer = served.http.get(address.replace("&amp;", "&"), headers={"accept": "text/html"})
        assert answer.status_code == 200, address
        assert ("<table" in answer.text) != ('class="empty"' in answer.text), address


def test_what_a_page_shows_is_exported(visit: Open, served: Served) -> None:
    page = visit(WALK[3]).page
    links = page.get_by_role("link", name=re.compile(r"\.csv, ")).all()
    assert links
    changed = served.catalog.which.changed(MODEL, 256, 384, change="gained", limit=1000)
    body = served.http.get(str(links[0].get_attribute("href"))).text
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [int(row["sequence"]) for row in rows] == [row.sequence for row in changed.sequences]


@pytest.fixture
def planned(pocket_path: Path, tmp_path: Path, serve: Serve) -> Served:
    """A service over a copy of the catalog, in which a job waits for a worker."""
    for path in pocket_path.parent.iterdir():
        if path.is_dir():
            shutil.copytree(path, tmp_path / path.name)
        else:
            shutil.copy2(path, tmp_path)
    served = serve(url=str(tmp_path / pocket_path.name))
    served.catalog.memorize(MODEL, steps=[64, 128], sequences="1024:1040", unseen=True, submit=True, name="later")
    return served


@pytest.fixture
def visit_at(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens pages of any service, which must be without fault at the end of the test."""
    contexts: list[Visits] = []
    opened: list[Visit] = []

    def open_(served: Served, path: str, **how: object) -> Visit:
        contexts.append(Visits(browser, served.url))
        opened.append(contexts[-1].open(path, **how))  # type: ignore[arg-type]
        return opened[-1]

    yield open_
    faults = [fault for one in opened for fault in one.faults]
    for context in contexts:
        context.close()
    assert faults == []


def test_a_job_is_watched_to_its_end(planned: Served, visit_at: Callable[..., Visit]) -> None:
    job = planned.catalog.jobs()[0]
    page, plain = (visit_at(planned, f"/jobs/{job.id}", script=script).page for script in (True, False))
    for one in (page, plain):
        assert one.locator(".big .state").inner_text() == "pending"
        assert one.locator("ul.cells li.c-pending").count() == 2
        assert one.get_by_text(f"seenat cancel {job.id}").is_visible()
    assert not page.get_by_role("button", name="Look again").is_visible()
    planned.catalog.work(job.id)
    plain.get_by_role("button", name="Look again").click()
    assert plain.locator(".big .state").inner_text() == "done"
    page.locator(".big .j-done").wait_for(timeout=10_000)
    assert page.locator("ul.cells li.c-done").count() == 2
    assert page.get_by_role("heading", level=1).inner_text() == f"Job {job.id}: later"


def test_a_job_is_changed_with_a_token_and_only_with_one(planned: Served, visit_at: Callable[..., Visit]) -> None:
    job = planned.catalog.jobs()[0]
    text = planned.catalog.access.create_token("jobs:write").text
    assert not visit_at(planned, f"/jobs/{job.id}", script=False).page.get_by_label("token").is_visible()
    page = visit_at(planned, f"/jobs/{job.id}").page
    assert page.get_by_role("button", name="Cancel", exact=True).is_disabled()
    page.get_by_label("token").fill(text)
    for name, state in (("Pause", "paused"), ("Resume", "pending"), ("Cancel", "cancelled")):
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_text(f"Done: it is {state}.").wait_for(timeout=10_000)
        page.locator(f".big .j-{state}").wait_for(timeout=10_000)
        assert planned.catalog.job(job.id).job.state == state


def test_training_data_that_is_not_shown_is_on_no_page(serve: Serve, tmp_path: Path) -> None:
    search, around = WALK[0], "process group"
    hidden = serve(no_text=True)
    body = hidden.http.get(search).text
    assert "Seen 8 times" in body
    assert "shows no training data" in body
    assert "<mark>" not in body
    first = hidden.catalog.find(PLANTED, model=MODEL, limit=1).exposures[0]
    (tmp_path / "withheld").write_text(f"pocket-order {first.sequence}\n")
    some = serve(withheld=tmp_path / "withheld")
    rows = some.http.get(search).text.split("<tbody>")[-1].split("<tr>")[1:]
    assert [("withheld" in row, "<mark>" in row) for row in rows[:2]] == [(True, False), (False, True)]
    assert around not in rows[0]


def test_a_search_by_order_alone_leads_to_each_sequence_and_batch(served: Served) -> None:
    first = served.catalog.find(PLANTED, order="pocket-order", limit=1).exposures[0]
    found = served.http.get(f"/find?text={quote(PLANTED)}&order=pocket-order").text
    for path in (f"/orders/pocket-order/sequences/{first.sequence}", f"/orders/pocket-order/batches/{first.batch}"):
        assert f'href="{path}"' in found
        assert PLANTED in served.http.get(path, headers={"accept": "text/html"}).text


HOSTILE = '<script>alert(1)</script>\u202egnirts\x1b[31m"onmouseover="x'


@pytest.mark.parametrize("path", ["/find", "/trace"])
def test_a_hostile_text_is_inert(visit: Open, path: str) -> None:
    page = visit(f"{path}?model={MODEL}&text={quote(HOSTILE)}").page
    body = page.content()
    assert "<script>alert" not in body
    assert not {"\u202e", "\x1b"} & set(body)
    assert "\\u202e" in body
    assert page.locator("[onmouseover]").count() == 0


def test_pages_of_an_empty_catalog_say_what_fills_them(serve: Serve, tmp_path: Path) -> None:
    seenat.open(str(tmp_path / "new.sqlite")).close()
    empty = serve(url=str(tmp_path / "new.sqlite"))
    for path, command in (
        ("/find", "seenat index build"),
        ("/find?text=x&order=pile-deduped", "seenat index build pile-deduped"),
        ("/trace", "seenat index build"),
        ("/compare", "seenat memorize"),
        ("/studies", "seenat memorize"),
        ("/studies/onsets?models=pythia-70m", "seenat memorize pythia-70m"),
        ("/jobs", "seenat memorize"),
    ):
        answer = empty.http.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, path
        assert re.search(rf'class="empty".*<code[^>]*>{command}', answer.text, re.DOTALL), path
    drawn = empty.http.get("/random", headers={"accept": "text/html"})
    assert drawn.status_code == 404
    assert "seenat memorize" in drawn.text


def test_a_seed_leads_to_the_same_sequence_and_it_is_of_that_kind(served: Served) -> None:
    def drawn(kind: str, seed: int | None) -> int:
        query = f"kind={kind}&model={MODEL}" + ("" if seed is None else f"&seed={seed}")
        answer = served.http.get(f"/random?{query}", follow_redirects=False)
        assert answer.status_code == 303
        assert served.http.get(answer.headers["location"], headers={"accept": "text/html"}).status_code == 200
        return int(answer.headers["location"].rpartition("/")[2])

    found = {seed: drawn("memorized", seed) for seed in range(6)}
    assert found == {seed: drawn("memorized", seed) for seed in range(6)}
    assert len(set(found.values())) > 3
    assert all(served.catalog.trajectory(MODEL, sequence).onset for sequence in found.values())
    assert isinstance(drawn("memorized", None), int)
    is_lost = any(served.catalog.which.changed(MODEL, since, 384).forgotten for since in (64, 128, 256))
    is_contested = served.catalog.which.relearned(MODEL).relearned > 0
    for kind, is_there in (("forgotten", is_lost), ("contested", is_contested)):
        answer = served.http.get(f"/random?kind={kind}&model={MODEL}&seed=3", follow_redirects=False)
        assert answer.status_code == (303 if is_there else 404), kind
