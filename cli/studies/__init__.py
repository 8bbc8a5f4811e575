"""Studies over results: one command each, with tables, JSON and plots.

common        arguments that they share, and how each prints its answer
curves        what changes from one checkpoint to the next: onsets, forgetting
places        where in the order memorized sequences are: exposures, batches
comparisons   one model compared with others: predict, sets
effects       what having seen a sequence does: counterfactual, labels
"""

from __future__ import annotations

import click

from seenat.cli.framework.lazy_group import LazyCommand, LazyGroup

__all__ = ["study"]

_STUDIES = {
    "onsets": LazyCommand("studies.curves:onsets", "Share memorized, and onsets, by step."),
    "exposures": LazyCommand("studies.places:exposures", "How often contents were seen before their onset."),
    "batches": LazyCommand("studies.places:batches", "Spread over batches, compared with a Poisson process."),
    "predict": LazyCommand("studies.comparisons:predict", "Earlier checkpoints and smaller models as predictors."),
    "sets": LazyCommand("studies.comparisons:sets", "Memorized by one model and never by another."),
    "forgetting": LazyCommand("studies.curves:forgetting", "Sequences forgotten and relearned, by step."),
    "counterfactual": LazyCommand("studies.effects:counterfactual", "The effect of training on a sequence."),
    "labels": LazyCommand("studies.effects:labels", "Whether a checkpoint behaves like its step."),
}


@click.group(cls=LazyGroup, listed=_STUDIES)
def study() -> None:
    """Answer the questions of papers from the results of jobs.

    Only sequences that a checkpoint had seen count, except in counterfactual and labels. Definitions and papers:
    docs/studies.md.

    \b
    Examples:
      seenat study onsets pocket-230k pocket-2m
      seenat study predict pocket-2m --plot predict.svg
    """
