"""Catalogs that are made once and copied, and a suite small enough to be written and damaged in every test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from alembic import command
from safetensors.numpy import save_file
from sqlalchemy import select, text
from support.once import made_once
from support.postgres import new_database

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.schema import alembic_config
from seenat.registry.database.tables.complete import metadata
from seenat.registry.open import open_catalog
from seenat.registry.orders.formats.megatron_idx import write_order

Dump = dict[str, list[tuple[Any, ...]]]


def dump(database: Database) -> Dump:
    """Every row of every table."""
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


@pytest.fixture(name="dump")
def _dump() -> Callable[[Database], Dump]:
    """The function that reads every row of every table."""
    return dump


# -- catalogs


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_catalog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog with the built-in suites, in each kind of database, that no test may write to."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("catalog_file"), tmp_path_factory.mktemp("shared"))
        with open_catalog(str(copy)) as opened:
            yield opened
        return
    server, template = (request.getfixturevalue(name) for name in ("postgres", "catalog_database"))
    with new_database(server, template) as url, open_catalog(url) as opened:
        yield opened


@pytest.fixture(scope="session")
def bare_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite catalog without any suite, to be copied."""
    path = Path("catalog.sqlite")
    return made_once(tmp_path_factory, "bare", lambda folder: _make_schema(str(folder / path))) / path


@pytest.fixture(scope="session")
def bare_postgres(postgres: str) -> Iterator[str]:
    """The URL of a PostgreSQL catalog without any suite, to be emptied after each use."""
    with new_database(postgres) as url:
        _make_schema(url)
        yield url


def _make_schema(url: str) -> None:
    database = Database(parse_url(url))
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "head")
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of the newest schema without any suite, in each kind of database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("bare_sqlite"), tmp_path / "bare.sqlite")
        with open_catalog(str(tmp_path / "bare.sqlite")) as opened:
            yield opened
        return
    with open_catalog(request.getfixturevalue("bare_postgres")) as opened:
        yield opened
        with opened.database.write() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))


# -- a suite

TOKENS, SEQUENCES, BATCH, VOCABULARY, WIDTH = 9, 42, 4, 50, 4
STEPS = (0, 3, 5, 10)


def neox_weights(seed: int, *, vocabulary: int = VOCABULARY, width: int = WIDTH) -> dict[str, npt.NDArray[np.float16]]:
    """Tensors by the names and shapes of a GPT-NeoX checkpoint of one layer."""
    d, layer = width, "gpt_neox.layers.0"
    shapes = {
        "gpt_neox.embed_in.weight": (vocabulary, d),
        f"{layer}.attention.query_key_value.weight": (3 * d, d),
        f"{layer}.attention.query_key_value.bias": (3 * d,),
        f"{layer}.attention.dense.weight": (d, d),
        f"{layer}.attention.dense.bias": (d,),
        f"{layer}.mlp.dense_h_to_4h.weight": (4 * d, d),
        f"{layer}.mlp.dense_h_to_4h.bias": (4 * d,),
        f"{layer}.mlp.dense_4h_to_h.weight": (d, 4 * d),
        f"{layer}.mlp.dense_4h_to_h.bias": (d,),
        **{f"{layer}.{norm}.{part}": (d,) for norm in ("input_layernorm", "post_attention_layernorm") for part in ("weight", "bias")},
        **{f"gpt_neox.final_layer_norm.{part}": (d,) for part in ("weight", "bias")},
        "embed_out.weight": (vocabulary, d),
    }  # fmt: skip
    generator = np.random.default_rng(seed)
    return {name: generator.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()}


