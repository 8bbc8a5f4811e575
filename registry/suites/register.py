"""Registering a suite of one's own: a SUITE.toml becomes facts that were checked against the files.

Every token file and every file that determines a checkpoint's numbers is hashed, every id is checked against the
vocabulary, every checkpoint's parameters are counted in its headers and compared with its configuration. A file of the
same state (`storage.file_state`) as when it was last registered is not read again. Only then is anything written, in one
transaction (`seenat.registry.suites.write`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Connection, select

from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.end_of_document import check_end_of_document, check_known_end
from seenat.registry.catalog.models import AliasSpec
from seenat.registry.catalog.orders import Order
from seenat.registry.catalog.specs import BatchContent, CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord, checkpoint_digest, read_config, weight_and_config_files
from seenat.registry.checkpoints.parameters import ParameterCount, count_parameters, parameters_of_config
from seenat.registry.database.tables.catalog import aliases, models, orders, suites
from seenat.registry.errors import CorruptFile, InvalidManifest
from seenat.registry.orders.order_files import INDEX_MAP, MAPS
from seenat.registry.schedule import Schedule
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.file_state import state_of
from seenat.registry.suites.architecture import architecture_of
from seenat.registry.suites.builtin import BUILT_IN
from seenat.registry.suites.manifest.manifest import ModelManifest, OrderManifest, SuiteManifest, read_manifest
from seenat.registry.suites.read import stored_suite
from seenat.registry.suites.write import write_suite

if TYPE_CHECKING:
    from seenat.registry.orders.order_files import OrderFiles
    from seenat.registry.orders.source import TokenSource

__all__ = ["Registered", "register_suite"]

Progress = Callable[[str, int, int], None]
"""Called with what is being read, the bytes read so far, and the bytes to read in all."""


@dataclass(frozen=True, kw_only=True)
class Registered(Answer):
    """What registering a suite did."""

    suite: str
    orders: tuple[str, ...]
    models: tuple[str, ...]
    changes: tuple[str, ...]
    """A sentence for each thing added or changed; empty when the catalog knew it all."""
    notes: tuple[str, ...] | None = None
    """A sentence for each thing that was taken as it is most often meant, and may be meant otherwise; None without any."""

    json_only_with: ClassVar[Mapping[str, str]] = {"notes": "notes"}


def register_suite(
    catalog: Catalog, path: Path, *, replace_changed: bool = False, progress: Progress = lambda _what, _done, _all: None
) -> Registered:
    """Read a SUITE.toml, check everything it names, and record it.

    Raises `InvalidManifest` for mistakes in the file, `CorruptFile` for files that are not what it says, and `SuiteChanged`
    when something differs from what was registered before and `replace_changed` is false. Nothing is written then.
    """
    spelled = Path(os.path.normpath(path.absolute()))  # The same from whichever folder it is named.
    manifest = read_manifest(spelled, catalog_orders={order.name for order in catalog.orders()})
    with catalog.database.read() as connection:
        stored = stored_suite(connection, manifest.name)
        _check_names(connection, manifest, stored)
    scanner = _SuiteScanner(manifest, stored, catalog, progress)
    facts = scanner.suite()
    with catalog.database.write() as connection:
        changes = write_suite(connection, facts, replace=replace_changed)
    return Registered(
        suite=facts.name,
        orders=tuple(order.name for order in facts.orders),
        models=tuple(model.name for model in facts.models),
        changes=changes,
        notes=tuple(scanner.notes) or None,
    )


def _check_names(connection: Connection, manifest: SuiteManifest, stored: SuiteSpec | None) -> None:
    """Commands take an order or a model by any of its names, so no other suite may have one of these."""
    if stored is not None and stored.origin == BUILT_IN:
        raise InvalidManifest(
            f"{manifest.path}: the suite {manifest.name} ships with seenat; write another name below [suite]."
        )
    owners = _names_of_others(connection, manifest.name)
    named: list[OrderManifest | ModelManifest] = [*manifest.orders, *manifest.models]
    for name in (*(entry.name for entry in named), *(alias for model in manifest.models for alias in model.aliases)):
        if name in owners:
            raise InvalidManifest(f"{manifest.path}: {name} is taken by {owners[name]}; write a name of its own.")


def _names_of_others(connection: Connection, suite: str) -> dict[str, str]:
    """Every name of an order or a model outside a suite, and what has it."""
    others = suites.c.name != suite
    owned = select(orders.c.name, suites.c.name).join(suites, suites.c.id == orders.c.suite_id).where(others)
    trained = select(models.c.name, suites.c.name).join(suites, suites.c.id == models.c.suite_id).where(others)
    called = trained.join(aliases, aliases.c.model_id == models.c.id).with_only_columns(aliases.c.name, models.c.name)
    return {
        **{name: f"the model {model}" for name, model in connection.execute(called)},
        **{name: f"a model of the suite {owner}" for name, owner in connection.execute(trained)},
        **{name: f"an order of the suite {owner}" for name, owner in connection.execute(owned)},
    }


class _SuiteScanner:
    """Makes facts of a manifest; remembers what the catalog holds, so that unchanged files are not read again."""

    def __init__(self, manifest: SuiteManifest, stored: SuiteSpec | None, catalog: Catalog, progress: Progress) -> None:
        self.manifest = manifest
        self.catalog = catalog
        self.progress = progress
        self.known_orders = {order.name: order for order in stored.orders} if stored else {}
        self.known_models = {model.name: model for model in stored.models} if stored else {}
        self.notes: list[str] = []
        self.done = 0
        self.total = 0

    def suite(self) -> SuiteSpec:
        """All facts; the bytes to read are counted first, to report progress."""
        self._check_ends_of_documents()
        self.total = self._bytes_to_read()
        orders = tuple(self._order(order) for order in self.manifest.orders)
        by_name = {order.name: order for order in orders}
        return SuiteSpec(
            name=self.manifest.name,
            origin=str(self.manifest.path),
            provenance=self.manifest.provenance,
            orders=orders,
            models=tuple(self._model(model, by_name) for model in self.manifest.models),
        )

    # -- orders

    def _order(self, order: OrderManifest) -> OrderSpec:
        from seenat.registry.orders.agreement import shared_sequence
        from seenat.registry.orders.formats.open import open_order

        described = _order_files(self.manifest, order)
        source = open_order(described)
        if (note := shared_sequence(described, source)) is not None:
            self.notes.append(note)
        before = self.known_orders.get(order.name)
        names = {file.name: file for file in before.files} if before else {}
        files = tuple(
            replace(
                self._file(self.manifest.locate(name), name, names.get(name), order.name), role=role, data_offset=offset
            )
            for name, role, offset in _named_files(self.manifest, order)
        )
        facts = OrderSpec(
            name=order.name,
            sequences=source.geometry.sequences,
            tokens_per_sequence=source.geometry.tokens_per_sequence,
            sequences_per_batch=order.sequences_per_batch,
            dtype=source.geometry.dtype,
            vocab_size=order.vocab_size,
            eos_id=order.eos_id,
            format=order.format,
            location=str(self.manifest.path.parent),
            tokenizer=_tokenizer(self.manifest, order),
            files=files,
        )
        if before is not None and before.digest == facts.digest and _how_cut(before) == _how_cut(facts):
            return facts
        return replace(facts, batches=self._batches(order, source))

    def _batches(self, order: OrderManifest, source: TokenSource) -> tuple[BatchContent, ...]:
        from seenat.registry.orders.formats.index_map_arrays import load_index_maps
        from seenat.registry.orders.formats.index_map_checks import check_index_maps
        from seenat.registry.orders.formats.megatron_idx import check_index
        from seenat.registry.orders.scan import scan_batches

        if order.format == INDEX_MAP:
            maps = load_index_maps(_order_files(self.manifest, order))
            length = source.geometry.tokens_per_sequence
            check_index_maps(maps, length, lambda read: self._report(f"checking the maps of {order.name}", read))
        elif order.index is not None:
            check_index(self.manifest.locate(order.index), source.geometry)
        size = source.geometry.sequence_bytes
        return tuple(
            BatchContent(batch=facts.batch, digest=facts.digest, eos_count=facts.eod_count)
            for facts in scan_batches(
                source,
                order.sequences_per_batch,
                vocab_size=order.vocab_size,
                eod_id=order.eos_id,
                progress=lambda sequences: self._report(f"checking {order.name}", sequences * size),
            )
        )

    def _check_ends_of_documents(self) -> None:
        """Of every order here, and of those of the catalog that models here were trained on."""
        here = {order.name: order for order in self.manifest.orders}
        for name, order in here.items():
            known = order.eos_id, order.eos_id_is_written, _tokenizer(self.manifest, order)
            check_end_of_document(name, *known, self._folders_on(name))
        for name in {model.order for model in self.manifest.models} - set(here):
            check_known_end(self.catalog, self.catalog.order(name), self._folders_on(name))

    def _folders_on(self, order: str) -> list[Path]:
        """The folders of all local checkpoints that were trained on an order."""
        trained = [model for model in self.manifest.models if model.order == order and model.checkpoints]
        return [self.manifest.locate(model.checkpoint(step)) for model in trained for step in model.steps]

    # -- models

    def _model(self, model: ModelManifest, orders: Mapping[str, OrderSpec]) -> ModelSpec:
        order = orders.get(model.order)
        batch = model.sequences_per_batch or (
            order.sequences_per_batch if order else self.catalog.order(model.order).sequences_per_batch
        )
        vocab_size = order.vocab_size if order else self.catalog.order(model.order).vocab_size
        schedule = Schedule(
            sequences_per_batch=batch,
            steps=model.train_steps,
            saved=model.steps,
            labels_per_step=model.labels_per_step,
            revision=model.revision,
        )
        facts = ModelSpec(
            name=model.name,
            order=model.order,
            schedule=schedule,
            family=model.family,
            size=model.size,
            repository=model.repository,
            folder=str(self.manifest.locate(model.checkpoints)) if model.checkpoints else None,
            aliases=tuple(AliasSpec(name=name) for name in model.aliases),
            hyperparameters=_as_json(model.hyperparameters),
        )
        _check_length(facts, order or self.catalog.order(model.order))
        if model.repository:
            return replace(facts, checkpoints=tuple(CheckpointSpec(step=step) for step in model.steps))
        return self._local_model(facts, model, vocab_size)

    def _local_model(self, facts: ModelSpec, model: ModelManifest, vocab_size: int | None) -> ModelSpec:
        folders = [self.manifest.locate(model.checkpoint(step)) for step in model.steps]
        config = read_config(folders[0])
        architecture = architecture_of(folders[0], config)
        _check_vocabulary(architecture, model.name, vocab_size)
        return replace(
            facts,
            parameters=_counted(model.name, folders, config),
            architecture=architecture,
            checkpoints=tuple(
                self._checkpoint(model.name, step, folder) for step, folder in zip(model.steps, folders, strict=True)
            ),
        )

    def _checkpoint(self, model: str, step: int, folder: Path) -> CheckpointSpec:
        registered = self.known_models.get(model)
        before = (
            {file.name: file for saved in registered.checkpoints if saved.step == step for file in saved.files}
            if registered
            else {}
        )
        files = tuple(
            self._file(folder / name, name, before.get(name), f"{model} at step {step}")
            for name in sorted(weight_and_config_files(folder))
        )
        digest = checkpoint_digest({file.name: file.sha256 for file in files if file.sha256})
        return CheckpointSpec(step=step, status="ok", reason="read when it was registered", digest=digest, files=files)

    # -- files

    def _file(self, path: Path, name: str, before: FileRecord | None, what: str) -> FileRecord:
        state = state_of(path)
        if before is not None and before.state == state:
            sha256 = before.sha256
        else:
            sha256 = sha256_of_file(path, lambda piece: self._report(f"hashing {what}", piece))
        return FileRecord(name=name, sha256=sha256, **state._asdict())

    def _report(self, what: str, done: int) -> None:
        self.done += done
        self.progress(what, min(self.done, self.total), self.total)

    def _bytes_to_read(self) -> int:
        """An estimate: an order's files are read twice, once for the digest and once for what is in them."""
        tokens = sum(
            2 * self.manifest.locate(name).stat().st_size for order in self.manifest.orders for name, _ in _roles(order)
        )
        weights = sum(
            (folder / name).stat().st_size
            for model in self.manifest.models
            if model.checkpoints
            for folder in (self.manifest.locate(model.checkpoint(step)) for step in model.steps)
            for name in weight_and_config_files(folder)
        )
        return tokens + weights


