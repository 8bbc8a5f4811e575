"""Answers about models.

    ModelSummary  a row of the catalog
    ModelAnswer   everything known of one model
    Citation      how to cite one
    LearningRate  the learning rate of one update
    RateAt        its learning rate at a step

Steps are integers. More JSON keys may come; the ones here stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar, Self

from seenat.registry.answer import Answer, Answers
from seenat.registry.catalog.models import AliasSpec, Checkpoint, EarlierMeaning, Model
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.errors import InvalidValue, UnknownCheckpoint
from seenat.registry.learning_rate import learning_rate
from seenat.registry.schedule import Schedule

if TYPE_CHECKING:
    from seenat.registry.suites.cards import Card
    from seenat.registry.suites.claims import Claim

__all__ = [
    "Citation",
    "CitationEntry",
    "LearningRate",
    "ModelAnswer",
    "ModelSummary",
    "Models",
    "RateAt",
    "ScheduleAnswer",
    "citation",
    "learning_rate_at",
]

_NAMED = 8
_RATES = 200
"""Steps between which a curve of learning rates is straight: about the pixels of half a chart."""


@dataclass(frozen=True, kw_only=True)
class ModelSummary(Answer):
    """A model in a list of models."""

    name: str
    family: str | None
    size: str | None
    parameters: ParameterCount | None
    order: str | None
    """None where the training order is not published."""
    steps: int
    """Number of saved checkpoints."""
    repository: str | None
    suite: str

    @classmethod
    def of(cls, model: Model) -> ModelSummary:
        """The summary of a model."""
        return ModelSummary(**_summary(model))


def _summary(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "family": model.family,
        "size": model.size,
        "parameters": model.parameters,
        "order": model.order_name,
        "steps": len(model.schedule.saved),
        "repository": model.repository,
        "suite": model.suite,
    }


class Models(Answers[Model]):
    """Models; as JSON and as a table their summaries."""

    __slots__ = ()

    def __repr__(self) -> str:
        names = [model.name for model in self[:_NAMED]]
        more = f", ... {len(self):,} in all" if len(self) > _NAMED else ""
        return f"Models({', '.join(names)}{more})"

    def to_json(self) -> list[Any]:
        """One summary a model."""
        return [ModelSummary.of(model).to_json() for model in self]


@dataclass(frozen=True, kw_only=True)
class ScheduleAnswer(Answer):
    """How a run cut its order into batches, and which steps it saved."""

    steps: int
    """Optimizer updates of the whole run."""
    sequences_per_batch: int
    saved: tuple[int, ...]
    labels_per_step: int
    """How much a checkpoint's label grows with one step."""
    revision: str
    """The pattern of revision names, for example `step{label}`."""

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        """The schedule of a run."""
        return cls(
            steps=schedule.steps,
            sequences_per_batch=schedule.sequences_per_batch,
            saved=schedule.saved,
            labels_per_step=schedule.labels_per_step,
            revision=schedule.revision,
        )


@dataclass(frozen=True, kw_only=True)
class RateAt(Answer):
    """The learning rate of the update that turns a step into the next one."""

    step: int
    learning_rate: float


def _rates(model: Model) -> tuple[RateAt, ...]:
    """The curve of a run, from its first update to its last; empty where its decay is not known."""
    last, warmup = model.schedule.steps - 1, model.hyperparameters.get("warmup_steps") or 0
    steps = {*(round(last * place / _RATES) for place in range(_RATES + 1)), min(warmup, last)} if last >= 0 else set()
    try:
        rates = [(step, learning_rate(model.hyperparameters, step, model.schedule.steps)) for step in sorted(steps)]
    except InvalidValue:
        return ()
    return tuple(RateAt(step=step, learning_rate=rate) for step, rate in rates)


@dataclass(frozen=True, kw_only=True)
class ModelAnswer(ModelSummary):
    """Everything known of one model."""

    aliases: tuple[str, ...]
    """Other names that it has today."""
    former_names: tuple[AliasSpec, ...]
    earlier_meanings: tuple[EarlierMeaning, ...]
    """Models that had its name before."""
    version: str | None
    order_note: str | None
    """Why its order is not known, or where parts of it can be had."""
    altered_from_step: int | None
    """The first step that was trained on other batches than those of its order."""
    notes: tuple[str, ...]
    folder: str | None
    schedule: ScheduleAnswer
    learning_rates: tuple[RateAt, ...]
    """By its hyper-parameters, at about 200 steps; empty where its decay is not known."""
    architecture: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    claims: tuple[Claim, ...] = ()
    """What sources state, by field, the primary one first."""
    card: Card | None = None
    """What its model card says; None, and no key, for suites of one's own."""

    json_only_with: ClassVar[Mapping[str, str]] = {"card": "card"}

    @classmethod
    def of(cls, model: Model, claims: tuple[Claim, ...] = (), card: Card | None = None) -> Self:
        """Everything that a model, claims about it, and its card say."""
        return cls(
            **_summary(model),
            aliases=tuple(alias.name for alias in model.aliases if alias.valid_until is None),
            former_names=tuple(alias for alias in model.aliases if alias.valid_until is not None),
            earlier_meanings=model.earlier_meanings,
            version=model.version,
            order_note=model.order_note,
            altered_from_step=model.altered_from_step,
            notes=model.notes,
            folder=model.folder,
            schedule=ScheduleAnswer.of(model.schedule),
            learning_rates=_rates(model),
            architecture=model.architecture,
            hyperparameters=model.hyperparameters,
            claims=claims,
            card=card,
        )


