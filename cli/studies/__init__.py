"""Studies over results: one command each, as tables, JSON and plots.

answering     arguments, and one way to answer
curves        what changes from one checkpoint to the next
places        where in the order memorized sequences stand
comparisons   one model beside another
effects       what having seen a sequence does
"""

from __future__ import annotations

import click

from seenat.cli.studies import comparisons, curves, effects, places

__all__ = ["study"]


class _AsWritten(click.Group):
    """A group that lists its commands in the order of the page that defines them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_AsWritten, short_help="Ask of results what papers ask of them.")
def study() -> None:
    """Ask of results what papers ask of them: each study from what jobs have stored.

    Only sequences that a checkpoint had seen count, but for counterfactual and labels. Definitions and papers:
    docs/studies.md.

    \b
    Examples:
      seenat study onsets pocket-230k pocket-2m
      seenat study predict pocket-2m --plot predict.svg
    """


for command in (
    curves.onsets,
    places.exposures,
    places.batches,
    comparisons.predict,
    comparisons.sets,
    curves.forgetting,
    effects.counterfactual,
    effects.labels,
):
    study.add_command(command)
