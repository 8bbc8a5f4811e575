"""The manifest of a suite of one's own: one TOML file, read into values that can be registered, or refused as a whole.

    [suite]       one: its name, and where it comes from
    [[order]]     any number: a training order, as token files and their geometry
    [[model]]     any number: a training run over an order, its saved steps and where their checkpoints are

What is checked here is what the file says and whether the files and folders it names are there, all of it before
anything is refused. Whether the token files have the bytes that the geometry asks for is the orders' own check, and a
model may name an order that only the catalog knows. Paths are kept as they are written, relative to the manifest's
folder; `SuiteManifest.locate` makes them absolute.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from seenat.registry.errors import InvalidManifest, InvalidValue
from seenat.registry.orders.order_files import INDEX_MAP, MAPS
from seenat.registry.schedule import expand_template
from seenat.registry.storage.names import check_name
from seenat.registry.suites.manifest.keys import MODEL_KEYS, ORDER_KEYS, REPOSITORY, SUITE_KEYS, Fact
from seenat.registry.suites.manifest.toml_positions import locate
from seenat.registry.suites.manifest.toml_schema import (
    Key,
    Mistakes,
    Table,
    bare,
    did_you_mean,
    listed,
    read_toml,
    shown,
)

__all__ = ["ModelManifest", "OrderManifest", "SuiteManifest", "read_manifest"]

_HEADERS = {"suite": "[suite]", "order": "[[order]]", "model": "[[model]]"}
_GEOMETRY = ("tokens_per_sequence", "sequences", "dtype")
# As git abbreviates commits, to no fewer than 7 digits.
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
# Steps that one message names before it counts the rest.
_NAMED_STEPS = 8


# -- the values


@dataclass(frozen=True, kw_only=True)
class OrderManifest:
    """One `[[order]]`: token files in training order, and their stated geometry."""

    name: str
    format: str
    """One of `manifest_keys.FORMATS`."""
    files: tuple[str, ...]
    """Token files as written, to be read as one, end to end."""
    index: str | None = None
    """The .idx file, as written: of the order with the format `mmididx`, of the documents with `neox-index-map`."""
    doc_idx: str | None = None
    """As are the next two: an index map, as written; only with the format `neox-index-map`."""
    sample_idx: str | None = None
    shuffle_idx: str | None = None
    pack_impl: str | None = None
    """How the run of an index map made samples of documents, where its files do not say: `packed`."""
    tokens_per_sequence: int | None = None
    """Ids of one sequence, at least 2: the first T - 1 are the input, the last T - 1 the targets."""
    sequences_per_batch: int
    """Sequences that one optimizer update consumes."""
    sequences: int | None = None
    """Sequences of the whole order."""
    dtype: str | None = None
    """One of `geometry.ID_BYTES`. It and the other geometry are None only where an index or a header gives them."""
    vocab_size: int | None = None
    """Every id is below this."""
    eos_id: int | None = 0
    """The id that ends a document, which greedy decoding leaves out; None where there is none."""
    eos_id_is_written: bool = field(default=False, compare=False)
    """Whether the file says so, and not the default."""
    tokenizer: str | None = None
    """A file or folder, as written, or a repository of the hub."""


@dataclass(frozen=True, kw_only=True)
class ModelManifest:
    """One `[[model]]`: a training run and where its checkpoints are, in exactly one of two ways."""

    name: str
    order: str
    """An order of the same manifest, or one that the catalog has."""
    steps: tuple[int, ...]
    """Optimizer updates of each saved checkpoint, ascending and distinct."""
    train_steps: int
    """Optimizer updates of the whole run, at least the last of `steps`."""
    sequences_per_batch: int | None = None
    """Sequences that one optimizer update consumes; None is what the order says."""
    labels_per_step: int = 1
    """label = step * labels_per_step."""
    checkpoints: str | None = None
    """Path of a checkpoint's folder as written, with `{step}` or `{label}`."""
    repository: str | None = None
    """Repository of the hub that holds the checkpoints as revisions."""
    revision: str = "step{label}"
    """Name of a revision, with `{step}` or `{label}`."""
    family: str
    """Models that are compared with each other; the suite's name where nothing is written."""
    size: str | None = None
    """Size as people say it, for example `70m`."""
    aliases: tuple[str, ...] = ()
    """Other names of the same model."""
    hyperparameters: Mapping[str, Fact | tuple[Fact, ...]] = field(default_factory=dict)
    """Free-form facts of the run."""

    def checkpoint(self, step: int) -> str:
        """The folder, as written, or else the revision of one saved step."""
        return expand_template(self.checkpoints or self.revision, step, self.labels_per_step)


