"""The pure parts of views: texts as pieces, classes of rarity, states of cells, words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.registry.printable import duration_words
from seenat.service.pages.questions.jobs import Cell, JobView
from seenat.service.pages.questions.search import coverage_sentences
from seenat.service.pages.questions.texts import Piece, context_pieces, cut_by_spans
from seenat.service.pages.questions.trace import rarity_class
from seenat.service.pages.views.grid import heads_of


@pytest.mark.parametrize(
    "steps", [range(20), range(21), range(40), (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(1000, 143_001, 1000))]
)
def test_heads_of_a_grid_stand_over_all_columns_and_round_ones_begin_them(steps: Sequence[int]) -> None:
    heads, place = heads_of(list(steps)), 0
    for label, span in heads:
        assert label == f"{steps[place]:,}"
        assert span > 0
        place += span
    assert place == len(steps)
    if len(steps) > 100:
        assert [label for label, _ in heads[:6]] == ["0", "10,000", "30,000", "50,000", "70,000", "90,000"]


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6))
def test_a_cut_text_is_whole_and_each_part_lies_in_the_first_of_its_spans(
    text: str, ranges: list[tuple[int, int]]
) -> None:
    spans = [(min(ends), min(max(ends), len(text))) for ends in ranges]
    spans = [(start, stop) for start, stop in spans if start < stop]
    parts = cut_by_spans(text, spans)
    assert "".join(part for part, _ in parts) == text
    place = 0
    for part, found in parts:
        for character in range(place, place + len(part)):
            holding = [number for number, (start, stop) in enumerate(spans) if start <= character < stop]
            assert found == (holding[0] if holding else None)
        place += len(part)


def test_the_end_of_a_document_is_a_piece_of_its_own() -> None:
    context = {"before": "one<|endoftext|>two ", "text": "<b>", "after": "</s>"}
    assert context_pieces(context) == (
        Piece("one", "plain"),
        Piece("<|endoftext|>", "border"),
        Piece("two ", "plain"),
        Piece("<b>", "found"),
        Piece("</s>", "border"),
    )


@pytest.mark.parametrize(("rarity", "number"), [(100, 5), (80.1, 5), (80, 4), (41, 3), (20, 1), (0.1, 1)])
def test_classes_of_rarity_are_fifths_of_the_rarest(rarity: float, number: int) -> None:
    assert rarity_class(rarity, 100) == number


@pytest.mark.parametrize(
    ("counts", "state"),
    [((3, 0, 0, 0), "pending"), ((1, 0, 2, 0), "part"), ((1, 1, 1, 0), "running"), ((0, 0, 3, 0), "done"), ((0, 1, 1, 1), "failed")],
)  # fmt: skip
def test_a_cell_tells_the_state_that_matters_most(counts: tuple[int, ...], state: str) -> None:
    assert Cell(step=1, counts=dict(zip(("pending", "running", "done", "failed"), counts, strict=True))).state == state


def test_the_time_left_is_that_of_the_pace() -> None:
    job = {"state": "running", "pace": {"seconds_left": 250.0}}
    assert JobView(job=job, cells=()).time_left == duration_words(250.0)
    assert JobView(job={**job, "pace": None}, cells=()).time_left is None


def test_what_was_not_searched_makes_counts_lower_bounds() -> None:
    part = {"start": 0, "stop": 50}
    coverage = {
        "sequences": {"start": 0, "stop": 100},
        "exact": [part],
        "lower_bound": [],
        "missing": [{"start": 50, "stop": 100}],
        "altered_from_step": None,
    }
    assert coverage_sentences(coverage) == [
        "50 of 100 sequences were searched completely.",
        "50 were not searched, since no index covers them: counts are lower bounds.",
    ]
    whole = {**coverage, "exact": [coverage["sequences"]], "missing": []}
    assert coverage_sentences(whole) == ["All 100 sequences were searched."]
    assert "lower bounds" in coverage_sentences({**whole, "exact": [], "lower_bound": [part]})[0]
