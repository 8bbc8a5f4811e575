"""JSON, JSON lines and CSV; pages; tags; compression; HEAD; what is withheld."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.addresses import address, ask, values_of
from support.served import Serve, Served

import seenat
from seenat.registry.answer import to_json
from seenat.registry.columns import Columns
from seenat.remote.methods import columns_of as columns_method_of
from seenat.remote.routes import ROUTES, Route
from seenat.service.api.csv import columns_of, csv_header, csv_lines
from seenat.service.api.documents import Form, encode, rows_key
from seenat.service.api.kept import Encoded, KeptAnswers
from seenat.service.api.openapi import describe_api
from seenat.service.api.printing import are_numbers

FIRST = "/api/v1/models/pocket-230k/which/first"


def rows_of(served: Served, route: Route) -> list[dict[str, Any]]:
    """The rows of what the library answers."""
    answer = ask(served.catalog, route)
    rows = getattr(answer, answer.table_field) if isinstance(answer, seenat.TableAnswer) else answer
    found: list[dict[str, Any]] = to_json(answer if rows is answer else rows)
    return found


def lists() -> set[str]:
    """Addresses that the description says are lists."""
    document = describe_api()["paths"]
    read = {path: item["get"]["responses"]["200"] for path, item in document.items() if "get" in item}
    return {path for path, answer in read.items() if "text/csv" in answer.get("content", {})}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_list_is_csv_and_json_lines_too(served: Served, route: Route) -> None:
    asked = address(route).replace("?", ".csv?", 1)
    as_csv, as_lines = served.http.get(asked), served.http.get(asked.replace(".csv?", ".jsonl?", 1))
    if served.http.get(address(route)).status_code != 200:
        assert as_csv.status_code == as_lines.status_code == 404
        return
    if f"/api/v1{route.path}" not in lists():
        assert as_csv.status_code == as_lines.status_code == 422
        return
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert as_lines.headers["content-type"] == "application/jsonl"
    table = list(csv.DictReader(io.StringIO(as_csv.text)))
    rows = [json.loads(line) for line in as_lines.text.splitlines()]
    assert len(table) == len(rows)
    assert rows[: len(rows_of(served, route))] == rows_of(served, route)
    if rows:
        assert set(table[0]) == {".".join(path) for path in columns_of(rows)}


def test_the_form_can_be_asked_by_a_header(served: Served) -> None:
    for accept, found in (
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/jsonl", "application/jsonl"),
        ("application/x-ndjson", "application/jsonl"),
        ("text/html, application/json;q=0.9, text/csv;q=0.1", "application/json"),
        ("*/*", "application/json"),
    ):
        response = served.http.get("/api/v1/models", headers={"accept": accept})
        assert response.headers["content-type"] == found
        assert "Accept" in response.headers["vary"]


def test_pages_lead_to_each_other(served: Served) -> None:
    whole = served.http.get(f"{FIRST}?by=384&limit=1000").json()
    assert whole["next"] is None
    assert whole["count"] > 20
    pages, asked = [], f"{FIRST}?by=384&limit=7"
    while asked:
        response = served.http.get(asked)
        pages.append(response.json()["sequences"])
        asked = response.links.get("next", {}).get("url", "")
    assert [row for page in pages for row in page] == whole["sequences"]
    assert len(pages) == -(-whole["count"] // 7)


@pytest.mark.parametrize(
    "asked",
    ["models?size=70m", "models/pocket-230k/checkpoints?", "orders?", "claims?subject=pythia-70m", "jobs?"],
)
def test_lists_are_read_page_by_page(served: Served, asked: str) -> None:
    whole = served.http.get(f"/api/v1/{asked}").json()
    rows, following, pages = [], f"/api/v1/{asked}&limit=1", 0
    while following:
        response = served.http.get(following)
        rows += response.json()
        following, pages = response.links.get("next", {}).get("url", ""), pages + 1
    assert rows == whole
    assert pages == len(whole) > 1


def test_a_page_begins_behind_what_is_there(served: Served) -> None:
    for asked in ("models?after=nobody", "checkpoints?after=pythia-70m:7", "claims?after=0"):
        response = served.http.get(f"/api/v1/{asked}")
        assert (response.status_code, "first page" in response.json()["detail"]) == (422, True), asked
    assert served.http.get("/api/v1/checkpoints?after=pythia-70m").status_code == 422


def test_a_name_may_hold_a_slash(served: Served) -> None:
    by_name = served.http.get("/api/v1/models/pythia-70m/steps/3000").json()
    for ending in ("", ".json"):
        found = served.http.get(f"/api/v1/models/EleutherAI%2Fpythia-70m/steps/3000{ending}")
        assert (found.status_code, found.json()) == (200, by_name)
    assert served.http.get("/api/v1/models/EleutherAI/pythia-70m/steps/3000").status_code == 404
    assert served.http.get("/api/v1/models//steps/3000").status_code == 404


def test_a_list_without_a_limit_is_read_to_its_end(served: Served) -> None:
    count = served.http.get(f"{FIRST}?by=384&limit=1").json()["count"]
    assert len(served.http.get(f"{FIRST}.jsonl?by=384").text.splitlines()) == count
    assert len(served.http.get(f"{FIRST}.jsonl?by=384&limit=3").text.splitlines()) == 3


def test_cells_that_begin_a_formula_are_text() -> None:
    rows = [{"name": text} for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain", 'a,"b"\n')]
    lines = csv_lines(rows, [("name",)]).decode()
    cells = [row["name"] for row in csv.DictReader(io.StringIO(f"name\r\n{lines}", newline=""))]
    assert cells == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'\\r=1", "plain", 'a,"b"\n']
    assert csv_lines(
        [{"n": -1, "f": -0.5, "b": True, "x": None, "l": [1, 2]}],
        [(name,) for name in "nfbxl"],
    ) == (b'-1,-0.5,true,,"[1, 2]"\r\n')


def test_what_only_some_rows_have_is_a_column() -> None:
    rows: list[dict[str, Any]] = [{"a": None, "b": {}}, {"a": {"x": 1, "y": {"z": "=2"}}}, {"c": 3}]
    columns = columns_of(rows)
    assert columns == [("b",), ("a", "x"), ("a", "y", "z"), ("c",)]
    assert (csv_header(columns) + csv_lines(rows, columns)).decode().splitlines() == [
        "b,a.x,a.y.z,c",
        "{},,,",
        ",1,'=2,",
        ",,,3",
    ]


@pytest.mark.parametrize("form", [Form.CSV, Form.JSONL])
@pytest.mark.parametrize("route", [route for route in ROUTES if columns_method_of(route)], ids=lambda route: route.name)
def test_columns_are_the_bytes_of_rows(served: Served, route: Route, form: Form) -> None:
    """What is sent as columns, whole and a part of it, beside the library's own rows."""
    values = values_of(route) | ({"limit": 100_000} if route.pages else {})
    positional, named = route.arguments(values)
    answer = attrgetter(route.method)(served.catalog)(*positional, **named)
    rows = answer.to_json()[rows_key(answer)]
    asked = address(route).replace("?", f"{form.suffix}?", 1)
    assert len(rows) > 2 or route.method == "which.relearned"
    assert served.http.get(asked).content == b"".join(encode([rows], form))
    if rows and route.pages:
        place = (rows[1].get("onset", {}).get("step"), rows[1]["sequence"])[-route.pages :]
        after = ":".join(map(str, place))
        part = served.http.get(f"{asked}&limit=1&after={after}")
        assert part.content == b"".join(encode([rows[2:3]], form))


