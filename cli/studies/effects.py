"""Studies of what having seen a sequence does: counterfactual, labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.params import Count, open_catalog, protocol_option
from seenat.cli.framework.plot_option import plot_option
from seenat.cli.studies.common import answer, models_argument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seenat.memorization.studies.effects.counterfactual import CounterfactualProfile, ProfilePoint
    from seenat.memorization.studies.effects.step_labels import StepLabel, StepLabels

__all__ = ["counterfactual", "labels"]

_quantity_option = click.option(
    "--quantity", metavar="NAME", help="What is told of a sequence: one that the measure gives, for example memorized."
)
_repeated_option = click.option(
    "--repeated", is_flag=True, help="Take contents that occur again as they are; the order is not read."
)
_LISTED = 4
"""As many possible steps are written out; of more, all but the last are, and how many others there are."""


@click.command()
@models_argument
@_quantity_option
@click.option(
    "--control",
    type=click.Choice(("never", "not-yet")),
    default="never",
    show_default=True,
    help="Beside what the run never reads, or has not read yet.",
)
@_repeated_option
@click.option(
    "--least",
    type=Count("number of sequences", least=2),
    metavar="N",
    default=30,
    show_default=True,
    help="Leave out cohorts of fewer sequences.",
)
@protocol_option
@plot_option
@json_option
def counterfactual(
    names: tuple[str, ...],
    quantity: str | None,
    control: str,
    repeated: bool,
    least: int,
    protocol: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Show how much better sequences are known for having been seen, from then on.

    What was trained on between two measured checkpoints is held against what never was, before and after: difference in
    differences. That takes results of `seenat memorize --unseen`, best by --measure loss.

    \b
    Examples:
      seenat memorize pocket-230k --measure loss --unseen --steps 192,256,320,384
      seenat study counterfactual pocket-230k --plot counterfactual.svg
      seenat study counterfactual pocket-230k --control not-yet --least 20
    """
    from seenat.memorization.studies.effects.counterfactual import counterfactual_profiles

    with open_catalog() as catalog:
        found = counterfactual_profiles(
            catalog,
            [catalog.model(name) for name in names],
            protocol,
            quantity=quantity,
            control=control,
            repeated=repeated,
            least=least,
        )
    answer(Output(as_json), found, plot, "counterfactual_chart", _show_counterfactual)


@click.command()
@click.argument("name", metavar="MODEL")
@_quantity_option
@_repeated_option
@protocol_option
@plot_option
@json_option
def labels(
    name: str, quantity: str | None, repeated: bool, protocol: str | None, plot: Path | None, as_json: bool
) -> None:
    """Show at which steps each checkpoint may be, by what it knows of the batches around them.

    The checkpoint at step N knows the batches just before N better than those just after. That takes results of
    `seenat memorize --unseen`, best by --measure loss.

    \b
    Example:
      seenat study labels pocket-230k --plot labels.svg
    """
    from seenat.memorization.studies.effects.step_labels import step_labels

    with open_catalog() as catalog:
        found = step_labels(catalog, catalog.model(name), protocol, quantity=quantity, repeated=repeated)
    answer(Output(as_json), found, plot, "labels_chart", _show_labels)


def _show_counterfactual(out: Output, found: tuple[CounterfactualProfile, ...]) -> None:
    first = found[0]
    out.facts(
        [
            ("effect on", first.quantity.label),
            ("beside", f"sequences that the run {'never reads' if first.control == 'never' else 'has not read yet'}"),
            ("intervals", "95 %, all of a model at once"),
            *((f"trends of {one.model}", _trend_words(one)) for one in found),
            *((f"residual of {one.model}", _residual_words(one)) for one in found),
        ]
    )
    out.line()
    out.table(
        ("<model", ">checkpoints since", ">steps since", ">cohorts", ">sequences", ">effect", ">interval"),
        (row for one in found for row in _profile_rows(one)),
        spare=("sequences",),
    )


def _profile_rows(found: CounterfactualProfile) -> Iterator[tuple[object, ...]]:
    for point in found.profile:
        yield (
            found.model,
            point.checkpoints_since,
            _between(point),
            count(point.cohorts),
            count(point.sequences),
            f"{point.effect:,.3g}",
            None if point.low is None else f"{point.low:,.3g} to {point.high:,.3g}",
        )


def _between(point: ProfilePoint) -> str:
    low, high = point.steps_since
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _trend_words(found: CounterfactualProfile) -> str:
    """Whether what lies before training is told from 0."""
    if found.parallel_trends is None:
        return "not known, nothing differs before"
    largest, p_value = found.parallel_trends.largest, found.parallel_trends.p_value
    told = "NOT parallel before training, so these are no effects" if p_value < 0.01 else "parallel before training"
    return f"{told}: at most {largest:.1f} standard errors from 0, p = {p_value:.2g}"


def _residual_words(found: CounterfactualProfile) -> str | None:
    """What is left at the end of what was seen before it."""
    if found.residual is None:
        return None
    effect, error = found.residual.effect, found.residual.standard_error
    chance = "nothing varies" if error is None else f"standard error {error:,.2g}"
    return f"{effect:,.3g} at the last measured checkpoint ({chance})"


def _show_labels(out: Output, found: StepLabels) -> None:
    out.facts(
        [
            ("model", found.model),
            ("gap", f"{found.quantity.label}: just before the step less just after"),
        ]
    )
    out.line()
    out.table(
        (
            ">step",
            ">before",
            ">after",
            ">gap",
            ">standard error",
            ">correlation",
            ">best",
            "<verdict",
            "<possible steps",
        ),
        (_label_row(label) for label in found.labels),
        spare=("correlation", "after", "before"),
    )


def _label_row(label: StepLabel) -> tuple[object, ...]:
    own = label.own
    return (
        count(label.step),
        count(label.before),
        count(label.after),
        None if own is None else f"{own.gap:,.3g}",
        None if own is None else f"{own.standard_error:,.2g}",
        None if label.correlation is None else f"{label.correlation:.2f} of {label.correlated:,}",
        count(label.best),
        label.verdict,
        _step_words(label.possible),
    )


def _step_words(steps: tuple[int, ...]) -> str:
    """`64 or 128`, `0, 1, 2 or 9 others`, `none of those measured`."""
    if not steps:
        return "none of those measured"
    listed = [f"{step:,}" for step in steps]
    if len(steps) > _LISTED:
        listed[_LISTED - 1 :] = [f"{len(steps) - _LISTED + 1} others"]
    return " or ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
