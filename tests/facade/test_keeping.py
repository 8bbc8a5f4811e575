"""Back-ups of both kinds of database, restored to either; what is stored and wrong is found; what nothing names may go."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete, select, update
from support.synthetic_results import BLOCK, SyntheticResults

import seenat
from seenat.keeping.backup_folder import CATALOG, RESULTS
from seenat.memorization.results.measurements import results_folder
from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.tables.complete import metadata
from seenat.registry.database.tables.jobs import measurements
from seenat.registry.database.tables.results import batch_counts, memorized_sequences
from seenat.registry.errors import CorruptFile, InvalidValue
from seenat.registry.open import open_catalog

MODEL = "made-up"


@pytest.fixture
def results(catalog: RegistryCatalog) -> SyntheticResults:
    """Committed results, in each kind of database."""
    made = SyntheticResults.registered(catalog)
    made.commit_all()
    return made


@pytest.fixture
def stored(sqlite_catalog: RegistryCatalog) -> SyntheticResults:
    """Committed results, where the kind of database does not matter."""
    made = SyntheticResults.registered(sqlite_catalog)
    made.commit_all()
    return made


def facade(results: SyntheticResults) -> seenat.Catalog:
    return seenat.Catalog(results.catalog)


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for the count of changes: copying is one."""
    with database.read() as connection:
        return {
            table.name: list(map(tuple, connection.execute(select(table).order_by(*table.primary_key))))
            for table in metadata.sorted_tables
            if table.name != "generations"
        }


def block_file(results: SyntheticResults, row: int = 0, block: int = 0) -> Path:
    return results.array.places(row, block)[0]


def test_a_back_up_is_a_catalog_with_the_same_rows_and_values(results: SyntheticResults, tmp_path: Path) -> None:
    facade(results).compact(MODEL)
    backup = facade(results).back_up(tmp_path / "copy")
    assert (backup.damaged, backup.files) == ((), results.measurement.blocks * len(results.rows))
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=backup.folder, check=True)
    with closing(open_catalog(str(tmp_path / "copy" / CATALOG))) as copy:
        assert rows(copy.database) == rows(results.catalog.database)
        copied = SyntheticResults.opened(copy)
        assert np.array_equal(copied.read(), results.read())
        assert copied.array.steps == results.array.steps
        assert (results_folder(copy.database) / results.measurement.folder).with_suffix(".trajectories.zarr").is_dir()
    assert not list(tmp_path.glob("*.partial"))


def test_what_is_restored_is_the_same_in_either_database(
    stored: SyntheticResults, empty_url: str, tmp_path: Path
) -> None:
    folder = facade(stored).back_up(tmp_path / "copy").folder
    if empty_url.startswith("sqlite"):
        empty_url = f"sqlite:///{tmp_path / 'other' / 'catalog.sqlite'}"
    restored = seenat.restore(folder, empty_url)
    assert restored.files > stored.measurement.blocks
    with closing(open_catalog(empty_url)) as catalog:
        assert rows(catalog.database) == rows(stored.catalog.database)
        again = SyntheticResults.opened(catalog)
        assert np.array_equal(again.read(), stored.read())
        # Numbers of new rows follow those that were restored.
        with catalog.database.write() as connection:
            key = connection.execute(measurements.insert().values(**_another(connection))).inserted_primary_key
        assert key is not None
        assert key[0] > stored.measurement.id
    with pytest.raises(InvalidValue, match=r"There is a catalog at .* already"):
        seenat.restore(folder, empty_url)


def _another(connection: Any) -> dict[str, Any]:
    """A row of measurements that is none of those that are there."""
    row = connection.execute(select(measurements)).one()._asdict()
    del row["id"]
    return {**row, "order_digest": "sha256:other", "folder": "another"}