@pytest.mark.parametrize("form", [Form.CSV, Form.JSONL])
def test_numbers_are_printed_as_python_prints_them(form: Form) -> None:
    edges = [0, 9, 10, 99, 100, 4_294_967_295, 4_294_967_296, 2**63 - 1]
    null = np.ma.MaskedArray(np.arange(8), mask=np.arange(8) % 3 == 1)
    columns = Columns(
        {
            ("wide",): np.array(edges),
            ("a", "null"): null,
            ("a", "none"): np.ma.MaskedArray(np.zeros(8, np.int64), mask=True),
            ("a", "b", "flag"): np.arange(8) % 2 == 0,
            ("narrow",): np.arange(8, dtype=np.uint8),
        }
    )
    for shown in (columns, columns[3:4], Columns({**columns.values, ("signed",): np.arange(-4, 4)})):
        assert are_numbers(shown) == (len(shown.values) == 5)
        assert b"".join(encode([shown], form)) == b"".join(encode([[*shown.rows()]], form))


@pytest.mark.parametrize("form", [Form.CSV, Form.JSONL])
def test_rows_are_streamed_with_flat_memory(form: Form) -> None:
    """200,000 rows are 8 MB; a page of 5,000 and its block are less than 2."""
    pages = ([{"sequence": page * 5000 + row, "step": page} for row in range(5000)] for page in range(40))
    tracemalloc.start()
    lines = sum(block.count(b"\n") for block in encode(pages, form))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == 200_000 + (form is Form.CSV)
    assert most < 4 << 20


