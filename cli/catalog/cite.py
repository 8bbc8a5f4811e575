"""Commands about a run as papers state it: how to cite it, and its learning rate at any step."""

from __future__ import annotations

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.params import MODEL, STEP, open_catalog

__all__ = ["cite", "rate"]


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@json_option
def cite(name: str, as_json: bool) -> None:
    """Print BibTeX of a model, the papers about it, its data, and seenat; its licence and model card are named on stderr.

    \b
    Examples:
      seenat cite pythia-1.4b
      seenat cite pocket-2m --json
    """
    with open_catalog() as catalog:
        answer = catalog.cite(name)
    out = Output(as_json)
    if out.data(answer):
        return
    for place, entry in enumerate(answer.entries):
        if place:
            out.line()
        for line in entry.bibtex.splitlines():
            out.line(line)
    out.talk(f"Licence: {answer.licence or 'not known here; see where the model comes from'}")
    if answer.card:
        out.talk(f"Model card: {answer.card}")


@click.command("learning-rate")
@click.argument("name", metavar="MODEL", type=MODEL)
@click.argument("step", metavar="[STEP]", type=STEP, required=False)
@json_option
def rate(name: str, step: str | None, as_json: bool) -> None:
    """Show the learning rate of the update that turns STEP into the next, whether or not a checkpoint was saved there.

    \b
    Examples:
      seenat learning-rate pythia-70m 1500
      seenat learning-rate pocket-2m 100 --json
    """
    with open_catalog() as catalog:
        answer = catalog.learning_rate(name, step)
    out = Output(as_json)
    if out.data(answer):
        return
    assumed = "" if answer.decay_stated else ", to the end of the run, as none is stated"
    out.facts(
        [
            ("model", answer.model),
            ("update", f"of step {answer.step:,}, which consumes batch {answer.batch:,}"),
            ("learning rate", f"{answer.learning_rate:.6g}"),
            ("schedule", f"{answer.learning_rate_decay}, from {answer.peak:g} to {answer.floor:g}"),
            ("warm-up", f"{answer.warmup_steps:,} updates"),
            ("decay", f"{count(answer.decay_steps)} updates{assumed}"),
        ]
    )
