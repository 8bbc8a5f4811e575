"""What every answer has: JSON by fields, tables, a short repr, a page for a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import numpy.typing as npt
import pytest

import seenat
from seenat.registry.answer import Answer, Answers, TableAnswer, to_json
from seenat.registry.units import SequenceRange


@dataclass(frozen=True, kw_only=True)
class Row(Answer):
    step: int
    share: float | None
    name: str


@dataclass(frozen=True, kw_only=True)
class Curve(TableAnswer):
    model: str
    seen: SequenceRange
    rows: tuple[Row, ...]
    note: str | None = None
    values: npt.NDArray[np.int64] = field(default_factory=lambda: np.arange(2), compare=False)

    table_field = "rows"
    json_names = ("model", "seen", "points=rows", "note", "values")
    json_only_with = {"note": "note"}  # noqa: RUF012 - as an answer may write it.


ROWS = tuple(Row(step=1000 * place, share=place / 32, name=f"<b>{place}</b>") for place in range(12))
CURVE = Curve(model="mine", seen=SequenceRange(0, 3_000), rows=ROWS)


class Tags(HTMLParser):
    """Checks that every tag is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def page(answer: Answer | Answers[Row]) -> str:
    html = answer._repr_html_()
    tags = Tags()
    tags.feed(html)
    assert tags.opened == []
    return html


def test_json_has_the_listed_keys_in_order() -> None:
    json = CURVE.to_json()
    assert list(json) == ["model", "seen", "points", "values"]
    assert json["seen"] == {"start": 0, "stop": 3000}
    assert json["points"][1] == {"step": 1000, "share": 1 / 32, "name": "<b>1</b>"}
    assert json["values"] == [0, 1]


def test_a_key_that_stands_only_with_an_attribute() -> None:
    noted = Curve(model="mine", seen=SequenceRange(0, 1), rows=(), note="so")
    assert noted.to_json()["note"] == "so"


def test_a_plain_dataclass_within_an_answer_is_an_object() -> None:
    @dataclass(frozen=True, slots=True)
    class Alias:
        name: str
        until: str | None

    assert to_json((Alias("old", None),)) == [{"name": "old", "until": None}]


def test_tables() -> None:
    assert CURVE.to_arrow().to_pylist() == [row.to_json() for row in ROWS]
    assert list(CURVE.to_pandas().columns) == ["step", "share", "name"]
    assert Answers(ROWS).to_arrow().num_rows == len(Answers(ROWS).to_pandas()) == 12


def test_the_repr_is_short() -> None:
    text = repr(CURVE)
    assert text.startswith("Curve(model='mine', seen=SequenceRange(start=0, stop=3000), rows=(Row(step=0, ")
    assert len(text) < 400
    assert repr(Answers(ROWS)).startswith("Answers(Row(step=0, share=0.0, name='<b>0</b>'), Row(step=1000, ")
    assert repr(Answers(ROWS)).endswith(", ... 12 in all)")


def test_a_notebook_shows_facts_and_the_first_rows() -> None:
    html = page(CURVE)
    assert '<td style="text-align:left">0 to 3,000</td>' in html
    assert "{'" not in html
    assert "&lt;b&gt;1&lt;/b&gt;" in html
    assert "<b>" not in html
    assert '<th style="text-align:right">step</th>' in html
    assert '<td style="text-align:right">9,000</td>' in html
    assert "10,000" not in html
    assert "The first 10 of 12 rows." in html


def test_numbers_are_aligned_to_the_right_and_texts_to_the_left() -> None:
    html = page(Answers(ROWS))
    assert re.findall(r'<th style="text-align:(\w+)">(\w+)</th>', html) == [
        ("right", "step"),
        ("right", "share"),
        ("left", "name"),
    ]
    assert page(Answers(())) == "<p>no rows</p>"


@pytest.mark.parametrize("call", ["step", "batch", "sequence", "describe", "models", "onsets", "trajectory", "job"])
def test_answers_of_the_catalog_show_no_raw_objects(pocket: seenat.Catalog, call: str) -> None:
    answer = {
        "step": lambda: pocket.step("pythia-2.8b", 1000),
        "batch": lambda: pocket.batch("pocket-2m", 383, tokens=True, decode=True),
        "sequence": lambda: pocket.sequence("pocket-230k", 84),
        "describe": lambda: pocket.describe("pythia-1b"),
        "models": lambda: pocket.models(family="pocket"),
        "onsets": lambda: pocket.onsets("pocket-230k"),
        "trajectory": lambda: pocket.trajectory("pocket-230k", 84),
        "job": lambda: pocket.job(1),
    }[call]()
    assert len(repr(answer)) < 8_000
    if hasattr(answer, "_repr_html_"):
        html = page(answer)
        assert "{'" not in html
        assert "&#x27;: " not in html
