"""Studies of what having seen a sequence does: counterfactual, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, count, json_option
from seenat.cli.framework.outputs import Target, plot_option
from seenat.cli.framework.params import MODEL, Count, open_catalog, protocol_option, where_option
from seenat.cli.studies.common import models_argument, show_study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seenat import Answers, CounterfactualProfile, StepLabels
    from seenat.memorization.studies.effects.counterfactual import ProfilePoint
    from seenat.memorization.studies.effects.step_labels import StepLabel

__all__ = ["counterfactual", "labels"]

_quantity_option = click.option(
    "--quantity",
    metavar="NAME",
    help="The number compared, for example memorized. Default: the most telling of the measure.",
)
_repeated_option = click.option(
    "--repeated", is_flag=True, help="Keep contents that occur more than once; the order is not read."
)
# More possible steps than this are cut short: "0, 1, 2 or 9 others".
_LISTED = 4


@click.command()
@models_argument
@_quantity_option
@click.option(
    "--control",
    type=click.Choice(("never", "not-yet")),
    default="never",
    show_default=True,
    help="Compare with sequences that the run never reads, or that it has not read yet.",
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
@where_option
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
    where: tuple[str, ...],
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show how much better sequences are known after they were trained on: difference in differences.

    Sequences trained on between two measured checkpoints are compared, before and after, with sequences that never were.
    This needs results of `seenat memorize --unseen`, best with --measure loss.

    \b
    Examples:
      seenat memorize pocket-230k --measure loss --unseen --steps 192,256,320,384
      seenat study counterfactual pocket-230k --plot counterfactual.svg
      seenat study counterfactual pocket-230k --control not-yet --least 20
    """
    with open_catalog() as catalog:
        profiles = catalog.studies.counterfactual(
            *names, quantity=quantity, control=control, repeated=repeated, least=least, protocol=protocol, where=where
        )
    show_study(Output(as_json), profiles, plot, "counterfactual_chart", _show_counterfactual)


@click.command()
@click.argument("name", metavar="MODEL", type=MODEL)
@_quantity_option
@_repeated_option
@where_option
@protocol_option
@plot_option
@json_option
def labels(
    name: str,
    quantity: str | None,
    repeated: bool,
    protocol: str | None,
    where: tuple[str, ...],
    plot: Target | None,
    as_json: bool,
) -> None:
    """Show at which steps each checkpoint may be, from what it knows of the batches around them.

    The checkpoint at step N knows the batches just before N better than those just after. This needs results of
    `seenat memorize --unseen`, best with --measure loss.

    \b
    Example:
      seenat study labels pocket-230k --plot labels.svg
    """
    with open_catalog() as catalog:
        answer = catalog.studies.labels(name, quantity=quantity, repeated=repeated, protocol=protocol, where=where)
    show_study(Output(as_json), answer, plot, "labels_chart", _show_labels)


def _show_counterfactual(out: Output, profiles: Answers[CounterfactualProfile]) -> None:
    from seenat.memorization.studies.effects.counterfactual import effect_words

    first = profiles[0]
    called = effect_words(profiles)
    out.facts(
        [
            ({"effect": "effect on", "difference": "difference in"}[called], first.quantity.label),
            (
                "compared with",
                f"sequences that the run {'never reads' if first.control == 'never' else 'has not read yet'}",
            ),
            ("intervals", "95 %, all of a model at once"),
            *((f"trends of {profile.model}", _trend_words(profile)) for profile in profiles),
            *((f"residual of {profile.model}", _residual_words(profile)) for profile in profiles),
        ]
    )
    out.line()
    out.table(
        ("<model", ">checkpoints since", ">steps since", ">cohorts", ">sequences", f">{called}", ">interval"),
        (row for profile in profiles for row in _profile_rows(profile)),
        spare=("sequences",),
    )


def _profile_rows(profile: CounterfactualProfile) -> Iterator[tuple[object, ...]]:
    for point in profile.profile:
        yield (
            profile.model,
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


def _trend_words(profile: CounterfactualProfile) -> str:
    """Whether effects before training differ from 0."""
    if profile.parallel_trends is None:
        return "not known, nothing differs before"
    largest, p_value = profile.parallel_trends.largest, profile.parallel_trends.p_value
    verdict = (
        "parallel before training" if profile.parallel else "NOT parallel before training, so these are no effects"
    )
    return f"{verdict}: at most {largest:.1f} standard errors from 0, p = {p_value:.2g}"


def _residual_words(profile: CounterfactualProfile) -> str | None:
    """The effect that is left at the last measured checkpoint."""
    if profile.residual is None:
        return None
    effect, error = profile.residual.effect, profile.residual.standard_error
    chance = "nothing varies" if error is None else f"standard error {error:,.2g}"
    return f"{effect:,.3g} at the last measured checkpoint ({chance})"


def _show_labels(out: Output, answer: StepLabels) -> None:
    out.facts(
        [
            ("model", answer.model),
            ("gap", f"{answer.quantity.label}: just before the step, minus just after"),
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
        (_label_row(label) for label in answer.labels),
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
