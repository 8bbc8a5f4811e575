"""The part of the public catalog that looks things up: models, orders, checkpoints, batches, sequences, claims."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seenat.registry.answer import Answers, one_line, page_of
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.names import parse_hub_address
from seenat.registry.catalog.orders import Batch, Order, OrderSequence
from seenat.registry.errors import InvalidValue, UnknownSuite
from seenat.registry.units import BatchRange, SequenceRange, whole_number

# The classes of answers are imported by the methods: defining all of them would slow each look-up by a twentieth.
if TYPE_CHECKING:
    from seenat.batches import BatchAnswer, SequenceAnswer
    from seenat.checkpoints import BrokenCheckpoints, CheckpointAnswer, StepAnswer
    from seenat.memorization.queries.recited import Recital
    from seenat.memorization.queries.trajectories import SequenceTrajectory
    from seenat.models import Citation, LearningRate, ModelAnswer, Models
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
    from seenat.registry.suites.answers import SuiteAnswer
    from seenat.registry.suites.claims import Claim

__all__ = ["CatalogSection", "Lookups", "at_most", "counted", "expected", "number_of"]

Expected = TypeVar("Expected")

# No run is longer.
_MOST_TOKENS = 10**18 - 1
_EVERY = 2**60


def counted(progress: Callable[[int, int], None] | None, total: int) -> Callable[[int], None]:
    """Turn numbers of a block each into how many are done of all; without a `progress`, tell nobody."""
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        if progress is not None:
            progress(done, total)

    return advance


def expected(value: object, kind: type[Expected], what: str) -> Expected:
    """The value, which is of this type; raises `InvalidValue` otherwise."""
    if isinstance(value, kind):
        return value
    raise InvalidValue(f"{one_line(value)} is of the type {type(value).__name__}; give {what}.")


def number_of(value: object, noun: str) -> int:
    """A whole number, or that of a checkpoint, a batch or a sequence; raises `InvalidValue` otherwise."""
    if isinstance(value, Checkpoint):
        return value.step
    if isinstance(value, Batch | OrderSequence):
        return value.index
    return whole_number(value, noun)


def at_most(limit: int | None) -> int:
    """How many rows are listed: all where no limit is given."""
    return _EVERY if limit is None else limit


class CatalogSection:
    """Methods over one open catalog, which take models by name or as they are."""

    def __init__(self, registry: RegistryCatalog) -> None:
        self._registry = registry

    def _model(self, model: str | Model) -> Model:
        """A model by any of its names, or as it is; raises `InvalidValue` for anything else."""
        if isinstance(model, str):
            return self._registry.model(model)
        return expected(model, Model, "a model, or its name")

    def _order(self, order: str | Order | Model) -> Order:
        """An order by its name or that of a model, or as it is."""
        return self._order_and_model(order)[0]

    def _order_and_model(self, name: str | Order | Model) -> tuple[Order, Model | None]:
        """An order, or a model and its order: by name, or as they are."""
        if isinstance(name, str):
            return self._registry.order_or_model(name)
        if isinstance(name, Model):
            return name.order, name
        return expected(name, Order, "an order or a model, or the name of one"), None

    def _step(self, model: Model, step: int | str | Checkpoint | None) -> int | None:
        """The updates of a step as it is typed, whether or not a checkpoint was saved there."""
        return None if step is None else model.step_number(step)

    def _at(self, model: str | Model, step: int | str | Checkpoint | None) -> tuple[Model, int | str | Checkpoint]:
        """A model and a step, which may be the revision in the address of a hub's page."""
        if step is None and isinstance(model, str) and (address := parse_hub_address(model)) is not None:
            step = address.revision
        if step is None:
            name = model if isinstance(model, str) else model.name
            raise InvalidValue(f"Name a step of {name}: a number of updates, a revision such as step3000, or last.")
        return self._model(model), step

    def _models(self, models: Iterable[str | Model]) -> list[Model]:
        """The models, each once, as they come."""
        return list({chosen.name: chosen for chosen in map(self._model, models)}.values())


