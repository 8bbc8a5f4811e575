"""Values as they stand in addresses: how each is written, read and described.

A parameter is read at the edge, by one of the kinds below; what a service hands to the catalog is always a value that the
library takes. Text is bounded here, so that no method sees a megabyte where a name belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seenat.registry.errors import InvalidValue
from seenat.registry.schedule import LAST
from seenat.registry.units import parse_count, parse_step

__all__ = ["MOST_ROWS", "PARAMETERS", "Parameter", "write_value"]

_LONGEST_NAME = 300
_LONGEST_TEXT = 20_000
_MOST_IDS = 4096
MOST_ROWS = 10_000
_MOST_DIGITS = 18
# A number as people write it: 3000, 3,000, 10k, 1.5M.
_TYPED = r"[0-9][0-9_, .]{0,24}[kmbtKMBT]?"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A value in an address."""

    name: str
    """As it stands in addresses."""
    about: str
    read: Callable[[str], Any]
    """From text; raises `InvalidValue`."""
    schema: Mapping[str, Any]
    """What JSON schema says of it."""
    many: bool = False
    """Whether it may stand several times."""


def write_value(value: Any) -> str:
    """A value of a method as it stands in an address."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    if isinstance(value, list):
        return ",".join(map(str, value))
    for name in ("name", "step", "index", "id"):  # Of a model or an order, a checkpoint, a batch or a sequence, a job.
        if isinstance(held := getattr(value, name, None), str | int):
            return str(held)
    return str(value)


def _text(name: str, about: str, longest: int = _LONGEST_NAME, *, many: bool = False, **more: Any) -> Parameter:
    def read(text: str) -> str:
        if not 0 < len(text) <= longest:
            raise InvalidValue(f"{name} has {len(text):,} characters; write 1 to {longest:,}.")
        return text

    schema = {"type": "string", "minLength": 1, "maxLength": longest, **more}
    return Parameter(name=name, about=about, read=read, schema=schema, many=many)


def _number(name: str, about: str, least: int = 0, most: int = 10**_MOST_DIGITS - 1) -> Parameter:
    def read(text: str) -> int:
        number = parse_count(text, name, least)
        if number > most:
            raise InvalidValue(f"{name}={number} is too large; write a whole number from {least} to {most:,}.")
        return number

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Parameter(name=name, about=about, read=read, schema=schema)


def _flag(name: str, about: str) -> Parameter:
    def read(text: str) -> bool:
        if text not in ("true", "false"):
            raise InvalidValue(f"{name}={text!r} is neither true nor false; write one of the two.")
        return text == "true"

    return Parameter(name=name, about=about, read=read, schema={"type": "boolean"})


def _choice(name: str, about: str, *values: str, many: bool = False) -> Parameter:
    def read(text: str) -> str:
        if text not in values:
            raise InvalidValue(f"{name}={text!r} is not known; write one of {', '.join(values)}.")
        return text

    return Parameter(name=name, about=about, read=read, schema={"type": "string", "enum": list(values)}, many=many)


def _range(name: str, about: str) -> Parameter:
    return _text(name, about, 80, pattern=rf"^\s*({_TYPED})?:({_TYPED})?\s*$")


def _step_of(name: str, about: str) -> Parameter:
    """A step as it is typed; the model that it is of reads it."""

    def read(text: str) -> int | str:
        if text.strip().lower() not in LAST:
            parse_step(text)
        return int(text) if text.isdecimal() else text

    schema = {"type": "string", "pattern": rf"^([Ss][Tt][Ee][Pp])?{_TYPED}$|^last$|^main$", "maxLength": 60}
    return Parameter(name=name, about=about, read=read, schema=schema)


def _place(text: str) -> int | tuple[int, ...]:
    """Where a page ended: one number, or two with a colon."""
    parts = text.split(":")
    if len(parts) > 2 or not all(part.isascii() and part.isdecimal() and len(part) <= _MOST_DIGITS for part in parts):
        raise InvalidValue(f"after={text!r} is not where a page ended; take the address that the page before gave.")
    numbers = tuple(map(int, parts))
    return numbers if len(numbers) > 1 else numbers[0]


def _checkpoint(text: str) -> tuple[str, int]:
    """The model and the step of a checkpoint, with a colon; a name may hold one too."""
    model, colon, step = text.rpartition(":")
    if not colon or not 0 < len(model) <= _LONGEST_NAME:
        raise InvalidValue(f"after={text!r} is not where a page ended; take the address that the page before gave.")
    return model, parse_count(step, "after")


def _ids(text: str) -> list[int]:
    from seenat.texts.find import parse_ids

    ids = list(parse_ids(text))
    if not 0 < len(ids) <= _MOST_IDS:
        raise InvalidValue(f"ids holds {len(ids):,} ids; write 1 to {_MOST_IDS:,}, separated by commas.")
    return ids


def _counts(name: str, about: str, least: int, most: int) -> Parameter:
    """Up to 16 numbers, separated by commas."""

    def read(text: str) -> list[int]:
        numbers = [parse_count(part, name, least) for part in text.split(",", 16)]
        if len(numbers) > 16 or max(numbers) > most:
            raise InvalidValue(f"{name}={text!r} is too much; write at most 16 numbers from {least} to {most:,}.")
        return numbers

    schema = {"type": "string", "pattern": r"^[0-9]{1,9}(,[0-9]{1,9}){0,15}$"}
    return Parameter(name=name, about=about, read=read, schema=schema)


def _amount(name: str, about: str, most: float) -> Parameter:
    """A number that need not be whole, above 0."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise InvalidValue(f"{name}={text!r} is no number; write one above 0.") from None
        if not 0 < number <= most:
            raise InvalidValue(f"{name}={text!r} is not above 0 and at most {most:g}.")
        return number

    schema = {"type": "number", "exclusiveMinimum": 0, "maximum": most}
    return Parameter(name=name, about=about, read=read, schema=schema)