def _order_files(manifest: SuiteManifest, order: OrderManifest) -> OrderFiles:
    from seenat.registry.orders.order_files import OrderFiles

    return OrderFiles(
        name=order.name,
        format=order.format,
        files=tuple(manifest.locate(name) for name in order.files),
        sequences=order.sequences,
        tokens_per_sequence=order.tokens_per_sequence,
        dtype=order.dtype,
        vocab_size=order.vocab_size,
        sequences_per_batch=order.sequences_per_batch,
        pack_impl=order.pack_impl,
        **{role: manifest.locate(name) for name, role in _roles(order) if role != "tokens"},
    )


def _roles(order: OrderManifest) -> list[tuple[str, str]]:
    """Name and role of each file of an order, those with its ids first."""
    beside = [(getattr(order, role), role) for role in ("index", *MAPS)]
    return [*((name, "tokens") for name in order.files), *((name, role) for name, role in beside if name is not None)]


def _named_files(manifest: SuiteManifest, order: OrderManifest) -> list[tuple[str, str, int]]:
    """Name, role and bytes before the ids of each file of an order."""
    offsets: dict[str, int] = {}
    if order.format == "npy":
        from seenat.registry.orders.formats.npy import read_array_file

        offsets = {name: read_array_file(manifest.locate(name)).piece.offset for name in order.files}
    return [(name, role, offsets.get(name, 0)) for name, role in _roles(order)]


