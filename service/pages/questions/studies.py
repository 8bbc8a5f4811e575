"""Studies: the questions that papers ask, each with its form, its plot, its table and what to beware of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seenat.remote.parameters import PARAMETERS
from seenat.service.pages.asking import Asked
from seenat.service.pages.charts import Drawn, drawn
from seenat.service.pages.page import Page, chosen
from seenat.service.pages.questions.choices import FOR_MEASURED, Missing, measured_models, or_missing
from seenat.service.pages.questions.tables import Table, tables_of

__all__ = ["STUDIES", "STUDIES_PAGE", "STUDY_PAGE", "Field", "StudiesView", "Study", "StudyView"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as its page tells of it."""

    name: str
    title: str
    question: str
    how: str
    """How to read its plot."""
    caveats: tuple[str, ...]
    fields: tuple[str, ...]
    """Keys of its parameters, the models first."""

    @property
    def route(self) -> str:
        """The route that answers it."""
        return f"/studies/{self.name}"


_SEEN = "Only sequences that a checkpoint had seen, and that were measured there, count."
_UNSEEN = (
    "It needs results of sequences that were not seen: `seenat memorize MODEL --unseen`, best with `--measure loss`."
)
_ORDER = "The order is read, so this may take a while."
STUDIES = {
    study.name: study
    for study in (
        Study(
            name="onsets",
            title="Onsets by step and model size",
            question="What share has each checkpoint memorized, and how many sequences for the first time?",
            how="The share memorized of what had been seen, and the onsets so far; a line a model.",
            caveats=(_SEEN, "Where adaptive jobs left sequences out, a share is a lower bound."),
            fields=("models",),
        ),
        Study(
            name="forgetting",
            title="Forgotten and learned again",
            question="How many sequences does each checkpoint forget, and how many come back?",
            how="What was forgotten since the measured checkpoint before, and what was learned again.",
            caveats=(_SEEN, "What was forgotten and learned again between two measured checkpoints is not noticed."),
            fields=("models",),
        ),
        Study(
            name="exposures",
            title="Onset against exposures",
            question="How often had contents been seen when they were memorized first?",
            how="A point is all contents that occur so often; it stands at their median exposures at onset, and its size is the "
            "share of them that was memorized.",
            caveats=(
                _SEEN,
                _ORDER,
                "Of a large order, “until” says how far to read.",
                "An onset lies between two checkpoints, so exposures are given at both.",
            ),
            fields=("models", "until", "measured"),
        ),
        Study(
            name="batches",
            title="Memorized share by batch",
            question="Are memorized sequences spread over the order as a Poisson process would spread them?",
            how="A Q-Q plot: on the dashed line counts are as a Poisson process would have them; flatter is more even.",
            caveats=(
                _SEEN,
                "Slices that were not measured completely are left out.",
                "A large share lowers the index.",
            ),
            fields=("model", "measured_step", "slice_sequences"),
        ),
        Study(
            name="predict",
            title="Predicting what will be memorized",
            question="Do earlier checkpoints and smaller models tell what a model will have memorized?",
            how="Precision, and recall of what both had seen and of everything, by the predictor's step; a line a model.",
            caveats=(_SEEN, "Shares are over sequences that both had seen and at which both were measured."),
            fields=("model", "others", "measured_step"),
        ),
        Study(
            name="sets",
            title="Memorized by one, never by another",
            question="Which sequences did one model memorize soon after seeing them, and another never?",
            how="What the other model made of the sequences that the first memorized: a bar a case.",
            caveats=(_SEEN, "Never means at no measured checkpoint that had seen it."),
            fields=("model", "never", "within"),
        ),
        Study(
            name="counterfactual",
            title="What having seen it did",
            question="How much better are sequences known for having been trained on?",
            how="Above, the mean effect by checkpoints since training; before training it should be 0. Below, every effect.",
            caveats=(
                _UNSEEN,
                "It is an effect of training only where trends were parallel before training.",
                _ORDER,
            ),
            fields=("models", "control", "quantity", "least", "repeated"),
        ),
        Study(
            name="labels",
            title="Does a checkpoint behave like its label?",
            question="At which steps may each checkpoint be, by what it knows of the batches around them?",
            how="Every checkpoint (rows) at every step (columns): labels are the diagonal, and a mark stands at each possible step.",
            caveats=(
                _UNSEEN,
                "Undecided is not wrong: the data does not tell.",
                _ORDER,
            ),
            fields=("model", "quantity", "repeated"),
        ),
    )
}
"""Every study by its name."""