def test_a_copy_and_what_is_restored_of_it_are_searched_at_once(pocket_file: Path, tmp_path: Path) -> None:
    """Their indexes are other files than those that were built, and as whole."""
    with seenat.open(str(shutil.copy(pocket_file, tmp_path))) as catalog:
        catalog.index.build("pocket-order", batches="0:20")
        ids = catalog.sequence("pocket-order", 60, tokens=True).tokens[0][:12].tolist()
        found = catalog.find(ids, order="pocket-order")
        catalog.back_up(tmp_path / "copy")
    seenat.restore(tmp_path / "copy", str(tmp_path / "restored" / "catalog.sqlite"))
    for path in (tmp_path / "copy" / CATALOG, tmp_path / "restored" / "catalog.sqlite"):
        with seenat.open(str(path)) as copy:
            assert copy.find(ids, order="pocket-order") == found


def test_what_is_committed_while_files_are_copied_belongs_together(stored: SyntheticResults, tmp_path: Path) -> None:
    written: list[int] = []

    def commit(what: str, done: int, _total: int) -> None:
        if what == "files" and done == 3 and len(written) < 2:
            written.append(stored.commit(0, 4, np.full(32, 7 + len(written), np.uint8)).bytes)

    assert facade(stored).back_up(tmp_path / "copy", progress=commit).damaged == ()
    with seenat.open(str(tmp_path / "copy" / CATALOG)) as copy:
        assert copy.verify_stored().is_sound
        assert copy.trajectory(MODEL, 4 * BLOCK).points[0].values == {"prefix": 8}


def test_what_is_damaged_is_left_out_by_name(stored: SyntheticResults, tmp_path: Path) -> None:
    block_file(stored).write_bytes(b"other")
    backup = facade(stored).back_up(tmp_path / "copy")
    assert len(backup.damaged) == 1
    assert backup.damaged[0].startswith(f"block 0 of {MODEL} by protocol ")
    assert not (
        tmp_path / "copy" / RESULTS / block_file(stored).relative_to(results_folder(stored.catalog.database))
    ).exists()


def test_a_back_up_that_fails_leaves_nothing(stored: SyntheticResults, tmp_path: Path) -> None:
    def fail(what: str, _done: int, _total: int) -> None:
        if what == "files":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        facade(stored).back_up(tmp_path / "copy", progress=fail)
    assert not list(tmp_path.glob("copy*"))
    (tmp_path / "copy").mkdir()
    with pytest.raises(InvalidValue, match="exists already"):
        facade(stored).back_up(tmp_path / "copy")


