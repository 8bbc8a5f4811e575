"""Studies: the questions that papers ask of memorization. `catalog.studies` holds these methods.

Each answers from what jobs have measured, and raises `NotMeasured` where nothing was; docs/studies.md has the definitions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seenat.lookups import CatalogSection, at_most
from seenat.registry.answer import Answers

if TYPE_CHECKING:
    from seenat.memorization.labels.choose import Where
    from seenat.memorization.studies.dispersion import BatchDispersion
    from seenat.memorization.studies.effects.counterfactual import CounterfactualProfile
    from seenat.memorization.studies.effects.step_labels import StepLabels
    from seenat.memorization.studies.exposures import ExposureOnsets
    from seenat.memorization.studies.forgetting import Curve
    from seenat.memorization.studies.prediction import Predictions
    from seenat.memorization.studies.set_difference import SetDifference
    from seenat.registry.catalog.models import Checkpoint, Model

__all__ = ["Studies"]


class Studies(CatalogSection):
    """The studies of `seenat study`, a method each.

    Only sequences that a checkpoint had seen count, but for `counterfactual` and `labels`. `protocol` is the beginning of a
    protocol's id; without it the only protocol answers, or else the default one. `where` counts only sequences with these labels:
    "LABEL=VALUE", several of such, or {"LABEL": "VALUE"}.
    """

    def onsets(
        self, *models: str | Model, protocol: str | None = None, where: Where = None, by: str | None = None
    ) -> Answers[Curve]:
        """What share each checkpoint has memorized, and how many onsets there were so far: a curve for each model.

        With `by`, one for each value of that label, the most frequent first.
        """
        from seenat.memorization.studies.forgetting import curves

        chosen = [self._model(model) for model in models]
        return Answers(curves(self._registry, chosen, protocol, where=where, by=by))

    def forgetting(
        self, *models: str | Model, protocol: str | None = None, where: Where = None, by: str | None = None
    ) -> Answers[Curve]:
        """How many sequences each checkpoint has forgotten and learned again: the same curves as `onsets`."""
        return self.onsets(*models, protocol=protocol, where=where, by=by)

    def exposures(
        self,
        *models: str | Model,
        until: int | str | Checkpoint | None = None,
        measured: bool = False,
        protocol: str | None = None,
        where: Where = None,
    ) -> Answers[ExposureOnsets]:
        """How often contents had been seen when they were memorized first, up to step `until`.

        A content is a whole sequence; with `measured`, the ids that the protocol reads. The order is read once. Raises `InvalidValue` for an order as large as Pythia's without `until`.
        """
        from seenat.memorization.studies.exposures import exposure_onsets

        chosen = [self._model(model) for model in models]
        last = self._step(chosen[0], until) if chosen else None
        return Answers(exposure_onsets(self._registry, chosen, protocol, last, measured=measured, where=where))

    def batches(
        self,
        model: str | Model,
        *,
        step: int | str | Checkpoint | None = None,
        slice_sequences: int | None = None,
        protocol: str | None = None,
    ) -> BatchDispersion:
        """Whether memorized sequences are spread over slices of the order as a Poisson process would spread them.

        A slice is a batch unless `slice_sequences` is given; `step` is the last measured one unless given.
        """
        from seenat.memorization.studies.dispersion import batch_dispersion

        chosen = self._model(model)
        return batch_dispersion(self._registry, chosen, self._step(chosen, step), slice_sequences, protocol)

    def predict(
        self,
        model: str | Model,
        others: Iterable[str | Model] | None = None,
        *,
        step: int | str | Checkpoint | None = None,
        protocol: str | None = None,
        where: Where = None,
    ) -> Predictions:
        """How well earlier checkpoints and smaller models predict what a model memorizes.

        `others` are the models to predict from, by default all smaller ones over the same order.
        """
        from seenat.memorization.studies.prediction import predictions

        predictors = [self._model(other) for other in others or ()] or None
        chosen = self._model(model)
        return predictions(self._registry, chosen, predictors, self._step(chosen, step), protocol, where)

    def sets(
        self,
        model: str | Model,
        never: str | Model,
        *,
        within: int | None = None,
        limit: int | None = 20,
        protocol: str | None = None,
        where: Where = None,
    ) -> SetDifference:
        """What `model` memorized within some steps of seeing it, or at any time, and the model `never` did not."""
        from seenat.memorization.studies.set_difference import memorized_only_by

        return memorized_only_by(
            self._registry, self._model(model), self._model(never), within, at_most(limit), protocol, where
        )

    def counterfactual(
        self,
        *models: str | Model,
        quantity: str | None = None,
        control: str = "never",
        repeated: bool = False,
        least: int = 30,
        protocol: str | None = None,
        where: Where = None,
    ) -> Answers[CounterfactualProfile]:
        """How much better sequences are known for having been trained on: difference in differences, for each model.

        `control` is `never` or `not-yet`: what the run never reads, or has not read yet. `repeated` takes contents that occur
        again as they are; cohorts of fewer than `least` sequences are left out. It needs results of `memorize(unseen=True)`.
        """
        from seenat.memorization.studies.effects.counterfactual import counterfactual_profiles

        return Answers(
            counterfactual_profiles(
                self._registry,
                [self._model(model) for model in models],
                protocol,
                quantity=quantity,
                control=control,
                repeated=repeated,
                least=least,
                where=where,
            )
        )

    def labels(
        self,
        model: str | Model,
        *,
        quantity: str | None = None,
        repeated: bool = False,
        protocol: str | None = None,
        where: Where = None,
    ) -> StepLabels:
        """At which steps each checkpoint may be, by what it knows of the batches around them.

        It needs results of `memorize(unseen=True)`, best with `measure="loss"`.
        """
        from seenat.memorization.studies.effects.step_labels import step_labels

        chosen = self._model(model)
        return step_labels(self._registry, chosen, protocol, quantity=quantity, repeated=repeated, where=where)