@dataclass(frozen=True, kw_only=True)
class CitationEntry(Answer):
    """One entry of a bibliography."""

    of: str
    """`model`, `paper`, `data` or `software`."""
    key: str
    bibtex: str


@dataclass(frozen=True, kw_only=True)
class Citation(Answer):
    """How to cite a model: BibTeX of the model, papers, data and seenat, and its licence."""

    model: str
    licence: str | None
    """None where the catalog does not know it."""
    card: str | None
    """The address of the model card."""
    entries: tuple[CitationEntry, ...]

    json_names = ("model", "licence", "card", "entries", "bibtex")

    @property
    def bibtex(self) -> str:
        """All entries."""
        return "\n\n".join(entry.bibtex for entry in self.entries)


@dataclass(frozen=True, kw_only=True)
class LearningRate(Answer):
    """The learning rate of one update, whether or not a checkpoint was saved there."""

    model: str
    step: int
    """The update turns this step into the next."""
    batch: int
    """What the update consumed."""
    learning_rate: float
    decay_stated: bool
    """Whether the run states over how many updates it fell; else the whole run is taken."""
    learning_rate_decay: str
    peak: float
    floor: float
    warmup_steps: int
    decay_steps: int


def citation(model: Model) -> Citation:
    """How to cite a model."""
    from seenat.registry.suites.cards import card_of, papers_of

    card = card_of(model)
    papers, data = papers_of(model)
    entries = [
        ("model", model.name, _model_entry(model)),
        *(("paper", paper.key, paper.bibtex) for paper in papers),
        *(("data", paper.key, paper.bibtex) for paper in data),
        ("software", "seenat", _software_entry()),
    ]
    return Citation(
        model=model.name,
        licence=card.licence if card else None,
        card=card.url if card else None,
        entries=tuple(CitationEntry(of=of, key=key, bibtex=bibtex) for of, key, bibtex in entries),
    )


def _model_entry(model: Model) -> str:
    order = model.training_order
    content = f", content {order.digest}" if order is not None and order.digest else ""
    trained = f"trained on the order {order.name}{content}" if order else "whose training order is not published"
    fields = {
        "title": f"{{{model.name}}}",
        "author": f"{{{model.repository.partition('/')[0] if model.repository else f'suite {model.suite}'}}}",
        "howpublished": f"\\url{{https://huggingface.co/{model.repository}}}" if model.repository else None,
        "note": f"A language model of the suite {model.suite}, {trained}",
    }
    return _entry("misc", model.name, fields)


def _software_entry() -> str:
    try:
        number = version("seenat")
    except PackageNotFoundError:
        number = None
    title = "{seenat: which training step saw it, and from which step it stuck}"
    return _entry("software", "seenat", {"title": title, "author": "{The developers of seenat}", "version": number})


def _entry(kind: str, key: str, fields: Mapping[str, str | None]) -> str:
    escaped = {name: value.replace("_", r"\_") for name, value in fields.items() if value is not None}
    lines = [f"  {name} = {{{value}}}" for name, value in escaped.items()]
    return ",\n".join([f"@{kind}{{{key}", *lines]) + "\n}"


def learning_rate_at(model: Model, step: int | str | Checkpoint) -> LearningRate:
    """The learning rate of the update that turns a step into the next; raises as `Catalog.learning_rate` does."""
    schedule, stated = model.schedule, model.hyperparameters
    number = model.step_number(step)
    if schedule.next_batch(number) is None:
        raise UnknownCheckpoint(
            f"No update of {model.name} follows step {number}, the end of its run; ask for step {number - 1} or before.",
            nearest=[number - 1],
            model=model.name,
            step=number,
        )
    rate = learning_rate(stated, number, schedule.steps)
    decay = stated.get("decay_steps")
    return LearningRate(
        model=model.name,
        step=number,
        batch=number,
        learning_rate=rate,
        decay_stated=decay is not None,
        learning_rate_decay=stated["learning_rate_decay"],
        peak=float(stated["learning_rate"]),
        floor=float(stated["min_learning_rate"]),
        warmup_steps=int(stated["warmup_steps"]),
        decay_steps=int(decay) if decay is not None else schedule.steps - int(stated["warmup_steps"]),
    )
