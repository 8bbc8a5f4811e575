"""A suite to measure, trained here within seconds and stored as awkwardly as a suite may be."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import select

from seenat.memorization.jobs.status import Job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.results.commit import MeasurementStore
from seenat.memorization.results.measurements import ensure_measurement
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences, onset_counts
from seenat.registry.hub.location import CheckpointLocation
from seenat.registry.open import open_catalog
from seenat.registry.orders.formats.megatron_idx import write_order
from seenat.registry.suites.register import register_suite
from support.measuring import measure, plan
from support.once import made_once

if TYPE_CHECKING:
    from seenat.memorization.engine.transformers.reference import ReferenceScores

VOCABULARY, BATCH, LENGTH = 700, 12, 97
PLANTED = ((8, 120), (24, 30), (72, 10))
"""So many sequences, each so many times: 2,400 places, 200 batches."""
CONTROLS = 120
"""Sequences that no step reaches; every fifth of them is one of the trained ones."""
STEPS = (0, 1, 3, 7, 15, *range(20, 201, 5))
CUTS = (1, 97 * 4 - 2, 97 * 4 + 1, 97 * 4 * 700 + 3, 97 * 4 * 1900)
"""Bytes at which the files of an order end: within ids, within sequences, and once between two."""

Rows = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Mine:
    """A suite on disk, of two models over one order stored twice: `mine-a` with an index, `mine-b` without, as uint32."""

    manifest: Path
    rows: Rows
    """Its order, `[2520, 97]`."""

    @property
    def folder(self) -> Path:
        return self.manifest.parent

    def checkpoint(self, step: int) -> Path:
        return self.folder / "models" / f"step{step}"

    def copied(self, to: Path, steps: tuple[int, ...]) -> Mine:
        """The same suite, with these checkpoints only, in a folder that a test may damage."""
        shutil.copytree(self.folder, to, ignore=shutil.ignore_patterns("models", "SUITE.toml"))
        copy = Mine(to / self.manifest.name, self.rows)
        for step in steps:
            shutil.copytree(self.checkpoint(step), copy.checkpoint(step))
        copy.manifest.write_text(_manifest_text(len(self.rows), steps), encoding="utf-8")
        return copy


@pytest.fixture(scope="session")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Mine:
    """A suite of its own vocabulary, batch and length, trained in some seconds until most of it is memorized."""
    return Mine(made_once(tmp_path_factory, "mine", make_mine) / "SUITE.toml", _planted_rows())


def make_mine(folder: Path) -> Mine:
    """Train it into a folder."""
    rows = _planted_rows()
    _write_tokens(folder, rows)
    _train(folder / "models", rows)
    (folder / "SUITE.toml").write_text(_manifest_text(len(rows), STEPS), encoding="utf-8")
    return Mine(folder / "SUITE.toml", rows)


@pytest.fixture(scope="session")
def mine_registered(mine: Mine, catalog_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite catalog with that suite and nothing measured; to be copied."""

    def make(folder: Path) -> None:
        with open_catalog(str(shutil.copy(catalog_file, folder))) as catalog:
            register_suite(catalog, mine.manifest)

    return made_once(tmp_path_factory, "mine-catalog", make) / catalog_file.name


