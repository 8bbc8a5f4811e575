"""How pages are sent: their policy of content, errors, what is withheld, files that browsers keep."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from support.served import Serve, Served

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HTML = {"accept": "text/html,application/xhtml+xml"}
SHOWING = [
    f"/{run}/{place}"
    for run in ("models/pocket-230k", "orders/pocket-order")
    for place in ("batches/2", "sequences/16")
]
"""Pages that show the text of sequence 16."""


def test_a_page_allows_no_inline_script_or_style(served: Served) -> None:
    for path in ("/", "/models/pocket-230k/batches/2", "/models/pocket-230k/sequences/20"):
        response = served.http.get(path, headers=HTML)
        assert response.headers.get_list("content-security-policy") == [POLICY]
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?! type=\"module\" src=)", response.text)


def test_what_is_not_there_is_a_page_with_links_to_the_nearest(served: Served) -> None:
    response = served.http.get("/models/pythia-70m/steps/1500", headers=HTML)
    assert response.status_code == 404
    assert 'href="/models/pythia-70m/steps/1000"' in response.text
    assert "the nearest are 1000 and 2000" in response.text
    assert served.http.get("/models/pythia-70", headers=HTML).text.count('href="/models/pythia-70m') > 0


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_who_accepts_no_page_gets_a_problem(served: Served, accept: str) -> None:
    response = served.http.get("/models/pythia-70m/steps/1500", headers={"accept": accept})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["nearest"] == [1000, 2000]
    assert served.http.get("/api/v1/models/nothing", headers=HTML).json()["status"] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/?family=%ff",
        "/?what=1",
        "/models/pocket-230k/batches/x",
        "/static/../app.py",
        "/audit?model=none",
        "/models/pocket-order/sequences/20",
        "/find.json?text=process%20group&model=pocket-230k&after=8",
    ],
)
def test_a_wrong_address_is_refused_as_a_page(served: Served, path: str) -> None:
    response = served.http.get(path, headers=HTML)
    assert response.status_code in (404, 422)
    assert "<h1>" in response.text


def test_pages_show_no_text_where_the_operator_shows_none(serve: Serve) -> None:
    service = serve(no_text=True)
    text = "joinable (Joinable)"
    for path in SHOWING:
        body = service.http.get(path, headers=HTML).text
        assert "This service shows no training data" in body
        assert text not in body


def test_pages_show_no_withheld_sequence(serve: Serve, served: Served, tmp_path: Path) -> None:
    file = tmp_path / "withheld"
    file.write_text("pocket-order 16\n")
    service = serve(withheld=file)
    for path in SHOWING:
        assert "joinable (Joinable)" in served.http.get(path, headers=HTML).text
        body = service.http.get(path, headers=HTML).text
        assert "joinable (Joinable)" not in body
        assert "withheld" in body
    passages = service.http.get("/api/v1/models/pocket-230k/passages/16,17").json()["passages"]
    assert [passage["pieces"] is None for passage in passages] == [True, False]


def test_an_unchanged_page_is_not_sent_again(served: Served) -> None:
    first = served.http.get("/audit", headers=HTML)
    again = served.http.get("/audit", headers={**HTML, "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_files_are_kept_for_ever_under_the_digest_of_all(served: Served) -> None:
    page = served.http.get("/", headers=HTML).text
    for address in re.findall(r'"(/static/[^"]+)"', page):
        response = served.http.get(address)
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert served.http.get(re.sub("/static/.", "/static/_", address)).status_code == 404
    assert served.http.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


# -- the picture of a batch


def picture(served: Served, query: str = "") -> np.ndarray:
    """The pixels of the picture of batch 2, `[height, width]`."""
    path = f"/pictures/onset/default/models/pocket-230k/batches/2/trajectories.png{query}"
    body = served.http.get(path).content
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", body[16:24])
    start = body.index(b"IDAT") + 4
    length = struct.unpack(">I", body[start - 8 : start - 4])[0]
    lines = np.frombuffer(zlib.decompress(body[start : start + length]), np.uint8).reshape(height, width + 1)
    return lines[:, 1:]


def test_the_picture_shows_the_values_of_the_batch_by_onset(served: Served) -> None:
    pixels = picture(served)
    found = served.catalog.trajectories("pocket-230k", 2)
    assert pixels.shape == (8 * 18, 5 * 44)
    middles = pixels[8::18, 20::44]
    ordered = sorted(found.sequences, key=lambda row: (row.onset or 10**9, -max(row.values)))
    expected = [
        [1 if not value else 6 if value == 32 else 2 + 4 * value // 32 for value in row.values] for row in ordered
    ]
    assert middles.tolist() == expected
    assert found.first_checkpoint_after == 4
    assert (pixels[:, 42:44] == 8).all(), "a line before the first column that had seen it"
    assert picture(served, "?mode=dark").shape == pixels.shape


def test_a_place_of_the_picture_is_its_sequence(served: Served) -> None:
    base = "/pictures/position/default/models/pocket-230k/batches/2/trajectories"
    assert served.http.get(f"{base}?50,20").headers["location"] == "/models/pocket-230k/sequences/17?step=64"
    assert served.http.get(f"{base}?9999,9999").headers["location"] == "/models/pocket-230k/sequences/23?step=384"
    for query in ("", "?a,b", "?1", "?-1,2", "?1,2,3", "?%F0%9F,1"):
        assert served.http.get(base + query).status_code == 422, query
    assert served.http.get("/pictures/size/default/models/pocket-230k/batches/2/trajectories?1,1").status_code == 422
