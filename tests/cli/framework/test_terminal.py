"""What a person sees: answers that fit a narrow terminal, bars that move on stderr, colours unless they are refused."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from support.cli import environment, run_process

WIDTH = 80
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(home: Path, args: list[str], *, width: int = WIDTH, fails: bool = False, **more: str) -> str:
    """Everything that a command writes to a terminal of this width, which is its stdout and its stderr."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    env = environment(home, **{"TERM": "xterm-256color"} | more)
    for name in ("COLUMNS", "LINES"):
        env.pop(name, None)
    process = subprocess.Popen([sys.executable, "-m", "seenat", *args], stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    written = _read_all(ours)
    assert (process.wait() != 0) == fails, written
    return written


def fit(text: str, width: int) -> bool:
    """Whether all lines have this width, but those that hold a word which is hardly shorter."""
    return all(len(line) <= width or max(map(len, line.split())) > width // 2 for line in text.splitlines())


def _read_all(descriptor: int) -> str:
    written = b""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux says so when the other end is closed.
            break
        if not piece:
            break
        written += piece
    os.close(descriptor)
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "args",
    [
        ["models"],
        ["models", "--family", "pythia-intervention"],
        ["model", "pythia-1b"],
        ["model", "pythia-intervention-1.4b-deduped"],
        ["checkpoints", "pocket-2m"],
        ["step", "pythia-12b-deduped", "143000"],
        ["step", "pocket-2m", "384"],
        ["batch", "pythia-70m", "71490"],
        ["batch", "pocket-order", "0", "--tokens", "--decode"],
        ["sequence", "pythia-70m", "3071999"],
        ["sequence", "pocket-230k", "84"],
        ["jobs"],
        ["job", "1"],
        ["trajectory", "pocket-230k", "84"],
        ["onset", "pocket-230k"],
    ],
    ids=" ".join,
)
def test_answers_fit_a_narrow_terminal(home: Path, args: list[str]) -> None:
    text = ESCAPE.sub("", on_terminal(home, args))
    for line in text.splitlines():
        assert len(line) <= WIDTH or " " not in line.strip()[WIDTH // 2 :], line
        assert line == line.rstrip()
    assert "…" not in text
    assert "\n\n\n" not in text
    assert not text.startswith("\n")


def test_a_pipe_gets_every_value_whole_and_without_colours_unless_it_is_told_otherwise(home: Path) -> None:
    usual = run_process(home, ["model", "pythia-1b"]).stdout
    assert max(map(len, usual.splitlines())) > WIDTH
    assert "\x1b" not in usual
    narrow = run_process(home, ["model", "pythia-1b"], more={"COLUMNS": "60", "FORCE_COLOR": "1"}).stdout
    assert ESCAPE.sub("", narrow).split() == usual.split()
    assert "\x1b[36m" in narrow
    assert fit(ESCAPE.sub("", narrow), 60)
    for more in ({"COLUMNS": "wide"}, {"COLUMNS": "0", "FORCE_COLOR": ""}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}):
        assert run_process(home, ["model", "pythia-1b"], more=more).stdout == usual
    lines = run_process(home, ["batch", "pocket-order", "0", "--tokens"]).stdout.splitlines()[-8:]
    assert [len(line.split()) for line in lines] == [1 + 65] * 8


def test_a_column_without_room_is_named_and_a_table_without_room_becomes_lines(home: Path) -> None:
    text = ESCAPE.sub("", on_terminal(home, ["models", "--size", "1b"], width=70))
    assert "Left out for want of width: the columns family and non-embedding; " in text.replace("\n", " ")
    lines = ESCAPE.sub("", on_terminal(home, ["models", "--size", "1b"], width=50)).splitlines()
    assert lines[:7] == [
        "model          pythia-1b", "family         pythia", "order          pile", "parameters     1,011,781,632",
        "non-embedding  805,736,448", "checkpoints    154", "",
    ]  # fmt: skip


def test_sentences_and_texts_break_between_words(home: Path) -> None:
    for args in (["jobs", "--json", "--limit", "x"], ["cite", "pythia-70m"]):
        whole = run_process(home, args)
        text = on_terminal(home, args, width=50, fails=bool(whole.returncode))
        words, lines = (whole.stdout + whole.stderr).split(), ESCAPE.sub("", text).splitlines()
        assert " ".join(lines).split() == words
        assert len(lines) > 1
        assert fit("\n".join(lines), 50)


def test_colours_unless_they_are_refused(home: Path) -> None:
    assert "\x1b[36m" in on_terminal(home, ["step", "pocket-2m", "384"])
    assert "\x1b" not in on_terminal(home, ["step", "pocket-2m", "384"], NO_COLOR="1")
    assert "\x1b[36m" in on_terminal(home, ["step", "pocket-2m", "384"], NO_COLOR="")


@pytest.mark.needs_torch
def test_parts_of_a_text_have_colours_unless_they_are_refused(home: Path) -> None:
    args = ["generate", "pocket-2m", "64", "words", "--length", "2"]
    plain = on_terminal(home, args, NO_COLOR="1")
    colored = on_terminal(home, args)
    assert colored.startswith("words\x1b[36m")
    assert ESCAPE.sub("", colored) == plain


def test_a_job_shows_a_bar_with_rate_and_what_it_skips_and_a_log_none(home: Path) -> None:
    log = run_process(home, ["memorize", "pocket-660k", "--steps", "64", "--sequences", "0:256"])
    assert log.returncode == 0
    assert "\x1b" not in log.stderr
    assert "━" not in log.stderr
    text = on_terminal(home, ["memorize", "pocket-660k", "--steps", "64", "--unseen", "--sequences", "0:1024"])
    assert "\x1b[?25l" in text
    assert re.search(r"pocket-660k ━+\S* .*step 64, \d+%", ESCAPE.sub("", text))
    assert ESCAPE.sub("", text).index("preparing ━") < ESCAPE.sub("", text).index("pocket-660k ━")
    assert re.search(r"\d sequences/s, 256 skipped", text)
    assert "768 values measured" in text


def test_the_terminal_of_no_cursor_gets_a_log_too(home: Path) -> None:
    text = on_terminal(home, ["memorize", "pocket-660k", "--steps", "8"], TERM="dumb")
    assert "━" not in text
    assert "\x1b[?25l" not in text


def test_text_from_training_data_cannot_steer_the_terminal() -> None:
    from seenat.registry.printable import printable

    assert printable("a\x1b[2Jb\nc\td\u202e") == "a\\x1b[2Jb\nc\td\\u202e"
