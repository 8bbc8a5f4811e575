"""What an answer is: a frozen dataclass, read by its attributes, that also gives JSON, a table and a page for a notebook.

    @dataclass(frozen=True, kw_only=True)
    class Onsets(TableAnswer):
        model: str
        sequences: tuple[Onset, ...]

        table_field = "sequences"

`to_json` holds the fields under their names, in the order in which the class lists them. Where JSON has other keys, or
properties beside the fields, `json_names` lists them all: "key" or "key=attribute". The JSON of every answer is what the
command line prints and what the HTTP service sends, so these keys are a promise.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from seenat.registry.errors import MissingExtra

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["Answer", "Answers", "TableAnswer", "to_json"]

Row = TypeVar("Row")

_LONGEST_REPR = 100
"""Characters of a value that `repr` shows; an answer may hold a million sequences."""
_ROWS_SHOWN = 10


def to_json(value: Any) -> Any:
    """A value as JSON's own types; an object by its `to_answer` or else its `to_json`."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    for name in ("to_answer", "to_json"):
        if (method := getattr(value, name, None)) is not None:
            return method()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: to_json(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):  # numpy's arrays and scalars, without importing numpy.
        return value.tolist()
    return [to_json(entry) for entry in value]


def _short_repr(self: Any) -> str:
    shown = []
    for field in fields(self):
        text = repr(getattr(self, field.name))
        shown.append(f"{field.name}={text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + '...'}")
    return f"{type(self).__name__}({', '.join(shown)})"


class Answer:
    """The base of every answer."""

    json_names: ClassVar[tuple[str, ...]] = ()
    """Keys of the JSON form, "key" or "key=attribute"; by default the fields."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        # A dataclass leaves a `__repr__` alone that stands in the class itself.
        cls.__repr__ = _short_repr  # type: ignore[method-assign]

    def to_json(self) -> dict[str, Any]:
        """The answer as the command line's `--json` prints it."""
        return {key: to_json(getattr(self, name)) for key, name in _keys(type(self))}

    def _repr_html_(self) -> str:
        """Names beside values, as notebooks show them."""
        return _html_table((), ((key, _cell(value)) for key, value in self.to_json().items()))


class TableAnswer(Answer):
    """An answer whose main part is a table: a tuple of answers, each a row."""

    table_field: ClassVar[str]
    """The field that holds the rows."""

    def _rows(self) -> list[dict[str, Any]]:
        return [to_json(row) for row in getattr(self, self.table_field)]

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame; raises `MissingExtra` without pandas."""
        return _pandas(self._rows())

    def to_arrow(self) -> pyarrow.Table:
        """The rows as an Arrow table; raises `MissingExtra` without pyarrow."""
        return _arrow(self._rows())

    def _repr_html_(self) -> str:
        """The rows, as notebooks show them."""
        return _rows_html(self._rows())


class Answers(tuple[Row, ...]):
    """Answers of one kind: a tuple that is also a table."""

    __slots__ = ()

    def to_json(self) -> list[Any]:
        """One JSON object an answer."""
        return [to_json(row) for row in self]

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame, one row an answer; raises `MissingExtra` without pandas."""
        return _pandas(self.to_json())

    def to_arrow(self) -> pyarrow.Table:
        """An Arrow table, one row an answer; raises `MissingExtra` without pyarrow."""
        return _arrow(self.to_json())

    def _repr_html_(self) -> str:
        """The answers as rows, as notebooks show them."""
        return _rows_html(self.to_json())


def _keys(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Each key of a class's JSON form, and the attribute that holds its value."""
    for listed in kind.json_names or [field.name for field in fields(kind)]:
        key, _, name = listed.partition("=")
        yield key, name or key


# -- tables


def _pandas(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("A data frame needs pandas; run `pip install pandas`.") from error
    return pd.DataFrame(rows)


def _arrow(rows: list[dict[str, Any]]) -> pyarrow.Table:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra("An Arrow table needs pyarrow; run `pip install 'seenat[data]'`.") from error
    return pa.Table.from_pylist(rows)


def _rows_html(rows: Sequence[dict[str, Any]]) -> str:
    names = list(rows[0]) if rows else []
    table = _html_table(names, ([_cell(row[name]) for name in names] for row in rows[:_ROWS_SHOWN]))
    return table if len(rows) <= _ROWS_SHOWN else f"{table}<p>{len(rows):,} rows</p>"


def _html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if heads else ''}<tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:,}" if type(value) is int else str(value)
    return text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + "..."
