"""The page: a heading, and one section a part, each between a pair of markers, so that a part measured again replaces its own.

A figure stands beside its target, and whether it meets it. Targets are goals that were set before measuring, not limits
that anything enforces.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import measured_on

__all__ = ["Figure", "figures", "table", "with_section"]

_HEAD = """# Benchmarks

`make bench` measures all of this and writes this page; `python -m benchmarks PART` measures one part again and replaces its
section. Times are CPU time of one thread, so that other programs on the machine disturb them little; each section says
where and when it was measured. Targets were set before measuring.

How much faster seenat is than transformers depends on the processor, for theirs is the product of torch's own library and ours
is oneDNN's: [benchmarks-zen4.md](benchmarks-zen4.md) is the whole page on a processor where the two are about equally fast.

<!-- contents -->
<!-- end of contents -->
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number, its text on the page, and the target that it should reach: at least, or at most, or none."""

    what: str
    value: float
    text: str
    least: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def _target(self) -> str:
        if self.least is not None:
            return f"at least {self.least:,g}{self.unit}"
        return "" if self.most is None else f"at most {self.most:,g}{self.unit}" if self.most else "none"

    @property
    def _verdict(self) -> str:
        if self.least is None and self.most is None:
            return ""
        reached = self.value >= self.least if self.least is not None else self.value <= (self.most or 0)
        return "met" if reached else "**not met**"

    @property
    def cells(self) -> tuple[str, ...]:
        """What it is, how much, its target, and whether that is met."""
        return self.what, self.text, self._target, self._verdict


def figures(listed: Sequence[Figure]) -> str:
    """A table of figures beside their targets."""
    return table(("", "measured", "target", ""), [figure.cells for figure in listed], ":---")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], alignment: str = "---:") -> str:
    """A Markdown table; the first column to the left, the others as `alignment` says."""
    lines = [heads, (":---", *(alignment for _ in heads[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def with_section(path: Path, part: str, text: str) -> None:
    """Put a part's section into the page, in the place of the one before it, or at the end."""
    page = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    began, ended = f"<!-- {part} -->", f"<!-- end of {part} -->"
    section = f"{began}\n\n{text.strip()}\n\n{measured_on()}\n\n{ended}"
    before = re.search(f"{re.escape(began)}.*{re.escape(ended)}", page, re.DOTALL)
    page = page[: before.start()] + section + page[before.end() :] if before else f"{page.rstrip()}\n\n{section}\n"
    path.write_text(_with_contents(page), encoding="utf-8")


def _with_contents(page: str) -> str:
    """The page with a link to each of its sections below the head."""
    began, ended = "<!-- contents -->", "<!-- end of contents -->"
    links = [f"[{title}](#{_anchor(title)})" for title in re.findall(r"(?m)^## (.+)$", page)]
    before, _, rest = page.partition(began)
    return "\n\n".join([f"{before}{began}", " ·\n".join(links), f"{ended}{rest.partition(ended)[2]}"])


def _anchor(title: str) -> str:
    """Where a link to a heading leads."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