class Lookups(CatalogSection):
    """What the catalog knows, without measuring anything."""

    def model(self, name: str | Model) -> Model:
        """The model of this name, alias or hub repository; raises `UnknownModel` with the nearest names."""
        return self._model(name)

    def suites(self) -> Answers[SuiteAnswer]:
        """All suites: what was registered together, and where it is from; those registered first first."""
        from seenat.registry.suites.answers import suite_answers

        with self._registry.database.read() as connection:
            return Answers(suite_answers(connection))

    def suite(self, name: str) -> SuiteAnswer:
        """One suite: its orders, its models, where it is from; raises `UnknownSuite` with all names."""
        suites = {suite.name: suite for suite in self.suites()}
        if name not in suites:
            raise UnknownSuite(f"There is no suite {name!r}; the catalog has {', '.join(suites)}.", suites)
        return suites[name]

    def models(
        self,
        *,
        size: str | None = None,
        family: str | None = None,
        order: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> Models:
        """All models, or those of a size (`70m`), a family or an order; by suite, as their suite lists them.

        `limit` bounds a page of them, `after` is the name with which the page before ended.
        """
        from seenat.models import Models

        found = self._registry.models(size=size, family=family, order=order)
        return Models(page_of(found, limit, after, lambda model: model.name))

    def describe(self, model: str | Model) -> ModelAnswer:
        """Everything known of one model: sizes, schedule, architecture, hyper-parameters, what sources claim."""
        from seenat.models import ModelAnswer
        from seenat.registry.suites.cards import card_of
        from seenat.registry.suites.claims import claims_of

        chosen = self._model(model)
        with self._registry.database.read() as connection:
            claims = claims_of(connection, "model", chosen.name)
        equivalent = (claim.value for claim in claims if claim.field == "equivalent_models" and claim.is_primary)
        return ModelAnswer.of(chosen, claims, card_of(chosen, tuple(next(equivalent, ()))))

    def cite(self, model: str | Model) -> Citation:
        """How to cite a model: BibTeX of the model, its papers, its data and seenat, with licence and model card."""
        from seenat.models import citation

        return citation(self._model(model))

    def learning_rate(self, model: str | Model, step: int | str | Checkpoint | None = None) -> LearningRate:
        """The learning rate of the update that turns `step` into the next, saved or not.

        Raises `InvalidValue` where the run's hyper-parameters do not say it, and `UnknownCheckpoint` for a step that no update
        of the run follows. The address of a revision on the hub needs no `step` beside it.
        """
        from seenat.models import learning_rate_at

        return learning_rate_at(*self._at(model, step))

    def broken(self, *models: str | Model) -> Answers[BrokenCheckpoints]:
        """The checkpoints of these models, or of all, that are wrong, suspect or missing, by status and reason, worst first."""
        from seenat.checkpoints import broken_checkpoints

        return broken_checkpoints(self._models(models) or list(self._registry.models()))

    def claims(
        self, subject: str | None = None, *, limit: int | None = None, after: int | None = None
    ) -> Answers[Claim]:
        """The claims of every field whose sources disagree: about one model, order or suite, or about all.

        `limit` bounds a page of them, `after` is the `id` with which the page before ended. Raises `UnknownModel` for a subject that the catalog does not have.
        """
        from seenat.registry.suites.claims import disputed

        with self._registry.database.read() as connection:
            claims = disputed(connection, subject)
            if subject is not None and not claims:
                claims = disputed(connection, self._registry.model(subject).name)  # It may be an old name.
        return Answers(page_of(claims, limit, after, lambda claim: claim.id))

    def generation(self) -> int:
        """A number that grows whenever models, checkpoints or orders change: what follows from them holds until then."""
        return self._registry.generation()

    def is_measured(self, name: str | Order | Model) -> bool:
        """Whether anything was measured over this order, or over the order of this model; raises as `batch` does."""
        return self._registry.has_measurements(self._order(name))

    def order(self, name: str | Order) -> Order:
        """The training order of this name; raises `UnknownOrder` with the nearest names."""
        return self._registry.order(name if isinstance(name, str) else expected(name, Order, "an order's name").name)

    def orders(self, *, limit: int | None = None, after: str | None = None) -> tuple[Order, ...]:
        """All training orders, or a page of at most `limit`, behind the one of the name `after`."""
        return tuple(page_of(self._registry.orders(), limit, after, lambda order: order.name))

    def checkpoints(
        self,
        *models: str,
        family: str | None = None,
        size: str | None = None,
        order: str | None = None,
        below: int | None = None,
        tokens: str | None = None,
        statuses: Collection[str] = (),
        not_statuses: Collection[str] = (),
        limit: int | None = None,
        after: tuple[str, int] | None = None,
    ) -> Answers[CheckpointAnswer]:
        """Search the checkpoints of these models, or of all.

        `below` bounds the non-embedding parameters, `tokens` the tokens seen, as "START:STOP". A status is `ok`, `suspect`,
        `wrong`, `missing` or `unknown`. `limit` bounds a page, `after` is the (model, step) with which the page before ended.
        Raises `UnknownModel` or `UnknownOrder` for names that the catalog does not have.
        """
        from seenat.checkpoints import CheckpointAnswer
        from seenat.registry.catalog.search import CheckpointFilter, TokenRange, find_checkpoints

        wanted = CheckpointFilter(
            models=models,
            family=family,
            size=size,
            order=order,
            below=below,
            tokens=None if tokens is None else TokenRange.parse(tokens, _MOST_TOKENS, is_bound=False),
            statuses=statuses,
            not_statuses=not_statuses,
        )
        found = page_of(
            find_checkpoints(self._registry, wanted), limit, after, lambda pair: (pair[0].name, pair[1].step)
        )
        return Answers(CheckpointAnswer.of(*match) for match in found)

    def step(self, model: str | Model, step: int | str | Checkpoint | None = None) -> StepAnswer:
        """What the checkpoint at a step had seen, its neighbours, its status with the evidence, and its files.

        `step` counts optimizer updates; a revision such as "step3000" is understood too, and "last". The checkpoint at step N
        has consumed batches 0 to N - 1. The address of a revision on the hub, ".../EleutherAI/pythia-70m/tree/step3000", needs
        no `step` beside it. Raises `UnknownCheckpoint` with the nearest saved steps.
        """
        from seenat.checkpoints import StepAnswer

        chosen, step = self._at(model, step)
        checkpoint = chosen.checkpoint(step)
        return StepAnswer.of(chosen, checkpoint, *self._registry.details(checkpoint))

    def batch(
        self,
        name: str | Order | Model,
        index: int | Batch,
        *,
        tokens: bool = False,
        decode: bool = False,
        documents: bool = False,
        out: str | Path | None = None,
        force: bool = False,
    ) -> BatchAnswer:
        """Where a batch of a model or an order lies, and for a model the checkpoints around it.

        Batch b, from 0, turns step b into step b + 1. `tokens` reads its ids, `[sequences, tokens_per_sequence]`, `decode` its
        texts, `documents` the documents that each sequence holds, and `out` writes the ids to a new .npy file, what it was made from beside it. Raises `UnknownBatch` beyond the
        order, `InvalidValue` for a file of another ending, in a folder that does not exist, or that exists itself, unless `force`,
        and `NoRoom` where the disk is full.
        """
        from seenat.batches import BatchAnswer
        from seenat.registry.exports.files import format_of

        order, model = self._order_and_model(name)
        index = number_of(index, "batch")
        batch = order.batch(index) if model is None else model.batch(index)
        content: dict[str, Any] = {}
        if out is not None:
            format_of(Path(out), None, ("npy",), force=force)
            self._write_array(batch, Path(out), force=force)
            content["written"] = str(out)
        content |= self._content(order, batch.sequences, tokens=tokens, decode=decode, documents=documents)
        return BatchAnswer.of(batch, model, **content)

    def sequence(
        self,
        name: str | Order | Model,
        index: int | OrderSequence,
        *,
        tokens: bool = False,
        decode: bool = False,
        documents: bool = False,
        say: bool | str | Iterable[int | str | Checkpoint] = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> SequenceAnswer:
        """Where a sequence of a model or an order lies, and its trajectories measured so far.

        For a model also the checkpoints around it. `tokens` reads its ids, `[1, tokens_per_sequence]`, `decode` its text and
        what checkpoints said of it, `documents` the documents that it holds. `say` runs the checkpoints at which it was measured, or
        those of these steps, and adds all that they say in place of the truth; `progress` gets (checkpoints done, all). Raises
        `UnknownSequence` beyond the order.
        """
        from seenat.batches import SequenceAnswer

        order, model = self._order_and_model(name)
        index = number_of(index, "sequence")
        place = SequenceAnswer.of(order, index, model)  # It refuses what is not there before anything is read.
        span, trajectories = SequenceRange(index, index + 1), self._trajectories(order, index)
        if say is not False and model is not None:
            trajectories = tuple(path for path in trajectories if path.model == model.name)
        content = self._content(order, span, tokens=tokens, decode=decode or say is not False, documents=documents)
        if (decode or say is not False) and (trajectories or say is not False):
            content["recitals"] = self._recitals(order, span, trajectories, say, progress)
        return place.with_content(trajectories=trajectories, **content)

    def _write_array(self, batch: Batch, file: Path, *, force: bool) -> None:
        from seenat.registry.exports.batches import batches_metadata
        from seenat.registry.exports.files import npy_writer
        from seenat.registry.integrity.batch_digests import read_sequences

        ids = read_sequences(self._registry, batch.order, batch.sequences)
        span = BatchRange(batch.index, batch.index + 1)
        about = batches_metadata(batch.order, span, batch.sequences, len(batch.sequences))
        with npy_writer(file, ids.shape, ids.dtype, about, force=force) as append:
            append(ids)

    def _content(
        self, order: Order, sequences: SequenceRange, *, tokens: bool, decode: bool, documents: bool
    ) -> dict[str, Any]:
        if not tokens and not decode and not documents:
            return {}
        from seenat.registry.integrity.batch_digests import read_sequences

        ids = read_sequences(self._registry, order, sequences)
        content: dict[str, Any] = {"tokens": ids} if tokens else {}
        if decode:
            from seenat.registry.orders.text.detokenize import decode as decoded

            content["texts"] = tuple(decoded(order.tokenizer, ids, order=order.name))
        if documents:
            from seenat.registry.orders.text.documents import cut_documents
            from seenat.registry.orders.text.tokenizer import load_tokenizer

            content["documents"] = cut_documents(load_tokenizer(order.tokenizer, order=order.name), ids, order.eos_id)
        return content

    def _recitals(
        self,
        order: Order,
        sequence: SequenceRange,
        trajectories: tuple[SequenceTrajectory, ...],
        say: bool | str | Iterable[int | str | Checkpoint],
        progress: Callable[[int, int], None] | None,
    ) -> tuple[Recital, ...]:
        from seenat.memorization.queries.recited import recitals
        from seenat.registry.integrity.batch_digests import read_sequences
        from seenat.registry.orders.text.tokenizer import load_tokenizer

        tokenizer = load_tokenizer(order.tokenizer, order=order.name)
        ids, spoken = read_sequences(self._registry, order, sequence)[0], None
        if say is not False:
            from seenat.memorization.queries.said_anew import said_anew

            steps = None if say is True else say if isinstance(say, str) else tuple(say)
            spoken = said_anew(self._registry, trajectories, ids, steps, progress or (lambda done, total: None))
        return recitals(tokenizer, ids, trajectories, spoken)

    def _trajectories(self, order: Order, index: int) -> tuple[SequenceTrajectory, ...]:
        # Most look-ups are of orders of which nothing was measured: they need not load what reads results.
        if not self._registry.has_measurements(order):
            return ()
        from seenat.memorization.queries.trajectories import measured_trajectories

        return measured_trajectories(self._registry, order, index)
