"""Nothing that a catalog holds steers a terminal, and nothing is longer than a message may be."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.cli.framework.output import Output
from seenat.cli.framework.progress import Moment, progress
from seenat.registry.errors import InvalidValue, SeenatError, UnknownModel
from seenat.registry.printable import one_line, printable, printable_json, shorten

CLI = Path(__file__).parents[3] / "cli"
# A title of the window, a cleared screen, C1's CSI, bidirectional marks, a line separator, a tag, a lone surrogate.
HOSTILE = "a\x1b]0;t\x07\x1b[2J\x9b31m\u202eb\u2066\u2028\U000e0041\udcff\x7f\r\x00z"


def assert_harmless(text: str) -> None:
    assert all(char.isprintable() or char in "\n\t" for char in text), ascii(text)


@given(st.text())
def test_text_is_harmless_and_what_was_harmless_stays(text: str) -> None:
    assert_harmless(printable(text))
    assert one_line(text).isprintable()
    assert printable(one_line(text)) == one_line(text)
    if text.isprintable():
        assert printable(text) == one_line(text) == text


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_means_the_same_and_is_harmless(value: object) -> None:
    for indent in (None, 2):
        document = printable_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(document) == value
        assert_harmless(document)


def test_every_way_of_writing_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output()
    out.line(HOSTILE)
    out.facts([(HOSTILE, HOSTILE)])
    out.table((f"<{HOSTILE}", "<b"), [(HOSTILE, f"{HOSTILE}\nfake  row")])
    out.talk(HOSTILE)
    Output(as_json=True).data({HOSTILE: [HOSTILE]})
    with progress(seconds_between_lines=0.0) as show:
        show(Moment(task=HOSTILE, done=1, total=2, note=f"{HOSTILE}\n"))
    caught = capsys.readouterr()
    assert_harmless(caught.out)
    assert_harmless(caught.err)
    assert len(caught.out.splitlines()) == 1 + 1 + 2 + 1
    assert len(caught.err.splitlines()) == 1 + 1
    assert caught.out.splitlines()[0].startswith("a\\x1b]0;t\\x07\\x1b[2J\\x9b31m\\u202eb\\u2066")
    assert json.loads(caught.out.splitlines()[-1]) == {HOSTILE: [HOSTILE]}


def test_a_table_is_laid_out_by_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("<a", "<b"), [("\x1b", "x"), ("ok", "y")])
    assert capsys.readouterr().out == "a     b\n\\x1b  x\nok    y\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-16"])
def test_streams_of_another_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
    Output(as_json=True).data({"é": "→\u202e"})
    Output().line("→ é")
    sys.stdout.flush()
    document, line = buffer.getvalue().decode(encoding).splitlines()
    assert json.loads(document) == {"é": "→\u202e"}
    assert line == {"ascii": "\\u2192 \\xe9", "utf-16": "→ é"}.get(encoding, "\\u2192 é")


def test_a_name_of_ten_megabytes_is_shortened_in_messages(capsys: pytest.CaptureFixture[str]) -> None:
    name = "n" * 10_000_000
    for kind in (SeenatError, InvalidValue, UnknownModel):
        said = str(kind(f"There is no model {name}; `seenat models` lists all."))
        assert len(said) < 2100
        assert said.startswith("There is no model nnn")
        assert " ... (9,998,1" in said
        assert said.endswith("; `seenat models` lists all.")
    Output().talk(name)
    assert len(capsys.readouterr().err) < 2100
    assert shorten("n" * 2000) == "n" * 2000


def test_a_long_cell_does_not_widen_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("<a", ">b"), [("n" * 1_000_000, 1), *[("x", 2)] * 100])
    text = capsys.readouterr().out
    assert len(text) < 1_200_000
    assert "n" * 1_000_000 + "  1\n" in text


def test_one_module_writes() -> None:
    writes = re.compile(r"click\.(echo|secho|style)\b|(?<!\.)\bprint\(|sys\.std(out|err)\.write|\.buffer\.write")
    found = {path.name for path in CLI.rglob("*.py") if writes.search(path.read_text())}
    assert found == {"terminal.py"}