@dataclass
class SmallSuite:
    """A suite in a folder: an order cut within a sequence into two files, and two models of one layer.

    `order` and `models` are the tables of its manifest; change them or the files, then `write`.
    """

    folder: Path
    order: dict[str, Any] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    name: str = "mine"

    @property
    def manifest(self) -> Path:
        return self.folder / "SUITE.toml"

    @property
    def rows(self) -> npt.NDArray[np.uint16]:
        """The ids in its files, `[sequences, tokens]`."""
        data = b"".join((self.folder / name).read_bytes() for name in self.order["files"])
        return np.frombuffer(data, "<u2").reshape(-1, TOKENS)

    def write(self) -> Path:
        """Write the manifest; returns its path."""
        lines = ["[suite]", f"name = {json.dumps(self.name)}", *self._table("suite.provenance", self.provenance)]
        if self.order:
            lines += ["[[order]]", *_keys(self.order)]
        for name, keys in self.models.items():
            facts = keys.get("hyperparameters", {})
            plain = {key: value for key, value in keys.items() if key != "hyperparameters"}
            lines += ["[[model]]", *_keys({"name": name, **plain}), *self._table("model.hyperparameters", facts)]
        self.manifest.write_text("\n".join(lines) + "\n", "utf-8")
        return self.manifest

    def write_tokens(self, rows: npt.NDArray[np.uint16]) -> None:
        """Write the order's files anew, cut after 101 bytes, within an id."""
        write_order(self.folder / "whole.bin", self.folder / "document.idx", rows)
        data = (self.folder / "whole.bin").read_bytes()
        (self.folder / "a.bin").write_bytes(data[:101])
        (self.folder / "b.bin").write_bytes(data[101:])
        (self.folder / "whole.bin").unlink()

    def write_checkpoint(self, model: str, step: int, seed: int, **config: Any) -> Path:
        """Write a checkpoint; `config` overrides its configuration and, for width and vocabulary, its tensors."""
        folder = self.folder / model / f"step{step}"
        folder.mkdir(parents=True, exist_ok=True)
        values = {
            "model_type": "gpt_neox", "num_hidden_layers": 1, "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH,
            "num_attention_heads": 2, "vocab_size": VOCABULARY, "tie_word_embeddings": False, "hidden_act": "gelu",
        } | config  # fmt: skip
        (folder / "config.json").write_text(json.dumps(values), "utf-8")
        weights = neox_weights(seed, vocabulary=values["vocab_size"], width=values["hidden_size"])
        save_file(weights, folder / "model.safetensors")
        return folder

    @staticmethod
    def _table(header: str, values: dict[str, Any]) -> list[str]:
        return [f"[{header}]", *_keys(values)] if values else []


def _keys(values: dict[str, Any]) -> list[str]:
    return [
        f"{key} = {json.dumps(list(value) if isinstance(value, tuple) else value)}" for key, value in values.items()
    ]


@pytest.fixture(scope="session")
def small_suite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untouched small suite."""
    suite = _small_suite(tmp_path_factory.mktemp("small"))
    rows = np.random.default_rng(7).integers(0, VOCABULARY, (SEQUENCES, TOKENS)).astype(np.uint16)
    suite.write_tokens(rows)
    for number, name in enumerate(suite.models):
        for step in STEPS:
            suite.write_checkpoint(name, step, 100 * number + step)
    suite.write()
    return suite.folder


@pytest.fixture
def small_suite(small_suite_template: Path, tmp_path: Path) -> SmallSuite:
    """A small suite of one's own, to be changed."""
    folder = tmp_path / "mine"
    shutil.copytree(small_suite_template, folder)
    return _small_suite(folder)


def _small_suite(folder: Path) -> SmallSuite:
    return SmallSuite(
        folder,
        order={
            "name": "mine-order", "format": "mmididx", "files": ["a.bin", "b.bin"], "index": "document.idx",
            "tokens_per_sequence": TOKENS, "sequences_per_batch": BATCH, "sequences": SEQUENCES, "dtype": "uint16",
            "vocab_size": VOCABULARY, "eos_id": 0,
        },
        models={
            name: {
                "order": "mine-order", "steps": list(STEPS), "train_steps": 10, "checkpoints": f"{name}/step{{step}}",
                "size": name[-1], "aliases": [f"{name}-z", f"{name}-a"],
                "hyperparameters": {"learning_rate": 0.001, "betas": [0.9, 0.95]},
            }
            for name in ("mine-s", "mine-l")
        },
    )  # fmt: skip
