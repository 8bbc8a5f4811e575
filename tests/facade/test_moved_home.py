"""A home, moved or copied as a folder, is a home: nothing in it leads back to where it was."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import seenat
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.schema import alembic_config

STEPS = (64, 384)
SUITE = """
[suite]
name = "mine"

[[order]]
name = "mine-order"
format = "mmididx"
files = ["document.bin"]
index = "document.idx"
tokens_per_sequence = 65
sequences_per_batch = 8
sequences = 3584
dtype = "uint16"
vocab_size = 1024
tokenizer = "tokenizer.json"

[[model]]
name = "mine-230k"
order = "mine-order"
steps = [64, 384]
checkpoints = "models/pocket-230k/step{step}"
"""


@pytest.fixture(scope="module")
def made(pocket_manifest: Path, catalog_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a suite in it, of which something is indexed and measured."""
    folder = tmp_path_factory.mktemp("made")
    suite = folder / "suite"
    suite.mkdir(parents=True)
    shutil.copy(catalog_file, folder / "catalog.sqlite")
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as connection, connection:
        connection.execute("DELETE FROM batches")  # Of Pythia: 286,000 rows, which a back-up would copy.
    for name in ("document.bin", "document.idx", "tokenizer.json"):
        shutil.copy(pocket_manifest.parent / name, suite)
    for saved in (f"models/pocket-230k/step{step}" for step in STEPS):
        shutil.copytree(pocket_manifest.parent / saved, suite / saved)
    (suite / "SUITE.toml").write_text(SUITE, encoding="utf-8")
    with seenat.open(folder) as catalog:
        catalog.register(suite / "SUITE.toml")
        catalog.index.build("mine-order", batches="0:64", workers=1)
        catalog.memorize("mine-230k", sequences="0:16")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may change."""
    return Path(shutil.copytree(made, tmp_path / "first"))


def stored_paths(home: Path) -> str:
    with closing(sqlite3.connect(home / "catalog.sqlite")) as connection:
        rows = [
            connection.execute(f"SELECT {column} FROM {table}").fetchall()
            for table, column in (
                ("suites", "origin"),
                ("orders", "location"),
                ("orders", "tokenizer"),
                ("models", "folder"),
            )
        ]
    return str(rows)


def check_home(home: Path) -> None:
    """Look up, register, search, measure and verify, with nothing of the first home left."""
    with seenat.open(home) as catalog:
        model = catalog.model("mine-230k")
        assert Path(model.order.location) == home / "suite"
        assert str(home) in str(model.folder)
        found = catalog.find(ids_of(model), model=model, step=64, limit=None)
        assert found.exposures[0].sequence == 3
        assert found.coverage.complete
        assert catalog.register(home / "suite" / "SUITE.toml").changes == ()
        (job,) = catalog.memorize(model, sequences="0:16").jobs
        assert (job.id, job.state) == (1, "done")
        assert catalog.onsets(model).steps[0].measured == 16
        assert [fault for each in catalog.verify(model) for fault in each.faults] == []
        stored = catalog.verify_stored()
        assert stored.results == ()
        assert stored.files == ()
        assert catalog.index.verify("mine-order").damaged == ()


def ids_of(model: seenat.Model) -> list[int]:
    return [int(id_) for id_ in model.order[3].tokens()[10:26]]


def test_a_home_works_where_it_is_copied_and_moved_to(home: Path, tmp_path: Path) -> None:
    assert str(home) not in stored_paths(home)
    assert "home:suite" in stored_paths(home)
    shutil.copytree(home, tmp_path / "copy", copy_function=shutil.copyfile)
    home.rename(tmp_path / "moved")
    check_home(tmp_path / "copy")
    check_home(tmp_path / "moved")


def test_a_home_of_an_earlier_version_is_migrated_and_back(home: Path) -> None:
    from alembic import command

    relative = stored_paths(home)
    with closing(Database(parse_url(str(home)))) as database:
        with database.write() as connection:
            command.downgrade(alembic_config(connection), "0010")
        assert str(home / "suite" / "SUITE.toml") in stored_paths(home)
        assert "home:" not in stored_paths(home)
    seenat.upgrade(str(home))
    assert stored_paths(home) == relative


def test_a_copy_whose_files_were_changed_is_not_searched(home: Path) -> None:
    with seenat.open(home) as catalog:
        model = catalog.model("mine-230k")
        ids = ids_of(model)
        file = home / "suite" / model.order.files[0].name
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        with pytest.raises(seenat.CorruptFile, match="has changed since"):
            catalog.find(ids, model=model, step=64)


def test_a_back_up_of_a_home_leads_to_where_its_files_are(home: Path, tmp_path: Path) -> None:
    with seenat.open(home) as catalog:
        catalog.back_up(tmp_path / "kept")
    with seenat.open(tmp_path / "kept") as kept:
        assert Path(kept.order("mine-order").location) == home / "suite"
    seenat.restore(tmp_path / "kept", str(home / "again.sqlite"))
    with seenat.open(home / "again.sqlite") as restored:
        assert Path(restored.order("mine-order").location) == home / "suite"
    with closing(sqlite3.connect(home / "again.sqlite")) as connection:
        assert ("home:suite",) in connection.execute("SELECT location FROM orders").fetchall()
