"""Text of others as it may be shown: nothing in it steers a terminal or turns the direction of what stands beside it.

And lengths of time, in words.
"""

from __future__ import annotations

import json
import re

__all__ = ["duration_words", "in_a_sentence", "one_line", "printable", "printable_json", "shorten"]

# Characters of a message. Its beginning says what is wrong and its end what to do; a value of 10 MB stands between.
_LONGEST = 2000
_BEGINNING, _END = 1400, 500
_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]+")


def printable(text: str) -> str:
    """Text whose control and formatting characters are escaped, but for line ends and tabs."""
    return _escaped(text, "\n\t")


def one_line(text: str) -> str:
    """As `printable`, line ends and tabs escaped as well: a value cannot look like a line of ours."""
    return _escaped(text, "")


def in_a_sentence(told: object, most: int = 1000) -> str:
    """What others wrote (an error's message, a name in a file) as a part of a sentence.

    One line of at most about `most` characters, without a full stop at its end. What no terminal or database should get is
    escaped: control characters and halves of surrogate pairs. An error without a message is its class.
    """
    text = " ".join(str(told).split()).rstrip(".") or type(told).__name__
    if len(text) > most:
        text = f"{text[: most // 2]} ... {text[-most // 2 :]}"
    return one_line(text)


def duration_words(seconds: float) -> str:
    """About how long something takes, in two units at most."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min"
    hours = minutes // 60
    return f"about {hours} h {minutes % 60} min" if hours < 48 else f"about {round(hours / 24)} days"


def printable_json(document: str) -> str:
    """A JSON document that means the same, its formatting characters written as `\\uXXXX`."""
    return _NOT_ASCII.sub(lambda found: _escaped_in_json(found[0]), document)


def shorten(text: str) -> str:
    """A text of at most 2,000 characters: of a longer one the beginning and the end."""
    if len(text) <= _LONGEST:
        return text
    left_out = len(text) - _BEGINNING - _END
    return f"{text[:_BEGINNING]} ... ({left_out:,} characters left out) ... {text[-_END:]}"


def _escaped(text: str, kept: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode() for char in text
    )


def _escaped_in_json(text: str) -> str:
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1].replace("\x7f", "\\u007f") for char in text)
