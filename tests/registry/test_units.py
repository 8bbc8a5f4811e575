"""Ranges behave like the sets of integers they name, and text is read or refused at the edge."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.registry.errors import InvalidValue
from seenat.registry.units import BatchRange, HalfOpenRange, SequenceRange, parse_count, parse_step

small = st.integers(0, 30)


@st.composite
def ranges(draw):
    return SequenceRange(*sorted((draw(small), draw(small))))


@given(ranges(), st.integers(-2, 33))
def test_a_range_is_a_set_of_integers(span, index):
    members = [number for number in range(40) if span.start <= number < span.stop]
    assert list(span) == members
    assert len(span) == len(members)
    assert bool(span) is bool(members)
    assert (index in span) is (index in members)
    assert (np.int64(index) in span) is (index in members), "indices out of arrays are integers too"


@given(ranges(), ranges())
def test_intersection_is_that_of_the_sets(one, other):
    common = one.intersection(other)
    assert set(common) == set(one) & set(other)
    assert type(common) is SequenceRange
    assert set(other.intersection(one)) == set(common)


@pytest.mark.parametrize("index", [0.0, "0", None, np.float64(0)])
def test_only_integers_are_members(index):
    assert index not in SequenceRange(0, 5)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 1), (-3, -1)])
@pytest.mark.parametrize("kind", [HalfOpenRange, SequenceRange, BatchRange])
def test_refuses_what_is_no_range(kind, start, stop):
    with pytest.raises(InvalidValue, match=f"^{start}:{stop} is not a range: it needs 0 <= start <= stop"):
        kind(start, stop)


def test_kinds_of_ranges_are_never_equal():
    assert SequenceRange(0, 5) == SequenceRange(0, 5)
    assert SequenceRange(0, 5) != BatchRange(0, 5)
    with pytest.raises(TypeError):
        _ = SequenceRange(0, 5) < BatchRange(1, 5)
    assert min(SequenceRange(3, 4), SequenceRange(1, 9), SequenceRange(1, 2)) == SequenceRange(1, 2)


def test_the_forms_a_range_leaves_in():
    span = SequenceRange(1024, 2048)
    assert str(span) == "1024:2048"
    assert json.dumps(span.to_json()) == '{"start": 1024, "stop": 2048}'
    assert pickle.loads(pickle.dumps(span)) == span


@given(st.integers(1, 10**9), st.data())
def test_parses_its_own_form(stop, data):
    first = data.draw(st.integers(0, stop - 1))
    last = data.draw(st.integers(first + 1, stop))
    assert BatchRange.parse(f" {first}:{last} ", stop) == BatchRange(first, last)
    assert BatchRange.parse(f"{first}:", stop) == BatchRange(first, stop)
    assert BatchRange.parse(f":{last}", stop) == BatchRange(0, last)
    assert BatchRange.parse(":", stop) == BatchRange(0, stop)


@pytest.mark.parametrize("text", ["", "5", "a:b", "1:2:3", "-1:5", "1-5", "1:1e3"])
def test_refuses_text_that_is_no_range(text):
    with pytest.raises(InvalidValue, match="is not a range; write START:STOP, for example 0:1024"):
        SequenceRange.parse(text, 146_432_000)


@pytest.mark.parametrize("text", ["5:5", "6:5", "0:0", ":0", "10:", "11:", "0:11", "9:11"])
def test_refuses_ranges_that_are_empty_or_beyond_the_end(text):
    with pytest.raises(InvalidValue, match="is not a range within 0:10; START must be below STOP, and STOP at most 10"):
        SequenceRange.parse(text, 10)


@given(st.integers(0, 10**18 - 1))
def test_reads_steps_in_every_form(step):
    assert (
        parse_step(step) == parse_step(str(step)) == parse_step(f"step{step}") == parse_step(f" step{step}\n") == step
    )


@pytest.mark.parametrize(
    "text", ["", "step", "step-1", -1, "1.5", 3.0, "stepp3", "main", "1,00", True, "9" * 19, "1" * 10**6]
)
def test_refuses_what_is_no_step(text):
    with pytest.raises(InvalidValue, match="is not a step; write a number of optimizer updates"):
        parse_step(text)


@given(st.integers(0, 10**18 - 1), st.sampled_from(["", "_", ",", " "]))
def test_reads_counts_with_any_separator(count, separator):
    assert parse_count(f"{count:,}".replace(",", separator), "batch") == count
    assert parse_count(count, "batch") == count


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", "1__0", "_1", "1,", "ten"])
def test_refuses_what_is_no_count(text):
    with pytest.raises(InvalidValue, match="is not a batch; write a whole number from 0"):
        parse_count(text, "batch")


def test_refuses_a_count_below_the_least():
    assert parse_count("2", "batch", 2) == 2
    with pytest.raises(InvalidValue, match="'1' is not a batch; write a whole number from 2"):
        parse_count("1", "batch", 2)


def test_refuses_a_count_that_is_too_large():
    assert parse_count("9" * 18, "batch") == 10**18 - 1
    with pytest.raises(InvalidValue, match=f"'{'9' * 19}' is larger than any batch; write a smaller number"):
        parse_count("9" * 19, "batch")