_PARAMETERS = tuple(dict.fromkeys(key for study in STUDIES.values() for key in study.fields))
_LABELS = {
    "models": "Models",
    "others": "Predict from these; none for all smaller ones",
    "model": "Model",
    "never": "Never memorized by",
    "measured_step": "At step",
    "slice_sequences": "Sequences of a slice",
    "within": "Within steps of being seen",
    "until": "Until step",
    "least": "Least sequences of a cohort",
    "control": "Compared with what the run",
    "quantity": "Quantity",
    "measured": "Compare only the ids that are measured",
    "repeated": "Keep contents that occur again",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a form."""

    name: str
    """As it stands in the address."""
    label: str
    kind: str
    """`models`, `model`, `choice`, `flag` or `number` or `text`."""
    options: tuple[str, ...]
    value: Any


@dataclass(frozen=True, kw_only=True)
class StudiesView:
    """All studies, and the address of each for all that was measured."""

    studies: tuple[tuple[Study, str], ...]
    missing: Missing | None


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """A study, its form, and its answer."""

    study: Study
    fields: tuple[Field, ...]
    missing: Missing | None
    tables: tuple[Table, ...]
    sequences: tuple[int, ...]
    """Those that the answer lists."""
    model: str | None
    """The model in which they are."""
    chart: Drawn | None
    adaptive: tuple[Mapping[str, Any], ...]
    """Adaptive jobs that the answer rests on."""


def studies_view(asked: Asked) -> StudiesView:
    """The page of all studies."""
    models = measured_models(asked)
    missing = (
        None if models else Missing("Nothing has been measured yet, and studies read results.", "seenat memorize MODEL")
    )
    return StudiesView(
        studies=tuple(
            (study, STUDY_PAGE.href({"study": study.name, **_usual(study, models)})) for study in STUDIES.values()
        ),
        missing=missing,
    )


def study_view(asked: Asked) -> StudyView:
    """The page of a study."""
    study, models = STUDIES[asked.get("study")], measured_models(asked)
    given = {key: asked.get(key) for key in study.fields if asked.get(key) is not None}
    found: Any = None
    if _is_complete(study, given):
        found = or_missing(lambda: asked.ask(study.route, **given))
    elif not models:
        found = Missing("Nothing has been measured yet, and studies read results.", "seenat memorize MODEL")
    missing = found if isinstance(found, Missing) else None
    answered = found is not None and missing is None
    return StudyView(
        study=study,
        fields=tuple(_fields(study, models, given)),
        missing=missing,
        tables=tables_of(study.name, found) if answered else (),
        sequences=tuple(found.get("sequences", ())) if answered and isinstance(found, dict) else (),
        model=given.get("model"),
        chart=drawn(f"study-{study.name}", **given) if answered else None,
        adaptive=tuple(_adaptive(found)) if answered else (),
    )


def _is_complete(study: Study, given: Mapping[str, Any]) -> bool:
    return all(key in given for key in study.fields[: 2 if study.name == "sets" else 1])


def _usual(study: Study, models: tuple[str, ...]) -> dict[str, Any]:
    """What is asked of a study by its link: all models that were measured, or the last, which is the largest."""
    if not models:
        return {}
    if study.fields[0] == "models":
        return {"models": list(models)}
    return {"model": models[-1], **({"never": models[0]} if "never" in study.fields else {})}


def _fields(study: Study, models: tuple[str, ...], given: Mapping[str, Any]) -> Iterator[Field]:
    for key in study.fields:
        parameter, value = PARAMETERS[key], given.get(key)
        kind, options = _kind(key)
        if kind in ("models", "model"):
            named = value if isinstance(value, list) else [value] if value else []
            options = tuple(dict.fromkeys([*models, *named]))
        yield Field(name=parameter.name, label=_LABELS[key], kind=kind, options=options, value=value)


def _kind(key: str) -> tuple[str, tuple[str, ...]]:
    if key in ("models", "others"):
        return "models", ()
    if key in ("model", "never"):
        return "model", ()
    schema = PARAMETERS[key].schema
    if "enum" in schema:
        return "choice", tuple(schema["enum"])
    return {"boolean": "flag", "integer": "number"}.get(schema["type"], "text"), ()


def _adaptive(found: Any) -> Iterator[Mapping[str, Any]]:
    for answer in found if isinstance(found, list) else [found]:
        yield from answer["adaptive"]


STUDIES_PAGE = Page(
    path="/studies",
    template="questions/studies.html",
    view=studies_view,
    shows=FOR_MEASURED,
    label="Studies",
)
STUDY_PAGE = Page(
    path="/studies/{study}",
    template="questions/study.html",
    view=study_view,
    shows=(*(study.route for study in STUDIES.values()), *FOR_MEASURED),
    query=_PARAMETERS,
    own=(chosen("study", "A study.", *STUDIES),),
    is_slow=True,
)
