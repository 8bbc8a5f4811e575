"""Tables and facts, whatever is in them: nothing is cut off, columns stand under their headings."""

from __future__ import annotations

from click import unstyle
from hypothesis import given
from hypothesis import strategies as st

from seenat.cli.framework.output import count, moment, plural, share, value_words
from seenat.cli.framework.tables import cut, fact_lines, lay_out_table

WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=30)
PHRASES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)


def lines(*args: object, **options: object) -> list[str]:
    return [unstyle(line) for line in lay_out_table(*args, **options).lines]  # type: ignore[arg-type]


@given(st.lists(st.tuples(WORDS, st.integers(0, 10**12), PHRASES), max_size=8), st.none() | st.integers(20, 200))
def test_a_table_loses_nothing(rows: list[tuple[str, int, str]], width: int | None) -> None:
    text = "\n".join(lines(("<name", ">number", "<why"), rows, width))
    flat = " ".join(text.split())
    for name, number, why in rows:
        assert name in flat
        assert str(number) in flat
        assert all(word in flat for word in why.split())


@given(st.lists(st.tuples(WORDS, st.integers(0, 10**12)), min_size=1, max_size=8))
def test_numbers_end_under_their_heading(rows: list[tuple[str, int]]) -> None:
    found = lines(("<name", ">number"), rows, None)
    assert len({len(line) for line in found}) == 1
    for line, (name, number) in zip(found[1:], rows, strict=True):
        assert line.startswith(name)
        assert line.endswith(str(number))


def test_a_cell_of_none_is_a_dash() -> None:
    assert lines(("<a", ">b"), [(None, None)], None) == ["a  b", "-  -"]


def test_a_narrow_table_goes_without_its_spare_columns_one_by_one() -> None:
    columns, rows = ("<name", "<one", "<two", ">n"), [("x" * 10, "y" * 10, "z" * 10, 1)]
    assert lines(columns, rows, 40, ("one", "two"))[0].split() == ["name", "one", "two", "n"]
    assert lines(columns, rows, 30, ("one", "two"))[0].split() == ["name", "two", "n"]
    assert lines(columns, rows, 20, ("one", "two"))[0].split() == ["name", "n"]
    assert lines(columns, rows, None, ("one", "two"))[0].split() == ["name", "one", "two", "n"]
    assert [lay_out_table(columns, rows, width, ("one", "two")).left_out for width in (40, 30, 20, None)] == [
        (),
        ("one",),
        ("one", "two"),
        (),
    ]


def test_a_table_without_room_becomes_lines_of_all_columns() -> None:
    columns, rows = ("<name", "<spare", ">n"), [("x" * 20, "y", 1), ("z", "y", 20)]
    found = lay_out_table(columns, rows, 12, ("spare",))
    assert found.left_out == ()
    assert [unstyle(line) for line in found.lines] == [
        "name", "  " + "x" * 20, "spare  y", "n  1", "", "name  z", "spare  y", "n  20",
    ]  # fmt: skip


def test_a_last_column_of_text_is_wrapped_under_itself() -> None:
    found = lines((">n", "<why"), [(1, "one two three four five six seven eight")], 30)
    assert found == ["n  why", "1  one two three four five six", "   seven eight"]


@given(st.lists(st.tuples(WORDS, st.none() | PHRASES), max_size=8), st.none() | st.integers(20, 200))
def test_facts_lose_nothing_but_what_is_none(pairs: list[tuple[str, str | None]], width: int | None) -> None:
    flat = " ".join(unstyle(" ".join(fact_lines(pairs, width))).split())
    for name, value in pairs:
        if value is not None:
            assert name in flat
            assert all(word in flat for word in value.split())


def test_values_of_facts_stand_under_each_other() -> None:
    found = [unstyle(line) for line in fact_lines([("a", 1), ("", ""), ("long", "x y"), ("gone", None)], None)]
    assert found == ["a     1", "", "long  x y"]


@given(st.text(max_size=60), st.integers(4, 80))
def test_cut_text_fits(text: str, room: int) -> None:
    assert len(cut(text, room)) <= room
    assert cut(text, None) == text


def test_numbers_as_people_write_them() -> None:
    assert (count(1234567), count(None)) == ("1,234,567", None)
    assert (plural(1, "shard"), plural(2000, "shard")) == ("1 shard", "2,000 shards")
    assert [share(part) for part in (0, 1, 0.30729, 0.00123, 0.0000123, None)] == [
        "0.00%",
        "100.00%",
        "30.73%",
        "0.12%",
        "0.0012%",
        None,
    ]
    assert (moment("2026-11-24T15:29:07Z"), moment(None)) == ("2026-11-24 15:29", None)
    assert [value_words(value) for value in (True, [0.9, 0.95], 50304, "x", 1e-08)] == [
        "yes",
        "0.9, 0.95",
        "50,304",
        "x",
        "1e-08",
    ]
