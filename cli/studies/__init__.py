"""Studies over results: one command each, as tables, JSON and plots.

answering     arguments, and one way to answer
curves        what changes from one checkpoint to the next
places        where in the order memorized sequences stand
comparisons   one model beside another
effects       what having seen a sequence does
"""

from __future__ import annotations

import click

from seenat.cli.framework.lazy_group import LazyCommand, LazyGroup

__all__ = ["study"]

_STUDIES = {
    "onsets": LazyCommand("studies.curves:onsets", "Share memorized and onsets, by step."),
    "exposures": LazyCommand("studies.places:exposures", "Exposures of a content at its onset."),
    "batches": LazyCommand("studies.places:batches", "Spread over batches, against a Poisson process."),
    "predict": LazyCommand("studies.comparisons:predict", "Earlier and smaller ones as predictors."),
    "sets": LazyCommand("studies.comparisons:sets", "Memorized by one model, never by another."),
    "forgetting": LazyCommand("studies.curves:forgetting", "Forgotten and relearned, by step."),
    "counterfactual": LazyCommand("studies.effects:counterfactual", "What having seen a sequence did to it."),
    "labels": LazyCommand("studies.effects:labels", "Whether a checkpoint behaves like its step."),
}


@click.group(cls=LazyGroup, listed=_STUDIES)
def study() -> None:
    """Ask of results what papers ask of them: each study from what jobs have stored.

    Only sequences that a checkpoint had seen count, but for counterfactual and labels. Definitions and papers:
    docs/studies.md.

    \b
    Examples:
      seenat study onsets pocket-230k pocket-2m
      seenat study predict pocket-2m --plot predict.svg
    """
