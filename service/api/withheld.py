"""What the operator does not show: all training data, or the content of some sequences.

The file of withheld sequences has a line each, `ORDER SEQUENCE` or `ORDER START:STOP`; what follows a # is a remark. Only
content is withheld, not that a sequence exists, where it lies and what was measured of it. A text that a visitor brings is
searched as ever, and what is shown of it is the visitor's own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seenat.registry.errors import InvalidValue, Withheld
from seenat.registry.units import SequenceRange, merged_ranges, parse_count

__all__ = ["Policy", "read_policy"]

_LONGEST_ORDER = 10**18 - 1
_CONTENT = frozenset({"tokens", "texts", "documents", "recitals"})
"""Parts of a batch's or a sequence's answer that hold what stands in sequences."""
_WITH_FOLDERS = frozenset({"suites", "suite", "orders", "order", "job"})
"""Methods whose answers say where files lie, or why a checkpoint could not be read."""


class Policy:
    """What may be shown."""

    def __init__(
        self,
        no_text: bool = False,
        withheld: Mapping[str, tuple[SequenceRange, ...]] | None = None,
        hide_folders: Callable[[Any], Any] = lambda document: document,
    ) -> None:
        self.no_text = no_text
        self._hide_folders = hide_folders
        self._withheld = dict(withheld or {})

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise `Withheld` for a request of training data where none is shown."""
        asked = [name for name in ("tokens", "decode", "context", "documents") if values.get(name)]
        if self.no_text and asked:
            raise Withheld(f"This service shows no training data; leave out {' and '.join(asked)}.")

    def show(self, method: str, document: Any) -> Any:
        """An answer without what is withheld; raises `Withheld` where nothing else was asked for."""
        if method in _WITH_FOLDERS:
            return self._hide_folders(document)
        if not self.is_closed or not isinstance(document, dict) or "order" not in document:
            return document
        if method == "sequence":
            self._check_sequence(document)
        elif method == "batch":
            self._hide_rows(document)
        elif method == "passages":
            for passage in document["passages"]:
                if self.hides(document["order"], passage["sequence"]):
                    passage["ids"] = passage["pieces"] = None
                    passage["labels"] = {}
        elif method == "find":
            for exposure in document["exposures"]:
                if exposure.get("context") is not None and self.hides(document["order"], exposure["sequence"]):
                    exposure["context"] = None
        return document

    def hides(self, order: str, sequence: int) -> bool:
        """Whether the content of a sequence is withheld."""
        if self.no_text:
            return True
        ranges = self._withheld.get(order, ())
        place = bisect_right(ranges, sequence, key=lambda part: part.start)
        return place > 0 and sequence in ranges[place - 1]

    @property
    def is_closed(self) -> bool:
        """Whether there is anything that is not shown."""
        return self.no_text or bool(self._withheld)

    def check_content(self, order: str, sequence: int) -> None:
        """Raise `Withheld` where the content of a sequence is not shown."""
        if self.hides(order, sequence):
            raise Withheld(
                f"The content of sequence {sequence} of {order} is withheld by the operator of this service; leave out tokens, "
                "decode and documents, and trace another one."
            )

    def _check_sequence(self, document: dict[str, Any]) -> None:
        if not _CONTENT.isdisjoint(document):
            self.check_content(document["order"], document["sequence"])

    def _hide_rows(self, document: dict[str, Any]) -> None:
        first, stop = document["sequences"]["start"], document["sequences"]["stop"]
        hidden = [sequence for sequence in range(first, stop) if self.hides(document["order"], sequence)]
        for name in _CONTENT:
            if name in document and hidden:
                document[name] = list(document[name])
                for sequence in hidden:
                    document[name][sequence - first] = None
                document["withheld"] = hidden


def read_policy(
    no_text: bool, file: Path | None, hide_folders: Callable[[Any], Any] = lambda document: document
) -> Policy:
    """What the settings allow; raises `InvalidValue` for a file that cannot be read."""
    if file is None:
        return Policy(no_text, hide_folders=hide_folders)
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"The list of withheld sequences {file} cannot be read: {error}.") from None
    ranges: dict[str, list[SequenceRange]] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words:
            order, part = _line(file, number, words)
            ranges.setdefault(order, []).append(part)
    return Policy(no_text, {order: merged_ranges(parts) for order, parts in ranges.items()}, hide_folders)


def _line(file: Path, number: int, words: list[str]) -> tuple[str, SequenceRange]:
    try:
        order, text = words
        if ":" in text:
            return order, SequenceRange.parse(text, _LONGEST_ORDER, is_bound=False)
        first = parse_count(text, "sequence")
        return order, SequenceRange(first, first + 1)
    except ValueError:
        pass
    except InvalidValue as error:
        raise InvalidValue(f"{file}, line {number}: {error}") from None
    raise InvalidValue(f"{file}, line {number} is not ORDER SEQUENCE or ORDER START:STOP.")