def _as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the catalog gives back: tuples become lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}


def _check_length(model: ModelSpec, order: OrderSpec | Order) -> None:
    sequences = order.sequences if isinstance(order, OrderSpec) else order.geometry.sequences
    consumed = model.schedule.steps * model.schedule.sequences_per_batch
    if consumed > sequences:
        raise InvalidManifest(
            f"{model.name} consumes {model.schedule.steps} x {model.schedule.sequences_per_batch} = {consumed} sequences, "
            f"and its order {order.name} has {sequences}; correct steps, train_steps or sequences_per_batch."
        )


def _tokenizer(manifest: SuiteManifest, order: OrderManifest) -> str | None:
    """A tokenizer's file or folder as an absolute path; a hub repository as it is written."""
    if order.tokenizer is None:
        return None
    path = manifest.locate(order.tokenizer)
    return str(path) if path.exists() else order.tokenizer


def _how_cut(order: OrderSpec) -> tuple[Any, ...]:
    """What decides, beside the content, the facts of batches and whether the order's index is right."""
    indexes = tuple(file.sha256 for file in order.files if file.role == "index")
    return order.sequences_per_batch, order.eos_id, order.vocab_size, indexes


def _counted(model: str, folders: list[Path], config: Mapping[str, Any]) -> ParameterCount:
    """The parameters in the headers of every checkpoint, which must agree with each other and the configuration."""
    counts = [count_parameters(folder) for folder in folders]
    expected = parameters_of_config(config) or counts[0]
    for folder, count in zip(folders, counts, strict=True):
        if count != expected:
            raise CorruptFile(
                f"{folder} holds {count.total:,} parameters, {count.non_embedding:,} without embeddings, and {model} should "
                f"have {expected.total:,} and {expected.non_embedding:,}; check that it is this model's checkpoint."
            )
    return expected


def _check_vocabulary(architecture: Mapping[str, Any], model: str, vocab_size: int | None) -> None:
    stated = architecture.get("vocab_size")
    if isinstance(stated, int) and vocab_size is not None and stated < vocab_size:
        raise CorruptFile(
            f"{model} has a vocabulary of {stated} and its order one of {vocab_size}; check that they belong together."
        )