@dataclass(frozen=True, kw_only=True)
class SuiteManifest:
    """A whole manifest: names are unique among its orders, models and aliases, and local files were there."""

    name: str
    path: Path
    """The manifest itself, absolute."""
    orders: tuple[OrderManifest, ...] = ()
    models: tuple[ModelManifest, ...] = ()
    provenance: Mapping[str, Fact] = field(default_factory=dict)
    """Free-form facts about where the suite comes from."""

    def locate(self, path: str) -> Path:
        """A path of this manifest, absolute: relative ones start in the manifest's folder."""
        return self.path.parent / path


# -- reading


def read_manifest(path: Path, *, catalog_orders: Collection[str] | None = None) -> SuiteManifest:
    """Read a suite's manifest.

    `catalog_orders` are the names of orders that models may use beside the manifest's own; None leaves that open.
    Raises `InvalidManifest` with every mistake that was found, one a line: file, line, table, key, what is wrong and
    what to write instead.
    """
    try:
        check_name(path)
    except InvalidValue as error:
        raise InvalidManifest(str(error)) from None
    document, source = read_toml(path)
    mistakes = Mistakes(path, locate(source))
    folder = path.absolute().parent
    suite, orders, models = _tables(document, mistakes)
    _check_names(orders, models)
    for order in orders:
        _check_order(order, folder)
    for model in models:
        _check_model(model, _order_of(model, orders, catalog_orders), folder)
    mistakes.refuse()
    return SuiteManifest(
        path=path.absolute(),
        orders=tuple(OrderManifest(**order.values, eos_id_is_written="eos_id" in order.values) for order in orders),
        models=tuple(ModelManifest(**_with_defaults(model.values, suite.values)) for model in models),
        **suite.values,
    )


def _with_defaults(model: dict[str, Any], suite: dict[str, Any]) -> dict[str, Any]:
    return {"family": suite["name"], "train_steps": model["steps"][-1]} | model


def _tables(document: dict[str, Any], mistakes: Mistakes) -> tuple[Table, list[Table], list[Table]]:
    for name in (name for name in document if name not in _HEADERS):
        likely = did_you_mean(name, _HEADERS)
        advice = f"did you mean {_HEADERS[likely[0]]}?" if likely else f"write {listed(_HEADERS.values(), 'and')} only"
        mistakes.add((name,), f"{bare(name)}: unknown table; {advice}")
    if not document.get("order") and not document.get("model"):
        mistakes.add((), "nothing to register; write at least one [[order]] or [[model]]")
    suite = document.get("suite", {})
    if not isinstance(suite, dict):
        mistakes.add(("suite",), "suite: a manifest has one; write [suite], then its keys")
        suite = {"name": "unreadable"}  # So that the name is not called missing as well.
    return (
        Table(suite, SUITE_KEYS, mistakes, place=("suite",), title="[suite]"),
        list(_several(document, "order", ORDER_KEYS, mistakes)),
        list(_several(document, "model", MODEL_KEYS, mistakes)),
    )


