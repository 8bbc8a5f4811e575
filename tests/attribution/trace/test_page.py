"""The page of a trace: everything in it, and nothing that a text could do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import seenat

MODEL = "pocket-2m"
HOSTILE = "</div><script>alert(1)</script>\N{RIGHT-TO-LEFT OVERRIDE}& \"quoted\" 'single'"


class Page(HTMLParser):
    """Tags, the text within `.text`, and where links within the page lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self._depth = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.ids |= {found["id"]} if found.get("id") else set()
        self.links += [found["href"]] if found.get("href") else []
        if tag == "div" and (self._depth or found.get("class") == "text"):
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._depth:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.text += data


def test_a_page_holds_the_text_and_every_span(pocket: seenat.Catalog, tmp_path: Path) -> None:
    known = pocket.sequence(MODEL, 700, decode=True).texts[0]
    text = f"{HOSTILE} {known[10:]} {HOSTILE}\nand more"
    traced = pocket.trace(text, model=MODEL, step=384, gaps=1, exposures=3, html=tmp_path / "trace.html")
    assert traced.spans
    written = (tmp_path / "trace.html").read_text("utf-8")
    page = Page(written)
    assert page.text == text.replace("\N{RIGHT-TO-LEFT OVERRIDE}", r"\u202e")
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import", written)
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert len(page.ids) == len(traced.spans) + len(traced.gapped)
    for span in traced.spans:
        for exposure in span.exposures:
            assert f"<td>{exposure.sequence:,}</td>" in written


def test_a_page_of_ids_without_spans(pocket: seenat.Catalog, tmp_path: Path) -> None:
    pocket.trace([900, 3, 900, 4, 900], model=MODEL, html=tmp_path / "none.html")
    assert "0 spans" in (tmp_path / "none.html").read_text("utf-8")
