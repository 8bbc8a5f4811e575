"""The catalog: every question about models, checkpoints and orders goes through here.

    catalog = Catalog.open()
    catalog.model("pythia-70m").checkpoint(3000).sequences_seen
    catalog.order("pile-deduped").batch(2999).extents()

A name is a model's own, one of its aliases, or its repository on the hub; what is not known is answered with the nearest
names. Answers are snapshots (`seenat.registry.catalog.models`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection, func, select

from seenat.registry.catalog.models import Checkpoint, EarlierMeaning, Model, Order
from seenat.registry.catalog.queries import AnyRow, alias_of, checkpoint_file, order_files, parameters_of, schedule_of
from seenat.registry.catalog.specs import AliasSpec, FileRecord
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.tables import aliases, checkpoint_files, checkpoints, models, orders, suites
from seenat.registry.errors import InvalidValue, UnknownModel, UnknownOrder
from seenat.registry.orders.geometry import Geometry
from seenat.registry.units import BatchRange, SequenceRange

if TYPE_CHECKING:
    from seenat.registry.integrity.evidence import Evidence

__all__ = ["Catalog"]


class Catalog:
    """A catalog whose schema fits this version of seenat."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, url: str | None = None, talk: Callable[[str], None] = lambda _: None) -> Self:
        """Open the catalog at a URL or path, or the embedded one.

        A SQLite catalog that does not exist yet is made at once, and `talk` is told so; any other that does not fit raises
        `StaleSchema`.
        """
        database = Database(parse_url(url))
        try:
            _prepare(database, talk)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Give back the database connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- models

    def model(self, name: str) -> Model:
        """The model of this name, alias or repository; raises `UnknownModel` with the nearest names."""
        with self.database.read() as connection:
            found = _model_id(connection, name)
            if found is None:
                raise _unknown_model(connection, name)
            return _models(connection, [found])[0]

    def models(
        self, *, size: str | None = None, family: str | None = None, order: str | None = None
    ) -> tuple[Model, ...]:
        """All models, or those of a size, a family, an order; by suite, then as their suite lists them."""
        query = select(models.c.id).order_by(models.c.suite_id, models.c.id)
        if size is not None:
            query = query.where(func.lower(models.c.size) == size.lower())
        if family is not None:
            query = query.where(models.c.family == family)
        with self.database.read() as connection:
            if order is not None:
                query = query.where(models.c.order_id == _order_row(connection, order).id)
            return _models(connection, connection.execute(query).scalars().all())

    def checkpoint_files(self, checkpoint: Checkpoint) -> tuple[FileRecord, ...]:
        """The files of a checkpoint as far as they are known, by name."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(checkpoint_files)
                .where(checkpoint_files.c.checkpoint_id == checkpoint.id)
                .order_by(checkpoint_files.c.name)
            )
            return tuple(checkpoint_file(row) for row in rows)

    def evidence(self, checkpoint: Checkpoint) -> tuple[Evidence, ...]:
        """What the status of a checkpoint is drawn from, in the order in which it became known."""
        from seenat.registry.integrity.evidence import evidence_of

        with self.database.read() as connection:
            return evidence_of(connection, checkpoint.id)

    # -- orders

    def order(self, name: str) -> Order:
        """The order of this name; raises `UnknownOrder` with the nearest names."""
        with self.database.read() as connection:
            return _order(connection, _order_row(connection, name))

    def orders(self) -> tuple[Order, ...]:
        """All orders."""
        with self.database.read() as connection:
            rows = connection.execute(_ORDERS.order_by(orders.c.id)).all()
            return tuple(_order(connection, row) for row in rows)

    def order_or_model(self, name: str) -> tuple[Order, Model | None]:
        """The order of this name, or a model and the order it was trained on.

        Raises `UnknownOrder` for a model whose order is not published, `UnknownModel` when the name is neither.
        """
        with self.database.read() as connection:
            row = connection.execute(_ORDERS.where(orders.c.name == name)).one_or_none()
            if row is not None:
                return _order(connection, row), None
            known = connection.execute(select(orders.c.name)).scalars().all()
        try:
            model = self.model(name)
        except UnknownModel as error:
            nearest = (*_close(name, known), *error.nearest)
            raise UnknownModel(f"There is no model or order {name!r}{_nearest_words(nearest)}.", nearest) from None
        return model.order, model


def _prepare(database: Database, talk: Callable[[str], None]) -> None:
    with database.read() as connection:
        empty = database.is_sqlite and database.revision(connection) is None
        if not empty:
            database.check_schema(connection)
    if empty:
        from seenat.registry.database.schema import upgrade

        talk(f"making the catalog {database}")
        upgrade(database)


_ORDERS = select(orders, suites.c.name.label("suite")).join(suites, suites.c.id == orders.c.suite_id)
_MODELS = select(models, suites.c.name.label("suite")).join(suites, suites.c.id == models.c.suite_id)


def _model_id(connection: Connection, name: str) -> int | None:
    for query in (
        select(models.c.id).where(models.c.name == name),
        select(models.c.id).where(models.c.repository == name),
    ):
        found = connection.execute(query).scalar()
        if found is not None:
            return found
    return _model_id_of_alias(connection, name)


def _model_id_of_alias(connection: Connection, name: str) -> int | None:
    """The model that an alias means today, or else the only one that it ever meant."""
    rows = connection.execute(
        select(aliases, models.c.name.label("model"))
        .join(models, models.c.id == aliases.c.model_id)
        .where(aliases.c.name == name)
    ).all()
    meant = [row for row in rows if row.valid_until is None] or rows
    if len(meant) > 1:
        periods = "; ".join(f"{row.model} from {row.valid_from or 'the start'} to {row.valid_until}" for row in meant)
        raise InvalidValue(
            f"{name} meant several models, one after the other ({periods}); ask for one of them by name."
        )
    return int(meant[0].model_id) if meant else None


def _unknown_model(connection: Connection, name: str) -> UnknownModel:
    known = [
        *connection.execute(select(models.c.name)).scalars(),
        *connection.execute(select(aliases.c.name)).scalars(),
    ]
    nearest = _close(name, known)
    return UnknownModel(f"There is no model {name!r}{_nearest_words(nearest)}.", nearest)


def _close(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of the known names that `name` may have meant, in whatever case it is written."""
    spelled = {one.lower(): one for one in known}
    return [spelled[one] for one in get_close_matches(name.lower(), spelled, n=3, cutoff=0.5)]