def _several(document: dict[str, Any], kind: str, keys: Mapping[str, Key], mistakes: Mistakes) -> Iterator[Table]:
    tables = document.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(raw, dict) for raw in tables):
        mistakes.add((kind,), f"{kind}: not a list of tables; write [[{kind}]] with two brackets, then its keys")
        return
    for number, raw in enumerate(tables):
        name = raw.get("name")
        title = f"[[{kind}]] {shown(name) if isinstance(name, str) and name else number + 1}"
        yield Table(raw, keys, mistakes, place=(kind, number), title=title)


# -- rules over several keys


def _check_names(orders: list[Table], models: list[Table]) -> None:
    """Commands take a model or an order by name, so no two of these may share one."""
    owners: dict[str, str] = {}
    for table in (*orders, *models):
        for name, *place in (*table.written("name"), *table.written("aliases")):
            if name in owners:
                table.mistake(f"{shown(name)} is taken by {owners[name]}; write a name of its own", *place)
            owners.setdefault(name, table.title)


def _check_order(order: Table, folder: Path) -> None:
    get = order.values.get
    if get("format") == "mmididx" and not order.tried("index"):
        _require_geometry(order, 'index = "document.idx", or this geometry:')
    if get("format") == "raw":
        _require_geometry(order, "it, since raw files have no header:")
    _check_companions(order)
    _check_files(order, folder)
    _check_tokenizer(order, folder)
    eos_id, vocab_size = get("eos_id"), get("vocab_size")
    if eos_id is not None and vocab_size is not None and eos_id >= vocab_size:
        order.mistake(
            f'{eos_id} is not below vocab_size, {vocab_size}; write an id of the vocabulary, or "none"', "eos_id"
        )


def _check_companions(order: Table) -> None:
    """What lies beside the token files, and how it was made: nothing, an index, or an index and the three maps."""
    form = order.values.get("format")
    if form == INDEX_MAP:
        for key in ("index", *MAPS):
            if not order.tried(key):
                order.missing(key, f"{key} = {ORDER_KEYS[key].advice}, since the format {form} needs it")
        return
    if form in ("raw", "npy", "parquet") and order.values.get("index"):
        order.mistake(f"only mmididx and {INDEX_MAP} have an index, not {form}; leave it out", "index")
    for key in (*MAPS, "pack_impl"):
        if form is not None and order.values.get(key):
            order.mistake(f"only {INDEX_MAP} has index maps, not {form}; leave it out", key)


def _require_geometry(order: Table, advice: str) -> None:
    for key in _GEOMETRY:
        if not order.tried(key):
            order.missing(key, f"{advice} {key} = {ORDER_KEYS[key].advice}")


def _check_files(order: Table, folder: Path) -> None:
    for name, *place in chain.from_iterable(map(order.written, ("files", "index", *MAPS))):
        if "://" in name:
            order.mistake(_remote(name), *place)
        elif not _is_file(folder / name):
            order.mistake(
                f"there is no file {folder / name}; write its path, relative to the manifest's folder", *place
            )


def _check_tokenizer(order: Table, folder: Path) -> None:
    name = order.values.get("tokenizer")
    if name is None or _is_file(folder / name) or _is_folder(folder / name):
        return
    if "://" in name:
        order.mistake(_remote(name), "tokenizer")
    elif name.endswith(".json") or not REPOSITORY.fullmatch(name):
        order.mistake(f"there is no file or folder {folder / name}; write its path, or a hub repository", "tokenizer")


def _order_of(model: Table, orders: list[Table], catalog_orders: Collection[str] | None) -> Table | None:
    """The table of a model's order, if the manifest has it; a mistake if nobody can have it."""
    name = model.values.get("order")
    own = {order.values["name"]: order for order in reversed(orders) if "name" in order.values}
    all_named = all("name" in order.values for order in orders)
    if name and catalog_orders is not None and all_named and name not in (*own, *catalog_orders):
        likely = did_you_mean(name, (*own, *catalog_orders))
        advice = f"did you mean {likely[0]}?" if likely else "write the name of an [[order]], or add it"
        model.mistake(f"neither this manifest nor the catalog has an order {shown(name)}; {advice}", "order")
    return own.get(name or "")


