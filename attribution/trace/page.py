"""A trace as one HTML page: the text with its spans coloured by rarity, and under it every span with its exposures.

The page needs nothing from elsewhere and runs no script. Whatever a text holds is escaped, and so are characters that would turn
the direction of what stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from seenat.attribution.trace.answers import Traced, TracedExposure, TracedSpan
from seenat.registry.printable import printable

__all__ = ["trace_page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --dim: #5d6b7a; --paper: #fbfaf7; --card: #fff; --line: #e2ded4;
  --r3: #ffb4a2; --r2: #ffd9a0; --r1: #fff0b3; --r0: #e4e8ee; --gap: #cfe3ff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --dim: #9aa7b5; --paper: #14181d; --card: #1b2128;
  --line: #2d3640; --r3: #8a3324; --r2: #7a5216; --r1: #5c5215; --r0: #2a323c; --gap: #1f3f69; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 58rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem; }
.about { color: var(--dim); margin: 0 0 1.25rem; }
.text { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.25rem;
  font: 15px/1.9 ui-monospace, SFMono-Regular, Menlo, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.text a { color: inherit; text-decoration: none; border-radius: .25rem; padding: .12em .05em; }
.text a:hover { outline: 2px solid var(--ink); }
.r3 { background: var(--r3); } .r2 { background: var(--r2); } .r1 { background: var(--r1); } .r0 { background: var(--r0); }
.gap { background: var(--gap); }
.key { display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; color: var(--dim); font-size: .875rem; margin: .75rem 0 0; }
.key i { display: inline-block; width: 1.1em; height: .8em; border-radius: .2em; margin-right: .4em; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: 0 0 .9rem; overflow: hidden; }
section:target { outline: 2px solid var(--ink); }
section header { padding: .65rem 1rem; } section header p { margin: 0; color: var(--dim); font-size: .875rem; }
section code { font: 14px/1.6 ui-monospace, SFMono-Regular, Menlo, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  border-radius: .25rem; padding: .12em .25em; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: right; padding: .3rem 1rem; border-top: 1px solid var(--line); font-variant-numeric: tabular-nums;
  white-space: nowrap; } th { color: var(--dim); font-weight: 500; }
"""


def trace_page(traced: Traced) -> str:
    """The page of a trace."""
    title = f"Trace in {traced.order}"
    body = "".join([*_head(traced, title), *_text(traced), *_lists(traced)])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_shown(title)}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(traced: Traced, title: str) -> Iterator[str]:
    whom = "" if traced.model is None else f", as {traced.model} saw it"
    if traced.step is not None:
        whom += f" by step {traced.step:,}"
    searched = sum(map(len, traced.coverage.exact))
    yield f"<h1>{_shown(title)}</h1>"
    yield (
        f'<p class="about">{len(traced.ids):,} ids, {len(traced.spans):,} spans of at least {traced.minimum} ids word for word '
        f"in {_shown(traced.order)}{_shown(whom)}; {searched:,} of {len(traced.coverage.sequences):,} sequences searched.</p>"
    )


def _text(traced: Traced) -> Iterator[str]:
    names = {id(span): name for name, span in _named(traced)}
    yield '<div class="text">'
    for text, span in traced.pieces():
        if span is None:
            yield _shown(text)
        else:
            yield f'<a href="#{names[id(span)]}" class="{_class(traced, span)}" title="{_words(span)}">{_shown(text)}</a>'
    yield "</div>"
    keys = {"r3": "rarest", "r2": "rare", "r1": "less rare", "r0": "too frequent to look for", "gap": "some ids differ"}
    used = {_class(traced, span) for _, span in _named(traced)}
    shown = (f'<span><i class="{key}"></i>{word}</span>' for key, word in keys.items() if key in used)
    yield f'<p class="key">{"".join(shown)}</p>'


def _lists(traced: Traced) -> Iterator[str]:
    for heading, spans in (
        ("Spans, the rarest first", traced.spans),
        ("Spans in which some ids differ", traced.gapped),
    ):
        if spans:
            yield f"<h2>{heading}</h2>"
            chosen = {id(span) for span in spans}
            yield from (_section(traced, name, span) for name, span in _named(traced) if id(span) in chosen)


def _section(traced: Traced, name: str, span: TracedSpan) -> str:
    text = span.text if span.text is not None else " ".join(map(str, span.ids))
    head = f'<header><code class="{_class(traced, span)}">{_shown(text)}</code><p>{_words(span)}</p></header>'
    return f'<section id="{name}">{head}{_table(traced, span.exposures)}</section>'


def _table(traced: Traced, exposures: tuple[TracedExposure, ...]) -> str:
    if not exposures:
        return ""
    columns = ["step", "batch", "sequence", "offset"]
    if traced.model is not None:
        columns += ["last_checkpoint_unseen", "first_checkpoint_seen"]
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in columns)
    cells = ([getattr(exposure, column) for column in columns] for exposure in exposures)
    rows = "".join(f"<tr>{''.join(f'<td>{_number(value)}</td>' for value in row)}</tr>" for row in cells)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _named(traced: Traced) -> Iterator[tuple[str, TracedSpan]]:
    return ((f"span-{number}", span) for number, span in enumerate((*traced.spans, *traced.gapped), 1))


def _class(traced: Traced, span: TracedSpan) -> str:
    return "gap" if any(span is gapped for gapped in traced.gapped) else f"r{traced.level(span)}"


def _words(span: TracedSpan) -> str:
    length = f"{span.stop - span.start:,} ids, rarity {span.rarity:,.1f}"
    if span.count is None:
        return f"{length}: parts of it stand in training too often to be looked for"
    times = "once" if span.count == 1 else f"{span.count:,} times"
    first = f", first consumed by step {span.exposures[0].step:,}" if span.exposures else ""
    return f"{length}: {'as a run of one id ' if span.run else ''}{times}{first}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _shown(text: str) -> str:
    return escape(printable(text))