def _nearest_words(names: Iterable[str | int]) -> str:
    listed = ", ".join(str(name) for name in names)
    return f"; did you mean {listed}? All are listed by `seenat models`" if listed else "; `seenat models` lists all"


def _order_row(connection: Connection, name: str) -> AnyRow:
    row = connection.execute(_ORDERS.where(orders.c.name == name)).one_or_none()
    if row is None:
        known = connection.execute(select(orders.c.name).order_by(orders.c.name)).scalars().all()
        nearest = get_close_matches(name, known, n=3, cutoff=0.4) or known
        raise UnknownOrder(f"There is no order {name!r}; the catalog has {', '.join(nearest)}.", nearest)
    return row


def _order(connection: Connection, row: AnyRow) -> Order:
    return Order(
        id=row.id,
        name=row.name,
        suite=row.suite,
        geometry=Geometry(sequences=row.sequences, tokens_per_sequence=row.tokens_per_sequence, dtype=row.dtype),
        sequences_per_batch=row.sequences_per_batch,
        vocab_size=row.vocab_size,
        eos_id=row.eos_id,
        format=row.format,
        location=row.location,
        tokenizer=row.tokenizer,
        digest=row.digest,
        files=order_files(connection, row.id),
    )


def _models(connection: Connection, ids: Sequence[int]) -> tuple[Model, ...]:
    """The models of these ids, in this order, each query made once for all of them."""
    rows = {row.id: row for row in connection.execute(_MODELS.where(models.c.id.in_(ids)))}
    order_ids = {row.order_id for row in rows.values()}
    known_orders = {
        row.id: _order(connection, row) for row in connection.execute(_ORDERS.where(orders.c.id.in_(order_ids))).all()
    }
    names = defaultdict(list)
    for alias in connection.execute(select(aliases).where(aliases.c.model_id.in_(ids)).order_by(aliases.c.name)):
        names[alias.model_id].append(alias_of(alias))
    meanings = _earlier_meanings(connection, [row.name for row in rows.values()])
    saved = defaultdict(list)
    for checkpoint in connection.execute(
        select(checkpoints).where(checkpoints.c.model_id.in_(ids)).order_by(checkpoints.c.model_id, checkpoints.c.step)
    ):
        saved[checkpoint.model_id].append(checkpoint)
    return tuple(
        replace(
            _model(rows[id_], known_orders.get(rows[id_].order_id), tuple(names[id_]), saved[id_]),
            earlier_meanings=meanings.get(rows[id_].name, ()),
        )
        for id_ in ids
    )


def _earlier_meanings(connection: Connection, names: Sequence[str]) -> dict[str, tuple[EarlierMeaning, ...]]:
    """What models' own names meant before, as aliases of other models tell."""
    found: dict[str, tuple[EarlierMeaning, ...]] = {}
    for row in connection.execute(
        select(aliases, models.c.name.label("model"))
        .join(models, models.c.id == aliases.c.model_id)
        .where(aliases.c.name.in_(names))
        .order_by(aliases.c.valid_from)
    ):
        meaning = EarlierMeaning(model=row.model, valid_from=row.valid_from, valid_until=row.valid_until, note=row.note)
        found[row.name] = (*found.get(row.name, ()), meaning)
    return found


def _model(row: AnyRow, order: Order | None, names: tuple[AliasSpec, ...], saved: Sequence[AnyRow]) -> Model:
    # A checkpoint that is missing was not saved for any purpose: neighbours and first sightings go by what exists.
    schedule = schedule_of(row, tuple(checkpoint.step for checkpoint in saved if checkpoint.status != "missing"))
    return Model(
        id=row.id,
        name=row.name,
        suite=row.suite,
        family=row.family,
        size=row.size,
        training_order=order,
        schedule=schedule,
        repository=row.repository,
        folder=row.folder,
        parameters=parameters_of(row),
        aliases=names,
        earlier_meanings=(),
        version=row.version,
        order_note=row.order_note,
        altered_from_step=row.altered_from_step,
        notes=tuple(row.notes or ()),
        architecture=row.architecture,
        hyperparameters=row.hyperparameters,
        checkpoints=tuple(
            Checkpoint(
                id=checkpoint.id,
                model=row.name,
                step=checkpoint.step,
                revision=checkpoint.revision,
                status=checkpoint.status,
                reason=checkpoint.reason,
                status_date=checkpoint.status_date,
                source=checkpoint.source,
                commit_id=checkpoint.commit_id,
                digest=checkpoint.digest,
                sequences_seen=SequenceRange(0, checkpoint.step * row.sequences_per_batch),
                batches_seen=BatchRange(0, checkpoint.step),
            )
            for checkpoint in saved
        ),
    )
