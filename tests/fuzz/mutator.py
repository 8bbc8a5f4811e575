"""Damaged copies of valid input."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

__all__ = ["damage_bytes", "damage_json", "damage_text"]

_MOST_CHANGES = 4
# Lengths, counts and offsets at which arithmetic turns over, as little-endian bytes of each usual width.
_EDGES = [
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
]
_WIDTHS = (1, 2, 4, 8)
_STRANGE_TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "nope",
    "../../outside",
    "/etc/passwd",
    "a" * 5_000,
    "9" * 5_000,
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\u202e",
    "\ud800",
    "1e400",
    "nan",
    "{}",
    "[[[[",
]
_STRANGE_NUMBERS = [
    0,
    -1,
    1,
    2,
    3,
    255,
    2**31,
    2**32,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63),
    10**30,
    10**400,
    0.5,
    -0.0,
    1e308,
]
_STRANGE_CONSTANTS = [None, True, False, float("nan"), float("inf"), float("-inf")]

Damage = Callable[[bytearray, Random], None]


def damage_bytes(sample: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """A copy in which up to four things are changed: bits, numbers, lengths, or pieces of other samples."""
    data = bytearray(sample)
    for _ in range(random.randint(1, _MOST_CHANGES)):
        if others and random.random() < 0.1:
            _splice(data, random, random.choice(others))
        else:
            random.choice(_DAMAGES)(data, random)
    return bytes(data)


def damage_text(sample: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """A copy of a text: words replaced by strange ones, lines taken out or doubled, or its bytes damaged."""
    if random.random() < 0.3:
        return damage_bytes(sample, random, others)
    lines = sample.split(b"\n")
    for _ in range(random.randint(1, _MOST_CHANGES)):
        at = random.randrange(len(lines))
        kind = random.randrange(4)
        if kind == 0:
            lines[at] = b""
        elif kind == 1:
            lines.insert(at, lines[random.randrange(len(lines))])
        else:
            lines[at] = _with_strange_word(lines[at], random)
    return b"\n".join(lines)


def damage_json(sample: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """A copy of a JSON document whose values and keys are changed, taken out or replaced by others; or damaged bytes."""
    if random.random() < 0.2:
        return damage_bytes(sample, random, others)
    document = json.loads(sample)
    for _ in range(random.randint(1, _MOST_CHANGES)):
        document = _damaged_value(document, random)
    text = json.dumps(document, ensure_ascii=random.random() < 0.8)
    return text.encode("utf-8", errors="surrogatepass")


# -- bytes


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _overwrite_number(data: bytearray, random: Random) -> None:
    width = random.choice(_WIDTHS)
    if len(data) >= width:
        at = random.randrange(len(data) - width + 1)
        number = random.choice(_EDGES) % (1 << 8 * width)
        data[at : at + width] = number.to_bytes(width, random.choice(("little", "big")))


def _overwrite_early_number(data: bytearray, random: Random) -> None:
    """As above within the first or last 64 bytes, where headers and footers are."""
    head = data[:64] if random.random() < 0.6 else data[-64:]
    at = 0 if len(head) == 0 or head == data[:64] else len(data) - len(head)
    length = len(head)
    _overwrite_number(head, random)
    data[at : at + length] = head


def _truncate(data: bytearray, random: Random) -> None:
    del data[random.randint(0, len(data)) :]


def _delete(data: bytearray, random: Random) -> None:
    at = random.randint(0, len(data))
    del data[at : at + random.choice((1, 2, 4, 8, 64))]


def _insert(data: bytearray, random: Random) -> None:
    at = random.randint(0, len(data))
    data[at:at] = random.randbytes(random.choice((1, 2, 4, 8, 64)))


def _double(data: bytearray, random: Random) -> None:
    at = random.randint(0, len(data))
    piece = data[at : at + random.choice((1, 4, 16, 256))]
    data[at:at] = piece * random.choice((1, 1, 2, 8))


def _fill(data: bytearray, random: Random) -> None:
    at = random.randint(0, len(data))
    piece = data[at : at + random.choice((1, 4, 16, 256))]
    data[at : at + len(piece)] = bytes([random.choice((0, 0xFF, 0x80))]) * len(piece)


_DAMAGES: tuple[Damage, ...] = (
    _flip,
    _overwrite_number,
    _overwrite_early_number,
    _overwrite_early_number,
    _truncate,
    _delete,
    _insert,
    _double,
    _fill,
)


def _splice(data: bytearray, random: Random, other: bytes) -> None:
    at, start = random.randint(0, len(data)), random.randint(0, len(other))
    piece = other[start : start + random.choice((4, 16, 64, 256))]
    data[at : at + len(piece)] = piece


# -- texts and JSON


def _with_strange_word(line: bytes, random: Random) -> bytes:
    words = line.split(b" ")
    strange = random.choice((str(random.choice(_STRANGE_NUMBERS)), random.choice(_STRANGE_TEXTS)))
    words[random.randrange(len(words))] = strange.encode("utf-8", errors="surrogatepass")
    return b" ".join(words)


def _strange_value(random: Random) -> Any:
    kind = random.randrange(6)
    if kind == 0:
        return random.choice(_STRANGE_CONSTANTS)
    if kind <= 2:
        return random.choice(_STRANGE_NUMBERS)
    if kind == 3:
        return random.choice(_STRANGE_TEXTS)
    return random.choice(([], {}, [[]], [None], {"": None}, [1, "a"], {"a": {"b": [1]}}))


def _damaged_value(value: Any, random: Random) -> Any:
    """Walk down to somewhere in a document, and change what stands there."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        changed = dict(value)
        kind = random.random()
        if kind < 0.12:
            del changed[key]
        elif kind < 0.2:
            changed[random.choice(_STRANGE_TEXTS)] = changed.pop(key)
        elif kind < 0.28:
            changed[key] = changed[random.choice(list(value))]
        else:
            changed[key] = _damaged_value(value[key], random)
        return changed
    if isinstance(value, list) and value and random.random() < 0.85:
        at = random.randrange(len(value))
        kind = random.random()
        if kind < 0.15:
            return value[:at] + value[at + 1 :]
        if kind < 0.3:
            return value[:at] + [value[at]] * random.choice((2, 3, 50)) + value[at:]
        return [*value[:at], _damaged_value(value[at], random), *value[at + 1 :]]
    return _strange_value(random)
