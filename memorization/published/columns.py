"""Which columns of a data set say what, and their values.

* A list: `index`, and nothing that says which rows count: every row is a memorized sequence.
* Rows that were measured: `index` with `memorized` (yes or no), `memorization_score` (0, 1/32 ... 1), or both, which must agree.
* A random sample of the published kind: `Index` and a column of scores a model, `70M` ... `12B`.

Ids of a row may stand in `tokens` or `Tokens`. A column that is not known is refused where it might say which rows count, and left
aside where another one does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seenat.memorization.published.result_sets import CONTINUATION
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.optional import arrow

__all__ = ["Columns", "flags_of", "indices_of", "read_columns", "scores_of"]

_SIZE = re.compile(r"[0-9.]{1,8}[MB]")
_FLAG, _SCORE = "memorized", "memorization_score"
# What pandas adds, and what says nothing of memorization.
_ASIDE = frozenset(("__index_level_0__", "text", "tokens", "Tokens"))
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of the columns that count."""

    index: str
    sizes: tuple[str, ...] = ()
    """Of the models of a random sample, in small letters; the columns are called so in capitals."""
    flag: str | None = None
    score: str | None = None
    tokens: str | None = None

    @property
    def is_list(self) -> bool:
        """Whether every row is a memorized sequence."""
        return not (self.sizes or self.flag or self.score)

    def read(self, *, tokens: bool) -> list[str]:
        """The columns to be read, with or without the ids."""
        named = (
            self.index,
            *(size.upper() for size in self.sizes),
            self.flag,
            self.score,
            self.tokens if tokens else None,
        )
        return [name for name in named if name is not None]


def read_columns(names: Sequence[str], source: str) -> Columns:
    """Which columns count; raises `InvalidValue` for a data set of another kind, or with a column that might count."""
    if len(set(names)) < len(names):
        raise InvalidValue(f"{source} has two columns of one name; rename one of {_shown(names)}.")
    if "index" in names:
        return _of_index(names, source)
    sizes = tuple(name.lower() for name in names if _SIZE.fullmatch(name))
    if "Index" not in names or not sizes:
        raise InvalidValue(
            f"{source} has the columns {_shown(names)}; results have index, and memorized or memorization_score "
            "where not every row is memorized, or else Index and one column of scores a model."
        )
    _refuse_unknown([name for name in names if name != "Index" and not _SIZE.fullmatch(name)], source)
    return Columns(index="Index", sizes=sizes, tokens="Tokens" if "Tokens" in names else None)


def _of_index(names: Sequence[str], source: str) -> Columns:
    flag, score = (name if name in names else None for name in (_FLAG, _SCORE))
    if flag is None and score is None:
        _refuse_unknown([name for name in names if name != "index"], source)
    return Columns(index="index", flag=flag, score=score, tokens="tokens" if "tokens" in names else None)


def _refuse_unknown(names: Sequence[str], source: str) -> None:
    unknown = [name for name in names if name not in _ASIDE]
    if unknown:
        raise InvalidValue(
            f"{source} has the column {_shown(unknown[:1])}, which might say which rows are memorized; call it memorized or "
            "memorization_score if it does, or else leave it out."
        )


def _shown(names: Sequence[str]) -> str:
    shown = [name if name.isprintable() and len(name) < 60 else f"{name!r:.60}" for name in names[:_MOST_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "") or "none"


# -- values


def indices_of(column: Any, source: str) -> npt.NDArray[np.int64]:
    """Sequences; raises `CorruptFile` for what cannot be one."""
    if column.null_count or not arrow().types.is_integer(column.type):
        raise CorruptFile(f"{source} holds an index that is not a whole number; the download may be incomplete.")
    values = np.asarray(column.to_numpy(zero_copy_only=False))
    if values.size and values.min() < 0:
        raise CorruptFile(f"{source} holds the index {values.min()}, and indices start at 0.")
    if values.size and values.max() > np.iinfo(np.int64).max:
        raise CorruptFile(f"{source} holds the index {values.max()}, which no order has; download it again.")
    return values.astype(np.int64)


def scores_of(column: Any, source: str) -> npt.NDArray[np.uint8]:
    """How many of 32 ids were reproduced; raises `CorruptFile` for what is no multiple of 1/32 from 0 to 1."""
    exact = _numbers(column, source, "score") * CONTINUATION
    # No comparison with NaN holds.
    within = (exact >= 0) & (exact <= CONTINUATION)
    counts = np.rint(exact, where=within, out=np.zeros_like(exact))
    if not within.all() or (np.abs(exact - counts) >= 1e-6).any():
        raise CorruptFile(f"{source} holds a score that is not one of 0, 1/{CONTINUATION} ... 1.")
    return counts.astype(np.uint8)


def flags_of(column: Any, source: str) -> npt.NDArray[np.bool_]:
    """Whether each row is memorized; raises `CorruptFile` for what is neither yes nor no."""
    values = _numbers(column, source, "value of memorized")
    if not ((values == 0) | (values == 1)).all():
        raise CorruptFile(f"{source} holds a value of memorized that is neither true nor false; correct it.")
    flags: npt.NDArray[np.bool_] = values == 1
    return flags


def _numbers(column: Any, source: str, noun: str) -> npt.NDArray[np.float64]:
    types = arrow().types
    known = types.is_boolean(column.type) or types.is_integer(column.type) or types.is_floating(column.type)
    if column.null_count or not known:
        missing = "is missing" if known else f"is not a number ({str(column.type)[:60]})"
        raise CorruptFile(f"{source} holds a {noun} that {missing}; correct it, or leave the row out.")
    return np.asarray(column.to_numpy(zero_copy_only=False)).astype(np.float64)
