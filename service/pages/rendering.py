"""Templates, and how values stand in them.

Every value is escaped, and what steers a terminal or turns the direction of a line is written out, so that texts of others are
inert. What is not known stands as "unknown", never as nothing or 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seenat.registry.printable import printable
from seenat.service.pages.page import Page
from seenat.service.pages.static_files import static_files

__all__ = ["environment", "render"]

_LONG = 10_000
"""From here on the digits of a number are grouped."""
_UNKNOWN = Markup('<span class="unknown">unknown</span>')


def render(template: str, pages: Mapping[str, Page], **context: Any) -> str:
    """A template with its context; `pages` are those to which it may link."""

    def href(path: str, **values: Any) -> str:
        return pages[path].href(values)

    navigation = [(page.path, page.label) for page in pages.values() if page.label is not None]
    return environment().get_template(template).render(href=href, navigation=navigation, **context)


@cache
def environment() -> Environment:
    """The templates of the pages."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_finalize,
    )
    made.filters |= {
        "count": _count,
        "share": _share,
        "plural": _plural,
        "hex": _hex,
        "pairs": _pairs,
        "value": _value,
        "visible": _visible,
    }
    files = static_files()
    # Named in the page, all modules are fetched at once, not when `app.js`, which uses them, has come.
    made.globals |= {"static": files.address, "modules": [name for name in files.files if name.endswith(".js")]}
    return made


def _finalize(value: Any) -> Any:
    if value is None:
        return _UNKNOWN
    return printable(value) if type(value) is str else value


def _count(number: float | None) -> str | None:
    """A number with commas between thousands."""
    return None if number is None else f"{number:,}"


def _share(part: float | None) -> str | None:
    """A share as a percentage, of two digits where it is small."""
    if part is None:
        return None
    return f"{part:.1%}" if part >= 0.01 or part == 0 else f"{part * 100:.2g}%"


def _plural(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _hex(digest: str | None) -> str | None:
    """A digest without the name of its kind."""
    return None if digest is None else digest.removeprefix("sha256:")


def _value(value: Any) -> str | None:
    """A value of a configuration, as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, map(_value, value)))
    if isinstance(value, int):
        return f"{value:,}" if value >= _LONG else str(value)
    return None if value is None else str(value)


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Names as words, and their values."""
    return [(name.replace("_", " "), _value(value)) for name, value in values.items()]


def _visible(piece: str) -> str:
    """The text of an id whose blanks and line ends are seen."""
    return piece.replace("\n", "\u21b5").replace("\t", "\u21e5").replace(" ", "\u00b7") or "\u2205"