def _check_model(model: Table, order: Table | None, folder: Path) -> None:
    _check_steps(model)
    _check_train_steps(model, order)
    if not model.tried("checkpoints") and not model.tried("repository"):
        model.missing("checkpoints", f'checkpoints = {MODEL_KEYS["checkpoints"].advice}, or repository = "org/name"')
    if "checkpoints" in model.values and model.tried("repository"):
        model.mistake("checkpoints says where they are already; write one of the two", "repository")
    elif "checkpoints" in model.values and "revision" in model.values:
        model.mistake("the folders of checkpoints have no revisions; leave it out", "revision")
    for key in ("checkpoints", "revision"):
        if key in model.values and _check_template(model, key) and key == "checkpoints":
            _check_folders(model, folder)


def _check_steps(model: Table) -> None:
    earlier: set[int] = set()
    for step, *place in model.written("steps"):
        if step in earlier:
            model.mistake(f"{step} is written twice; write each step once", *place)
        earlier.add(step)
    if earlier:
        model.values["steps"] = tuple(sorted(earlier))


def _check_train_steps(model: Table, order: Table | None) -> None:
    last = model.values.get("steps", (0,))[-1]
    steps = model.values.get("train_steps", last)
    if steps < last:
        model.mistake(f"{steps} is before the last saved step, {last}; write at least {last}", "train_steps")
    of_order = order.values if order is not None else {}
    batch = model.values.get("sequences_per_batch", of_order.get("sequences_per_batch"))
    sequences = of_order.get("sequences")
    if batch and sequences and steps * batch > sequences:
        key = "train_steps" if "train_steps" in model.values else "steps"
        sum_shown = f"{steps} steps x {batch} sequences per batch = {steps * batch} sequences"
        model.mistake(f"{sum_shown}, but the order has {sequences}; write at most {sequences // batch}", key)


def _check_template(model: Table, key: str) -> bool:
    template, steps = model.values[key], model.values.get("steps", ())
    used = set(_PLACEHOLDER.findall(template))
    if strange := sorted(used - {"{step}", "{label}"}):
        model.mistake(f"{listed(strange, 'and')} cannot be filled in; write {{step}} or {{label}}", key)
    elif key == "revision" and _SHORT_COMMIT.fullmatch(template):
        model.mistake(f"{shown(template)} is a part of a commit, and hubs want all 40 digits; write the whole", key)
    elif len(steps) > 1 and not used:
        model.mistake(f"{len(steps)} steps cannot share {shown(template)}; write {key} = {MODEL_KEYS[key].advice}", key)
    return not strange and (bool(used) or len(steps) <= 1)


def _check_folders(model: Table, folder: Path) -> None:
    template, factor = model.values["checkpoints"], model.values.get("labels_per_step", 1)
    if "://" in template:
        model.mistake(f'{_remote(template)}, or repository = "org/name" for a model of the hub', "checkpoints")
        return
    absent = [
        step
        for step in model.values.get("steps", ())
        if not _is_folder(folder / expand_template(template, step, factor))
    ]
    if absent:
        rest = f" and {len(absent) - _NAMED_STEPS} more" if len(absent) > _NAMED_STEPS else ""
        named = ", ".join(map(str, absent[:_NAMED_STEPS]))
        have = f"step {named} has" if len(absent) == 1 else f"steps {named}{rest} have"
        advice = "write the path of the folders, or list in steps only what was saved"
        model.mistake(f"{have} no folder {folder / template}; {advice}", "checkpoints")


def _remote(name: str) -> str:
    known = name.startswith(("hf://", "s3://"))
    reason = "is remote, and this version reads local files only" if known else "has a scheme that is not known"
    return f"{shown(name)} {reason}; write the path of a local copy"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A name that is too long, or a folder that may not be entered.
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
