"""How texts of sequences are shown: whole, by document, and as checkpoints recited them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seenat.cli.framework.output import Output, count
from seenat.registry.printable import one_line

if TYPE_CHECKING:
    from seenat import Document, Recital, Said, SequenceAnswer

__all__ = ["show_documents", "show_recitals"]


def show_documents(out: Output, first: int, documents: Sequence[Sequence[Document]]) -> None:
    """The documents of consecutive sequences, each under a line that says which it is; texts are whole."""
    for place, of_sequence in enumerate(documents):
        for document in of_sequence:
            out.line()
            out.line(f"-- sequence {first + place:,}, ids {document.start:,}:{document.stop:,}{_ends(document)}")
            out.line(document.text)


def _ends(document: Document) -> str:
    words = [] if document.begins else ["may have begun before"]
    words += [] if document.ends else ["goes on in the next sequence"]
    return f", {' and '.join(words)}" if words else ""


def show_recitals(out: Output, answer: SequenceAnswer) -> None:
    """Prompt, truth, and what each checkpoint said, side by side."""
    if answer.recitals is None:
        return
    told = {(recital.model, recital.protocol) for recital in answer.recitals}
    for recital in answer.recitals:
        out.line()
        _show_recital(out, recital)
    left_out = [one for one in answer.trajectories or () if (one.model, one.protocol.id) not in told]
    out.talk_all(
        f"What {one.model} said by {one.protocol.words} was not stored: only prefixes tell which ids it said; --say asks it again."
        for one in left_out
    )


def _show_recital(out: Output, recital: Recital) -> None:
    out.facts(
        [
            ("model", recital.model),
            ("protocol", f"{recital.protocol}: {recital.words}"),
            ("prompt", _quoted(recital.prompt)),
            ("truth", _quoted(recital.truth)),
        ]
    )
    out.line()
    if any(said.whole is not None for said in recital.said):
        _show_whole(out, recital)
        return
    out.table(
        (">step", "<had seen it", ">ids", "<said, until it said something else"),
        (
            (count(said.step), "yes" if said.seen else "no", said.reproduced, _quoted(said.text))
            for said in recital.said
        ),
    )


def _show_whole(out: Output, recital: Recital) -> None:
    """The truth, and under it what each checkpoint says, with a mark where it leaves the truth."""
    rows = [said for said in recital.said if said.whole is not None]
    out.table(
        (">step", "<had seen it", ">ids", "<says, with | where it leaves the truth"),
        ((count(said.step), "yes" if said.seen else "no", said.reproduced, _marked(said)) for said in rows),
    )


def _marked(said: Said) -> str:
    whole = said.whole or ""
    leaves = whole.startswith(said.text) and whole != said.text
    return _quoted(f"{said.text}|{whole[len(said.text) :]}" if leaves else whole)


def _quoted(text: str) -> str:
    return f'"{one_line(text)}"' if text else ""
