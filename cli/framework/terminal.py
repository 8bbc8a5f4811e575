"""The one place that writes to stdout and stderr. Whatever a text holds, it cannot steer the terminal it is written to.

Characters that a terminal obeys are escaped here, and those that the stream's encoding does not have. Only a `Line` has
colours, and its own text cannot change them. Where a width is known, lines of text end between words.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Self, TextIO

import click

from seenat.registry import settings
from seenat.registry.printable import one_line, printable, printable_json, shorten

__all__ = [
    "STDOUT",
    "Line",
    "discard_output",
    "end_without_reader",
    "is_terminal",
    "open_closed_streams",
    "say",
    "take_stdout",
    "width_of",
    "write",
    "write_json",
    "write_painted",
]

STDOUT = "standard output"
# Of a terminal that does not know its own.
_USUAL_WIDTH = 80
# 128 and the number of SIGPIPE, of which a command dies that writes to a pipe nobody reads.
_READER_GONE = 141
# Characters: fewer bytes than a pipe holds.
_PIECE = 16_384
_BLANKS = re.compile(" *")


class Line(str):
    """A line whose first `colored` characters have a colour on a terminal; it is the plain text."""

    __slots__ = ("color", "colored")
    colored: int
    color: str

    def __new__(cls, text: str, colored: int | None = None, color: str = "cyan") -> Self:
        """A line of this text, escaped; all of it is coloured unless `colored` says less."""
        line = super().__new__(cls, one_line(text))
        line.colored, line.color = len(line) if colored is None else colored, color
        return line


def write(text: str, *, err: bool = False) -> None:
    """Write a text and a line end to stdout or stderr; a text that is no `Line` is broken between words.

    Raises `OSError`, named after the stream, where it cannot be written, and ends the process where nobody reads it any more.
    """
    stream = sys.stderr if err else _stdout()
    if isinstance(text, Line):
        whole = _encodable(text, stream)
        begin = _encodable(text[: text.colored], stream)
        _put(click.style(begin, fg=text.color) + whole[len(begin) :] if begin else whole, stream)
    else:
        _put(_broken(_encodable(printable(text), stream), width_of(stream)), stream)


def write_painted(parts: Iterable[tuple[str, str | None]]) -> None:
    """Write parts of a text and a line end to stdout, each part in a colour or none, broken between words."""
    stream = _stdout()
    shown = [(_encodable(printable(text), stream), color) for text, color in parts]
    whole, written, place = _broken("".join(text for text, _ in shown), width_of(stream)), [], 0
    for text, color in shown:
        piece = whole[place : place + len(text)]
        place += len(text)
        written.append(piece if color is None else click.style(piece, fg=color))
    _put("".join(written), stream)


def write_json(value: Any) -> None:
    """Write a JSON document to stdout, over several lines on a terminal."""
    import json

    ascii_only = not codecs.lookup(sys.stdout.encoding or "utf-8").name.startswith("utf")
    document = json.dumps(value, ensure_ascii=ascii_only, indent=2 if is_terminal(sys.stdout) else None)
    _put(printable_json(document), sys.stdout)


def say(text: str, *, color: str = "", colored: int = 0) -> None:
    """Write a message of reasonable length to stderr, its first characters in a colour."""
    width = width_of(sys.stderr) if is_terminal(sys.stderr) else None
    lines = "\n".join(_broken(one_line(line), width) for line in shorten(text).split("\n"))
    for number, line in enumerate(lines.split("\n")):
        write(Line(line, 0 if number else colored, color), err=True)


def take_stdout(context: click.Context) -> bool:
    """Keep stdout for a file that a command writes there: text goes to stderr from now on. False where it is taken already."""
    is_free = not context.meta.get(STDOUT, False)
    context.meta[STDOUT] = True
    return is_free


def _stdout() -> TextIO:
    context = click.get_current_context(silent=True)
    return sys.stderr if context is not None and context.meta.get(STDOUT) else sys.stdout


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal."""
    return stream.isatty()


def width_of(stream: TextIO) -> int | None:
    """How many characters a line has: as COLUMNS says, or else the terminal; None for a pipe or a file."""
    if (chosen := settings.columns()) is not None:
        return chosen
    if not is_terminal(stream):
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH
    except (OSError, ValueError):
        return _USUAL_WIDTH


def open_closed_streams() -> bool:
    """Open what the shell has closed of stdin, stdout and stderr on nothing; returns whether stdout was open.

    The next file that is opened, the catalog it may be, would else get the number of stdout, and what C code prints.
    """
    was_open = sys.stdout is not None
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest number that is free, which is this one.
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w"))  # noqa: SIM115 - open to the end.
    return was_open


def discard_output(*streams: TextIO) -> None:
    """Let what is still to be written go nowhere: Python would write it when it ends, and fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams or (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # Of a stream that has no descriptor, or is closed.
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def end_without_reader() -> NoReturn:
    """End the command where nobody reads its output: click would end it with 0, as if all had been read."""
    discard_output()
    raise SystemExit(_READER_GONE) from None


def _encodable(text: str, stream: TextIO) -> str:
    """A text without characters that the stream's encoding does not have."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _broken(text: str, width: int | None) -> str:
    """A text whose lines end between words where they would be wider; a blank becomes a line end, and nothing else changes."""
    return text if width is None else "\n".join(_broken_line(line, width) for line in text.split("\n"))


def _broken_line(line: str, width: int) -> str:
    done, start = [], 0
    while len(line) - start > width:
        word = _BLANKS.match(line, start).end()  # type: ignore[union-attr]  # It matches nothing too.
        end = line.rfind(" ", word, start + width + 1)
        end = line.find(" ", max(word, start + width)) if end < 0 else end
        if end < 0:
            break
        done.append(line[start:end])
        start = end + 1
    return "\n".join([*done, line[start:]])


def _put(text: str, stream: TextIO) -> None:
    try:
        color = settings.force_color() or (False if settings.no_color() else None)
        for piece in _pieces(text):
            click.echo(piece, file=stream, color=color, nl=False)
    except BrokenPipeError:
        end_without_reader()
    except OSError as error:
        raise OSError(error.errno, error.strerror, STDOUT if stream is sys.stdout else "standard error") from error


def _pieces(text: str) -> Iterator[str]:
    """A text and its line end, in pieces where it is long, each of whole colours.

    Python that was told not to buffer takes a write that a reader broke off in its middle for done; the next one fails.
    """
    text += "\n"
    step = _PIECE if "\x1b" not in text else len(text)
    return (text[start : start + step] for start in range(0, len(text), step))