@pytest.fixture
def new_home(mine_registered: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Make a folder with a catalog that knows the suite, and return the catalog's path."""

    def make(name: str) -> Path:
        (tmp_path / name).mkdir()
        return Path(shutil.copy(mine_registered, tmp_path / name / "catalog.sqlite"))

    return make


@pytest.fixture
def new_catalog(new_home: Callable[[str], Path]) -> Iterator[Callable[[str], Catalog]]:
    """Open a new catalog that knows the suite, apart for each name."""
    opened: list[Catalog] = []

    def make(name: str) -> Catalog:
        opened.append(open_catalog(str(new_home(name))))
        return opened[-1]

    yield make
    for catalog in opened:
        catalog.close()


@pytest.fixture
def mine_catalog(new_catalog: Callable[[str], Catalog]) -> Catalog:
    return new_catalog("mine")


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """A job that nothing disturbed, and all that it committed."""

    protocol: Protocol
    selection: dict[str, Any]
    cells: int
    committed: dict[str, Any]
    seconds: float


@pytest.fixture(scope="session")
def undisturbed(mine_registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What other ways to the same results are compared with: 8 checkpoints, 40 shards, 20,160 values."""
    return _undisturbed(mine_registered, tmp_path_factory.mktemp("undisturbed"), STEPS[-8:])


@pytest.fixture(scope="session")
def long_undisturbed(mine_registered: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The same over 30 checkpoints: 150 shards, 75,600 values, 8 seconds."""
    return _undisturbed(mine_registered, tmp_path_factory.mktemp("long"), STEPS[-30:])


@pytest.fixture(scope="session")
def planned() -> Callable[..., Job]:
    """Plan a job: `planned(catalog, model, protocol, steps=..., sequences=..., sample=..., unseen=...)`."""
    return plan


@pytest.fixture(scope="session")
def measured() -> Callable[..., Job]:
    """Plan a job in the same way and run it, one `Advance` after another to `progress`."""
    return measure


@pytest.fixture(scope="session")
def committed() -> Callable[..., dict[str, Any]]:
    """All that is committed of a measurement: the array's files, and the rows derived from them, by name."""
    return _committed


@pytest.fixture(scope="session")
def reference() -> Callable[..., ReferenceScores]:
    """What transformers' `generate` says of rows of ids at a checkpoint; equal rows are generated once."""
    return _reference


# -- measuring


def _undisturbed(registered: Path, folder: Path, steps: tuple[int, ...]) -> Undisturbed:
    path = shutil.copy(registered, folder / "catalog.sqlite")
    protocol, selection = Protocol(prompt=8, continuation=8), {"steps": steps, "unseen": True}
    with open_catalog(str(path)) as catalog:
        began = time.perf_counter()
        job = measure(catalog, "mine-a", protocol, **selection)
        return Undisturbed(
            protocol=protocol,
            selection=selection,
            cells=job.progress.measured,
            committed=_committed(catalog, "mine-a", protocol),
            seconds=time.perf_counter() - began,
        )


def _committed(catalog: Catalog, name: str, protocol: Protocol | None = None) -> dict[str, Any]:
    model = catalog.model(name)
    with catalog.database.write() as connection:
        measurement = ensure_measurement(connection, model, protocol or Protocol())
    array = MeasurementStore(catalog.database, model, measurement).array
    folder = array.folder
    stored: dict[str, Any] = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    with catalog.database.read() as connection:
        for table in (blocks, memorized_sequences, onset_counts, batch_counts):
            columns = [column for column in table.c if column.name != "measurement_id"]
            rows = connection.execute(select(*columns).where(table.c.measurement_id == measurement.id))
            stored[table.name] = sorted(map(tuple, rows))
        stored["steps"] = array.steps
    return stored


def _reference(model: Model, step: int, rows: Rows, protocol: Protocol) -> ReferenceScores:
    # These import torch, which test runs of the registry alone do without.
    from seenat.memorization.engine.transformers.loading import load_checkpoint
    from seenat.memorization.engine.transformers.reference import ReferenceScores, reference_scores

    assert model.folder is not None
    folder = Path(model.folder.replace("{step}", str(step)))
    different, places = np.unique(rows[:, slice(*protocol.window)], axis=0, return_inverse=True)
    network = load_checkpoint(CheckpointLocation.local(folder))
    scores = reference_scores(network, different, protocol, batch=256)
    return ReferenceScores(*(score[places] for score in scores))


# -- making the suite


def _planted_rows() -> Rows:
    """Random ids, no zero among them but in every third sequence; each planted as often as its class says."""
    generator = np.random.default_rng(7)
    distinct = generator.integers(1, VOCABULARY, (sum(count for count, _ in PLANTED), LENGTH))
    distinct[::3, 40::11] = 0
    times = np.concatenate([np.full(count, times) for count, times in PLANTED])
    trained = distinct[generator.permutation(np.repeat(np.arange(len(distinct)), times))]
    controls = generator.integers(1, VOCABULARY, (CONTROLS, LENGTH))
    controls[::5] = distinct[: len(controls[::5])]
    return np.concatenate([trained, controls])


def _write_tokens(folder: Path, rows: Rows) -> None:
    write_order(folder / "indexed.bin", folder / "indexed.idx", rows.astype(np.int32))
    (folder / "bare.bin").write_bytes(rows.astype("<u4").tobytes())
    for name in ("indexed", "bare"):
        whole = folder / f"{name}.bin"
        data = whole.read_bytes()
        for number, (start, stop) in enumerate(pairwise((0, *CUTS, len(data)))):
            (folder / f"{name}-{number}.bin").write_bytes(data[start:stop])
        whole.unlink()


def _train(models: Path, rows: Rows) -> None:
    """One pass over the order, batch after batch, saving as the manifest says; the checkpoints are sharded."""
    import torch
    import transformers

    torch.manual_seed(3)
    network: Any = transformers.GPTNeoXForCausalLM(
        transformers.GPTNeoXConfig(
            vocab_size=VOCABULARY, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
            max_position_embeddings=128, bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), lr=8e-3, betas=(0.9, 0.95))
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            network.save_pretrained(models / f"step{step}", max_shard_size="300KB")
        ids = torch.from_numpy(rows[step * BATCH : (step + 1) * BATCH].astype(np.int64))
        optimizer.zero_grad()
        network(ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


def _manifest_text(sequences: int, steps: tuple[int, ...]) -> str:
    files = {
        name: ", ".join(f'"{name}-{number}.bin"' for number in range(len(CUTS) + 1)) for name in ("indexed", "bare")
    }
    order = """
[[order]]
name = "mine-{name}"
format = "mmididx"
files = [{files}]
{index}
tokens_per_sequence = 97
sequences_per_batch = 12
sequences = {sequences}
dtype = "{dtype}"
vocab_size = 700
"""
    model = """
[[model]]
name = "mine-{letter}"
order = "mine-{name}"
steps = {steps}
checkpoints = "models/step{{step}}"
"""
    return "".join(
        [
            '[suite]\nname = "mine"\n',
            order.format(
                name="indexed",
                files=files["indexed"],
                index='index = "indexed.idx"',
                sequences=sequences,
                dtype="int32",
            ),
            order.format(name="bare", files=files["bare"], index="", sequences=sequences, dtype="uint32"),
            model.format(letter="a", name="indexed", steps=list(steps)),
            model.format(letter="b", name="bare", steps=list(steps)),
        ]
    )
