"""Where the keys and elements of a TOML text stand."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seenat.registry.suites.manifest.toml_positions import Lines, locate

Place = tuple[str | int, ...]
"""The way to a key or element from the top of the document."""

# A writer that knows on which line it puts each key is the reference for the scanner that has to find out.
QUOTED = ['"a.b"', "'c d'", r'"e\"[\u0041"', '"#"', "'='"]
SCALARS = ["1", "0xf_f", "1_0.5e3", "true", "nan", '"a # \\" ]"', "'[x]'", "1979-05-27 07:32:00", '""', "''", '"""a"""']
SPREAD = ['"""\n[a]\nb = 1\n"""', "'''\nx\n\n''c'''''", '"""a\\\n  "" b"""""']
COMMENTS = ["", " # [[x]] = \"'''", "\t#"]


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[Place, int]]:
    """A TOML text, and the line of every path in it."""
    text = ""
    lines: dict[Place, int] = {}
    here: Place = ()
    for number in range(draw(st.integers(1, 12))):
        text += draw(st.sampled_from(["", "\n", "# [x]\n\n", "\r\n"]))
        name, spelling = draw(parts(number))
        if draw(st.integers(0, 2)):
            text = draw(assignments(text, here, lines, name, spelling))
        else:
            here, header = draw(headers(name, spelling))
            lines |= {here[:1]: text.count("\n") + 1} if len(here) == 2 else {}
            for element in range(header.count("\n") + 1):
                lines[(name, element) if len(here) == 2 else here] = text.count("\n") + 1 + element
            text += header + draw(st.sampled_from(COMMENTS)) + "\n"
    return text, lines


@st.composite
def headers(draw: st.DrawFn, name: str, spelling: str) -> tuple[Place, str]:
    """The header of a table, or one or two of a list of tables, and the path of the keys after it."""
    count = draw(st.integers(0, 2))
    return ((name, count - 1), "\n".join([f"[[ {spelling} ]]"] * count)) if count else ((name,), f"[{spelling}]")


@st.composite
def assignments(draw: st.DrawFn, text: str, here: Place, lines: dict[Place, int], name: str, spelling: str) -> str:
    """The text with a plain or dotted key and its value at the end."""
    path = (*here, name)
    lines[path] = text.count("\n") + 1
    if draw(st.booleans()):
        path, spelling = (*path, "below"), f"{spelling} . below"
        lines[path] = text.count("\n") + 1
    text = draw(values(f"{text}  {spelling} = ", path, lines, depth=2))
    return text + draw(st.sampled_from(COMMENTS)) + draw(st.sampled_from(["\n", "\r\n"]))


@st.composite
def parts(draw: st.DrawFn, number: int) -> tuple[str, str]:
    """A key that no other number makes: its name and its spelling."""
    if draw(st.booleans()):
        return f"key-{number}", f"key-{number}"
    spelling = draw(st.sampled_from(QUOTED))
    spelling = f"{spelling[:-1]}{number}{spelling[-1]}"
    return next(iter(tomllib.loads(f"{spelling} = 1"))), spelling


@st.composite
def values(draw: st.DrawFn, text: str, path: Place, lines: dict[Place, int], depth: int) -> str:
    """The text with a value at its end, whose inner lines are recorded."""
    kind = draw(st.sampled_from(["scalar", "spread", "array", "table"] if depth else ["scalar", "spread"]))
    if kind == "scalar":
        return text + draw(st.sampled_from(SCALARS))
    if kind == "spread":
        return text + draw(st.sampled_from(SPREAD))
    text += "[" if kind == "array" else "{"
    count = draw(st.integers(0, 3))
    for number in range(count):
        if kind == "array":
            text += draw(st.sampled_from(["", " ", "\n", " # ]\n  "]))
            inner: Place = (*path, number)
        else:
            name, spelling = draw(parts(number))
            inner = (*path, name)
        lines[inner] = text.count("\n") + 1
        text += "" if kind == "array" else f" {spelling} = "
        text = draw(values(text, inner, lines, depth - 1))
        text += "," if number < count - 1 else ""
    return text + ("\n]" if kind == "array" else " }")


def paths(lines: Lines, above: Place = ()) -> Iterator[tuple[Place, int]]:
    for part, place in lines.below.items():
        yield (*above, part), place.line
        yield from paths(place, (*above, part))


def parsed_paths(value: object, above: Place = ()) -> Iterator[Place]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, item in items:
        yield (*above, part)
        yield from parsed_paths(item, (*above, part))


@settings(max_examples=150, deadline=None)
@given(document=documents())
def test_lines_are_where_the_writer_put_them(document: tuple[str, dict[Place, int]]) -> None:
    text, expected = document
    found = dict(paths(locate(text)))
    assert set(found) == set(parsed_paths(tomllib.loads(text)))
    assert found == expected


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("[a.b]\nc = 1\n[a]\nd = 1", ("a",), 3),
        ("[a.b]\nc = 1", ("a",), 1),
        ("[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2", ("a", 1, "b", "c"), 6),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nc = 2", ("a", 0, "b", 1, "c"), 4),
        ("[a]\nb.c = 1\nb.d = 2", ("a", "b"), 2),
        ("a = 1", ("a", "absent", "b"), 1),
        ("\n\na = [\n\n1]", ("a", 0), 5),
        ("[a]\nb = 1\n", ("a", "absent"), 1),
        ('a = "\u2028\x0b"\nb = 1', ("b",), 2),
        ("", ("a",), 1),
        ("[a]\nb = 1\n? ? ?\n[c]\nd = 1", ("a", "b"), 2),
        ("a = [1,", ("a", 0), 1),
        ("a = \nb = 1", ("a",), 1),
    ],
)
def test_lines_of(text: str, path: Place, line: int) -> None:
    assert locate(text).line_of(*path) == line
