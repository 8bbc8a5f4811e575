"""What an answer is: a frozen dataclass, read by its attributes, that also gives JSON, a table and a page for a notebook.

    @dataclass(frozen=True, kw_only=True)
    class Onsets(TableAnswer):
        model: str
        sequences: tuple[Onset, ...]

        table_field = "sequences"

`to_json` holds the fields under their names, in the order in which the class lists them. Where JSON has other keys, or
properties beside the fields, `json_names` lists them all: "key" or "key=attribute". A key that stands only where some
attribute is not None is listed in `json_only_with`. A row whose JSON has levels below gives a table flat columns by `to_row`. The JSON of every answer is what the command line prints and what the
HTTP service sends, so these keys are a promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, TypeVar

from seenat.registry.errors import InvalidValue, MissingExtra

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["Answer", "Answers", "TableAnswer", "one_line", "page_of", "to_json"]

Row = TypeVar("Row")

# Characters of a value that `repr` shows: an answer may hold a million sequences.
_LONGEST_REPR = 100
_LONGEST_LINE = 400
_ROWS_IN_REPR = 3
_PLAIN = frozenset({type(None), str, bool, int, float})


def to_json(value: Any) -> Any:
    """A value as JSON's own types; an object by its `to_answer` or `to_json`, or else by its fields."""
    # Nearly all are of these types; the rest are subclasses.
    if type(value) in _PLAIN or isinstance(value, str | bool | int | float):
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
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    return [to_json(entry) for entry in value]


def one_line(value: Any, longest: int = _LONGEST_REPR) -> str:
    """What `repr` says of a value, on one line, and no more than its beginning."""
    text = " ".join(repr(value).split())
    return text if len(text) <= longest else f"{text[:longest]}..."


def _short_repr(self: Any) -> str:
    shown = [f"{field.name}={one_line(getattr(self, field.name))}" for field in fields(self)]
    while len(shown) > 1 and sum(map(len, shown)) > _LONGEST_LINE:
        shown.pop()
    more = ["..."] if len(shown) < len(fields(self)) else []
    return f"{type(self).__name__}({', '.join([*shown, *more])})"


def _hash_of_fields(self: Any) -> int:
    """Equal answers have equal hashes, whatever they hold: mappings, lists and arrays too."""
    return hash(tuple(_hashable(getattr(self, field.name)) for field in fields(self) if field.compare))


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(entry)) for key, entry in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    try:
        hash(value)
    except TypeError:
        return type(value).__name__  # Of what nothing better is known: equal ones are of one type.
    return value


class Answer:
    """The base of every answer."""

    json_names: ClassVar[tuple[str, ...]] = ()
    """Keys of the JSON form, "key" or "key=attribute"; by default the fields."""
    json_only_with: ClassVar[Mapping[str, str]] = {}
    """Keys that are left out where an attribute is None, and the attribute."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        # A dataclass leaves those alone that stand in the class itself.
        cls.__repr__ = _short_repr  # type: ignore[method-assign]
        cls.__hash__ = _hash_of_fields  # type: ignore[method-assign]

    def to_json(self) -> dict[str, Any]:
        """The answer as the command line's `--json` prints it."""
        kind: Any = type(self)
        keys, values = _reader(kind)
        answer = {
            key: value if type(value) in _PLAIN else to_json(value)
            for key, value in zip(keys, values(self), strict=True)
        }
        for key, name in self.json_only_with.items():
            if getattr(self, name) is None:
                del answer[key]
        return answer

    def _repr_html_(self) -> str:
        """Names beside values, as notebooks show them."""
        from seenat.registry.notebook import facts

        return facts(self.to_json())


class TableAnswer(Answer):
    """An answer whose main part is a table: a tuple of answers, each a row. It has a length, and gives its rows.

    It is true without rows too: they may be a page of what it counts.
    """

    table_field: ClassVar[str]
    """The field that holds the rows."""

    @classmethod
    def table_key(cls) -> str:
        """The key of the JSON form that holds the rows."""
        return {name: key for key, name in _keys(cls)}[cls.table_field]

    def __len__(self) -> int:
        return len(getattr(self, self.table_field))

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(getattr(self, self.table_field))

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        rows = getattr(self, self.table_field)[index]
        return Answers(rows) if isinstance(index, slice) else rows

    def _rows(self) -> list[dict[str, Any]]:
        return [_row(row) for row in self]

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame; raises `MissingExtra` without pandas."""
        return _pandas(self._rows())

    def to_arrow(self) -> pyarrow.Table:
        """The rows as an Arrow table; raises `MissingExtra` without pyarrow."""
        return _arrow(self._rows())

    def _repr_html_(self) -> str:
        """What the answer is about, and under it the rows, as notebooks show them."""
        from seenat.registry.notebook import facts, table

        values = self.to_json()
        rows = values.pop(self.table_key())
        return facts(values) + table(rows)


class Answers(tuple[Row, ...]):
    """Answers of one kind: a tuple that is also a table."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = [one_line(row) for row in self[:_ROWS_IN_REPR]]
        more = f", ... {len(self):,} in all" if len(self) > _ROWS_IN_REPR else ""
        return f"{type(self).__name__}({', '.join(shown)}{more})"

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
        from seenat.registry.notebook import table

        return table(self.to_json())


def _row(value: Any) -> Any:
    """A row of a table: by the value's `to_row`, where its JSON has levels below that a table has columns for."""
    to_row = getattr(value, "to_row", None)
    return to_json(value if to_row is None else to_row())


def _keys(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Each key of a class's JSON form, and the attribute that holds its value."""
    for listed in kind.json_names or [field.name for field in fields(kind)]:
        key, _, name = listed.partition("=")
        yield key, name or key


@cache
def _reader(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The keys of a class's JSON form, and what reads the values of all of them at once."""
    keys, names = zip(*_keys(kind), strict=True)
    return keys, attrgetter(*names) if len(names) > 1 else lambda answer: (getattr(answer, names[0]),)


# -- pages


def page_of(rows: Iterable[Row], limit: int | None, after: Any, key_of: Callable[[Row], Any]) -> Iterator[Row]:
    """The rows behind the one whose key is `after`, at most `limit` of them.

    Raises `InvalidValue` where no row has that key.
    """
    rows = iter(rows)
    if after is not None and not any(key_of(row) == after for row in rows):
        written = ":".join(map(str, after)) if isinstance(after, tuple) else after
        raise InvalidValue(f"after={written} is not in this list; begin at its first page again.")
    return islice(rows, limit)


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