_STATUSES = ("ok", "suspect", "wrong", "missing", "unknown")
_ALL = (
    # Names.
    _text("model", "A model by its name, an alias or its hub repository."),
    _text("models", "A model; several may be given.", many=True),
    _text("others", "A model to predict from; several may be given.", many=True),
    _text("other", "The model to compare with."),
    _text("never", "The model that did not memorize them."),
    _text("source", "The order, or the model, whose sequence is traced."),
    _text("order", "An order by its name."),
    _text("suite", "A suite by its name."),
    _text("subject", "A model, an order or a suite."),
    _text("size", "A size, such as 70m."),
    _text("family", "A family of models."),
    _text("protocol", "The beginning of a protocol's id."),
    _text("where", "LABEL=VALUE: only sequences with this value of a label; several may be given.", many=True),
    _text("task", "A task, or a pattern such as hendrycksTest-*."),
    _text("metric", "A metric."),
    _text("quantity", "Which measured quantity."),
    # Indices.
    _step_of("step", "A step, a revision such as step3000, or last."),
    _number("batch", "A batch, from 0."),
    _number("sequence", "A sequence, from 0."),
    _number("job", "A job's number.", 1),
    _step_of("by", "A step: what was memorized by then."),
    _step_of("since", "A step: what was memorized then."),
    _step_of("until", "The last step that counts."),
    _number("shots", "Examples before the question."),
    _number("within", "Steps since a sequence was seen."),
    _number("below", "Non-embedding parameters, at most."),
    _range("batches", "Batches, as START:STOP."),
    _text(
        "sequences",
        "Sequences, as START:STOP or separated by commas.",
        12_000,
        pattern=rf"^(({_TYPED})?:({_TYPED})?|{_TYPED}(,{_TYPED})*)$",
    ),
    _range("window", "Positions of a sequence, as START:STOP."),
    # Texts.
    _text("text", "A text.", _LONGEST_TEXT),
    Parameter(
        name="ids",
        about="Ids instead of a text, separated by commas.",
        read=_ids,
        schema={"type": "string", "pattern": r"^[0-9]{1,18}([, ]+[0-9]{1,18})*$", "maxLength": _LONGEST_TEXT},
    ),
    _number("minimum", "The shortest span, in ids.", 1, 2048),
    _number("max_frequency", "Leave out what stands there more often.", 0),
    _number("gaps", "Ids that may differ within a span.", 0, 16),
    _number("exposures", "Exposures to list of each span.", 0, 1000),
    _number("context", "Ids of text to show on either side.", 0, 200),
    _number("ngram", "Ids of an n-gram.", 1, 2048),
    _number("most_places", "Places at which ids may stand to be compared.", 2, 100_000),
    _number("slice_sequences", "Sequences of a slice.", 1),
    _number("least", "The fewest sequences of a cohort.", 1),
    # What would be measured.
    _text(
        "steps",
        "Checkpoints: all, or steps and ranges of them, separated by commas.",
        2000,
        pattern=r"^[A-Za-z0-9,.:_ ]+$",
    ),
    _number("sample", "Only so many sequences, drawn at random.", 1, 100_000),
    _number("seed", "Seed of the draw.", 0, 2**32 - 1),
    _flag("unseen", "Also sequences that a checkpoint had not seen."),
    _choice("measure", "What is measured.", "prefix", "score", "loss"),
    _counts("prompt", "Ids given to the model; several lengths with commas.", 1, 100_000),
    _counts("continuation", "Ids to reproduce; several lengths with commas.", 1, 100_000),
    _number("offset", "Ids before the prompt.", 0, 10**9),
    _choice("eos", "Whether decoding may end a document.", "banned", "allowed"),
    _choice("dtype", "Type of weights and arithmetic.", "float32", "bfloat16", "float16", "bfloat16-rechecked"),
    _flag("adaptive", "Some checkpoints over all sequences, the others over what these find."),
    _text(
        "coarse",
        "Checkpoints that an adaptive job measures over all: how many, or which.",
        2000,
        pattern=r"^[A-Za-z0-9,.:_ ]+$",
    ),
    _number("audit", "How many sequences an adaptive job draws.", 1, 10**9),
    _flag("allow_suspect", "Also checkpoints that may hold other weights."),
    _choice("gpus", "A GPU; several may be given.", "H200", "H100", "A100", "L40S", many=True),
    _counts("workers", "How many GPUs there are; several numbers with commas.", 1, 100_000),
    _amount("share_of_peak", "Share of a GPU's data sheet that the engine reaches.", 1.0),
    _amount("hub_bytes", "Bytes a second from the hub.", 1e15),
    _amount("price_per_hour", "Of one GPU.", 1e9),
    # Pages.
    _number("limit", "Rows of the answer, or of its page.", 0, MOST_ROWS),
    Parameter(
        name="after",
        about="Where the page before ended; the Link header holds the whole address.",
        read=_place,
        schema={"type": "string", "pattern": r"^[0-9]{1,18}(:[0-9]{1,18})?$"},
    ),
    # What an answer holds.
    _flag("tokens", "Also the ids."),
    _flag("decode", "Also the texts."),
    _flag("documents", "Also the documents that each sequence holds."),
    _flag("count", "Count all exposures, not only those of the page."),
    _flag("variants", "Also look for other blanks, lines and capitals."),
    _flag("anywhere", "Find the ids at any offset, by the index."),
    _flag("measured", "Compare the ids that the protocol reads."),
    _flag("repeated", "Take contents that occur again as they are."),
    _choice("statuses", "Only checkpoints of this status.", *_STATUSES, many=True),
    _choice("not_statuses", "No checkpoints of this status.", *_STATUSES, many=True),
    _choice("change", "Only what became this.", "gained", "forgotten", "relearned"),
    _choice("control", "What is compared with: sequences never read, or not read yet.", "never", "not-yet"),
)
# Some names mean several things.
_SEEN = _range("tokens", "Tokens seen, as START:STOP.")
_MEASURED = _step_of("step", "A measured step, or last.")
_PAGE_BEFORE = "with which the page before ended; the Link header holds the whole address."
_BEHIND = {
    "after_name": _text("after", f"The name {_PAGE_BEFORE}"),
    "after_id": _number("after", f"The id {_PAGE_BEFORE}"),
    "after_checkpoint": Parameter(
        name="after",
        about=f"MODEL:STEP {_PAGE_BEFORE}",
        read=_checkpoint,
        schema={"type": "string", "pattern": r"^.{1,300}:[0-9]{1,18}$"},
    ),
}

PARAMETERS: Mapping[str, Parameter] = {
    **{parameter.name: parameter for parameter in _ALL},
    "tokens_seen": _SEEN,
    "measured_step": _MEASURED,
    "by_label": _text("by", "A label, by whose values is counted."),
    **_BEHIND,
}
"""Every parameter of the API."""
