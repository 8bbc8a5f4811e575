"""The one place that writes to stdout and stderr. Whatever a text holds, it cannot steer the terminal it is written to.

Characters that a terminal obeys are escaped here, and those that the stream's encoding does not have. Only a `Line` has
colours, and its own text cannot change them.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TextIO

import click

from seenat.registry import settings
from seenat.registry.printable import one_line, printable, printable_json, shorten

__all__ = [
    "STDOUT",
    "Line",
    "discard_output",
    "is_terminal",
    "open_closed_streams",
    "say",
    "take_stdout",
    "write",
    "write_json",
    "write_painted",
]

STDOUT = "standard output"


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
    """Write a text and a line end to stdout or stderr.

    Raises `OSError`, named after the stream, where it cannot be written.
    """
    stream = sys.stderr if err else _stdout()
    if isinstance(text, Line):
        whole = _encodable(text, stream)
        begin = _encodable(text[: text.colored], stream)
        _put(click.style(begin, fg=text.color) + whole[len(begin) :] if begin else whole, stream)
    else:
        _put(_encodable(printable(text), stream), stream)


def write_painted(parts: Iterable[tuple[str, str | None]]) -> None:
    """Write parts of a text and a line end to stdout, each part in a colour or none."""
    stream = _stdout()
    shown = ((_encodable(printable(text), stream), color) for text, color in parts)
    _put("".join(text if color is None else click.style(text, fg=color) for text, color in shown), stream)


def write_json(value: Any) -> None:
    """Write a JSON document to stdout, over several lines on a terminal."""
    import json

    ascii_only = not codecs.lookup(sys.stdout.encoding or "utf-8").name.startswith("utf")
    document = json.dumps(value, ensure_ascii=ascii_only, indent=2 if is_terminal(sys.stdout) else None)
    _put(printable_json(document), sys.stdout)


def say(text: str, *, color: str = "", colored: int = 0) -> None:
    """Write a message of reasonable length to stderr, its first characters in a colour."""
    for number, line in enumerate(shorten(text).split("\n")):
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


def _encodable(text: str, stream: TextIO) -> str:
    """A text without characters that the stream's encoding does not have."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _put(text: str, stream: TextIO) -> None:
    try:
        click.echo(text, file=stream, color=False if settings.no_color() else None)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, STDOUT if stream is sys.stdout else "standard error") from error