def test_an_answer_that_is_known_is_not_sent_again(served: Served) -> None:
    asked = "/api/v1/models/pythia-70m/steps/3000"
    first = served.http.get(asked)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for known in (tag, f'"other", {tag}', "*"):
        again = served.http.get(asked, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert served.http.get(asked, headers={"if-none-match": 'W/"other"'}).content == first.content


def test_a_kept_answer_ends_with_what_it_follows_from(serve: Serve, tmp_path: Path, pocket_manifest: Path) -> None:
    served = serve(str(tmp_path / "catalog.sqlite"))
    asked = "/api/v1/orders"
    before = served.http.get(asked)
    assert served.http.get(asked).content == before.content
    served.catalog.register(pocket_manifest)
    after = served.http.get(asked)
    assert len(after.json()) == len(before.json()) + 1
    assert after.headers["etag"] != before.headers["etag"]


def test_kept_answers_are_bounded() -> None:
    kept = KeptAnswers(8000)
    for number in range(20):
        kept.put(str(number), 1, Encoded.of(bytes(900)))
    held = [number for number in range(20) if kept.get(str(number), 1)]
    assert held == list(range(15, 20))  # 900 bytes each, and 500 beside them.
    kept.put("large", 1, Encoded.of(bytes(4000)))
    assert kept.get("large", 1) is None
    assert kept.get("19", 2) is None
    kept.put("new", 2, Encoded.of(b"x"))
    assert kept.get("19", 2) is None


def test_answers_are_compressed(served: Served) -> None:
    plain = served.http.get("/api/v1/models", headers={"accept-encoding": "identity"})
    packed = served.http.get("/api/v1/models", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 4


@pytest.mark.parametrize("asked", ["/api/v1/models", "/api/v1/models.csv", "/health", "/api/v1/nothing", "/metrics"])
def test_head_is_a_get_without_its_body(served: Served, asked: str) -> None:
    got, head = served.http.get(asked), served.http.head(asked)
    assert head.content == b""
    assert head.status_code == got.status_code
    assert head.headers["content-type"] == got.headers["content-type"]
    if asked != "/metrics":
        assert head.headers.get("content-length") == got.headers.get("content-length")


# -- what is withheld


def texts_of(served: Served, sequence: int) -> str:
    found = served.catalog.sequence("pocket-order", sequence, decode=True).texts
    assert found is not None
    return found[0]


def test_a_service_without_texts_shows_none(serve: Serve) -> None:
    served = serve(no_text=True)
    for asked in (
        "/api/v1/orders/pocket-order/batches/2?decode=true",
        "/api/v1/models/pocket-230k/batches/2.csv?tokens=true",
        "/api/v1/orders/pocket-order/sequences/20?tokens=true",
        "/api/v1/models/pocket-230k/sequences/20?decode=true",
        "/api/v1/orders/pocket-order/find?text=self&context=5",
    ):
        response = served.http.get(asked)
        assert (response.status_code, response.json()["type"]) == (403, "urn:seenat:withheld")
    assert served.http.get("/api/v1/orders/pocket-order/batches/2?decode=false").status_code == 200
    assert served.http.get("/api/v1/orders/pocket-order/find?text=self&context=0").status_code == 200


def test_withheld_sequences_are_in_no_answer(serve: Serve, tmp_path: Path) -> None:
    """Those of a batch, all of whose text is asked for in every way there is."""
    listed = tmp_path / "withheld.txt"
    listed.write_text("# asked for by its author\npocket-order 16:18\npocket-order 20\n", "utf-8")
    served = serve(withheld=listed)
    hidden, shown = (16, 17, 20), (18, 19, 21, 22, 23)
    for asked in ("orders/pocket-order", "models/pocket-230k"):
        batch = served.http.get(f"/api/v1/{asked}/batches/2?decode=true&tokens=true").json()
        assert batch["withheld"] == list(hidden)
        whole = served.catalog.batch("pocket-order", 2, decode=True, tokens=True).to_json()
        for sequence in (*hidden, *shown):
            place = sequence - 16
            expected = (None, None) if sequence in hidden else (whole["texts"][place], whole["tokens"][place])
            assert (batch["texts"][place], batch["tokens"][place]) == expected
        for sequence in hidden:
            for content in ("decode", "tokens"):
                response = served.http.get(f"/api/v1/{asked}/sequences/{sequence}?{content}=true")
                assert response.status_code == 403
            assert served.http.get(f"/api/v1/{asked}/sequences/{sequence}").json()["batch"] == 2
        for sequence in shown:
            response = served.http.get(f"/api/v1/{asked}/sequences/{sequence}?decode=true")
            assert response.json()["texts"] == [whole["texts"][sequence - 16]]


@pytest.mark.parametrize("closed", ["no text", "withheld"])
def test_no_route_tells_what_is_not_shown(serve: Serve, served: Served, tmp_path: Path, closed: str) -> None:
    """Whatever is asked for beside: a new route, or a new parameter, is asked here too."""
    (tmp_path / "withheld").write_text("pocket-order 0:3584\n", "utf-8")
    service = serve(no_text=True) if closed == "no text" else serve(withheld=tmp_path / "withheld")
    secrets = [json.dumps(texts_of(served, sequence)[10:40])[1:-1] for sequence in range(16, 24)]
    at_hand = {"model": "pocket-230k", "order": "pocket-order", "batch": "2", "sequence": "20", "sequences": "16:24"}
    asked = 0
    for route in ROUTES:
        place = {key: value for key, value in at_hand.items() if key in route.in_path}
        known = replace(route, example={**route.example, **place})
        for flag in ("", *(f"&{name}=8" for name in ("context",) if name in route.query), *_flags(route)):
            found = service.http.get(address(known) + flag).text
            assert not [secret for secret in secrets if secret in found], (address(known) + flag, found[:300])
            asked += 1
    assert asked > len(ROUTES)


def _flags(route: Route) -> list[str]:
    """Everything that may be asked for in addition."""
    return [
        f"&{route.parameters[key].name}=true"
        for key in route.query
        if route.parameters[key].schema == {"type": "boolean"}
    ]


@pytest.mark.parametrize("form", ["", ".jsonl", ".csv"])
def test_a_withheld_context_is_not_shown(serve: Serve, tmp_path: Path, form: str) -> None:
    open_ = serve()
    word = texts_of(open_, 20)[40:60]
    asked = f"/api/v1/orders/pocket-order/find{form}"
    query = {"text": word, "context": "8", "limit": "1000"}
    exposures = open_.http.get(asked.removesuffix(form) if form else asked, params=query).json()["exposures"]
    assert 20 in [exposure["sequence"] for exposure in exposures if exposure["context"]]
    listed = tmp_path / "withheld.txt"
    listed.write_text("pocket-order 0:3584\n", "utf-8")
    closed = serve(withheld=listed)
    found = closed.http.get(asked, params=query).text
    around = {exposure["context"]["before"] for exposure in exposures} - {""}
    assert around
    assert not [text for text in around if json.dumps(text)[1:-1] in found]
    assert '"context":null' in found if form != ".csv" else "context" in found


@pytest.mark.parametrize("line", ["pocket-order", "pocket-order x", "pocket-order 5:2", "a b c"])
def test_a_wrong_list_is_refused(serve: Serve, tmp_path: Path, line: str) -> None:
    listed = tmp_path / "withheld.txt"
    listed.write_text(f"pocket-order 1\n{line}\n", "utf-8")
    with pytest.raises(seenat.InvalidValue, match="line 2"):
        serve(withheld=listed)