@pytest.fixture(scope="module")
def whole_backup(catalog_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    with closing(open_catalog(str(shutil.copy(catalog_file, folder / "catalog.sqlite")))) as catalog:
        SyntheticResults.registered(catalog).commit_all()
        return Path(seenat.Catalog(catalog).back_up(folder / "copy").folder)


@pytest.fixture
def backup(whole_backup: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of a back-up, of which no catalog comes to be."""
    yield shutil.copytree(whole_backup, tmp_path / "copy")
    assert not (tmp_path / "outside").exists()
    assert not [path for path in (tmp_path / "new").rglob("*") if path.is_dir()]
    (tmp_path / "new").mkdir(exist_ok=True)
    with (
        closing(Database(parse_url(str(tmp_path / "new" / "catalog.sqlite")))) as database,
        database.read() as connection,
    ):
        assert database.revision(connection) is None


def refuse(backup: Path, message: str) -> None:
    with pytest.raises((CorruptFile, InvalidValue), match=message):
        seenat.restore(backup, str(backup.parent / "new" / "catalog.sqlite"))


@pytest.mark.parametrize(
    "name", ["../outside", f"{RESULTS}/../../outside", "/outside", "other.sqlite", RESULTS, f"{RESULTS}//a"]
)
def test_a_back_up_names_only_its_own_files(backup: Path, name: str) -> None:
    with (backup / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    refuse(backup, "which belongs to no back-up")


def test_rows_that_lead_elsewhere_are_not_restored(backup: Path) -> None:
    database = Database(parse_url(str(backup / CATALOG)))
    with database.write() as connection:
        connection.execute(update(measurements).values(folder="../../outside"))
    database.close()
    sums = (backup / "SHA256SUMS").read_text().splitlines()
    digest = subprocess.run(
        ["sha256sum", CATALOG], cwd=backup, check=True, capture_output=True, text=True
    ).stdout.strip()
    (backup / "SHA256SUMS").write_text(
        "\n".join([*(line for line in sums if not line.endswith(f"  {CATALOG}")), digest, ""])
    )
    refuse(backup, "lie outside a catalog")


def test_other_bytes_are_not_restored(backup: Path) -> None:
    with next((backup / RESULTS).rglob("c/*/*")).open("ab") as file:
        file.write(b" ")
    refuse(backup, "is gone or not the file that was recorded")


def test_what_is_no_back_up_is_refused(backup: Path) -> None:
    (backup / "BACKUP.json").write_text('{"format": 2}')
    refuse(backup, "newer seenat")
    (backup / "BACKUP.json").write_text("[]")
    refuse(backup, "is no back-up of seenat")


def test_rows_that_do_not_follow_from_files_are_found_and_mended(results: SyntheticResults) -> None:
    database, catalog = results.catalog.database, facade(results)
    assert catalog.verify_stored().is_sound
    before = rows(database)
    for statement in (
        update(memorized_sequences).where(memorized_sequences.c.sequence == 3).values(first_step=20),
        update(batch_counts).where(batch_counts.c.batch == 1).values(memorized=1),
        delete(memorized_sequences).where(memorized_sequences.c.sequence < BLOCK),
    ):
        with database.write() as connection:
            assert connection.execute(statement).rowcount
        found = catalog.verify_stored()
        assert [(fault.start, fault.stop, fault.mended) for fault in found.results] == [(0, BLOCK, False)]
        assert not found.is_sound
        assert catalog.verify_stored(repair=True).is_sound
        assert catalog.verify_stored().results == ()
        assert rows(database) == before


def test_a_lost_block_is_named_and_its_rows_stay(stored: SyntheticResults) -> None:
    before = rows(stored.catalog.database)
    block_file(stored, row=1, block=2).unlink()
    found = facade(stored).verify_stored(repair=True)
    assert [(fault.start, fault.steps, fault.mended) for fault in found.results] == [(2 * BLOCK, (5,), False)]
    assert rows(stored.catalog.database) == before


def test_a_lost_block_of_a_job_is_measured_again(pocket_manifest: Path, tmp_path: Path) -> None:
    with seenat.open(str(tmp_path / "catalog.sqlite")) as catalog:
        catalog.register(pocket_manifest)
        catalog.memorize("pocket-230k", steps=[384], sequences="0:256")
        before = catalog.trajectory("pocket-230k", 20).to_json()
        for path in Path(f"{tmp_path / 'catalog.sqlite'}.results").rglob("c/*/*"):
            path.write_bytes(b"damaged")
        assert catalog.verify_stored(repair=True).shards_reopened == 1
        catalog.work()
        assert catalog.verify_stored().is_sound
        assert catalog.trajectory("pocket-230k", 20).to_json() == before


def test_what_nothing_names_is_found_and_deleted(stored: SyntheticResults) -> None:
    folder = results_folder(stored.catalog.database)
    facade(stored).compact(MODEL)
    strays = [
        folder / "gone-model" / "x.zarr" / "values" / "c" / "0" / "0",
        stored.array.folder / "c" / "0" / "99",
        stored.array.folder / "c" / "0" / "1.123.partial",
        folder / "published" / "gone.npz",
        Path(f"{folder}".removesuffix(".results") + ".indexes") / "gone-w8" / "0-1.ngrams",
    ]
    for stray in strays:
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_bytes(b"12345")
    kept = {path for path in folder.rglob("*") if path.is_file()} - set(strays)
    assert facade(stored).garbage(delete=True).files == ()  # They are new: somebody may be about to name them.
    for path in [*strays, *kept]:
        os.utime(path, (0, 0))
    found = facade(stored).garbage()
    assert {Path(file.file) for file in found.files} == set(strays)
    assert (found.bytes, found.deleted, strays[0].exists()) == (25, False, True)
    assert facade(stored).garbage(delete=True).deleted
    assert {path for path in folder.rglob("*") if path.is_file()} == kept
    assert facade(stored).verify_stored().is_sound
    shutil.rmtree(folder)
