"""Results and indexes that another catalog holds: taken over where all digests fit, and else refused with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from support.synthetic_results import STEPS, SyntheticResults

import seenat
from seenat.attribution.ngrams.index_table import indexes_folder
from seenat.memorization.upkeep.attach import attach_results
from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences, onset_counts
from seenat.registry.errors import InvalidValue, StillNeeded
from seenat.registry.open import open_catalog


@pytest.fixture
def elsewhere(catalog_file: Path, tmp_path: Path) -> Iterator[SyntheticResults]:
    """Results that another catalog holds, in the folder `elsewhere`."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with open_catalog(str(shutil.copy(catalog_file, folder))) as catalog:
        made = SyntheticResults.registered(catalog)
        made.commit_all()
        yield made


def derived(results: SyntheticResults) -> dict[str, list[tuple[Any, ...]]]:
    """All rows about values."""
    with results.catalog.database.read() as connection:
        return {
            table.name: list(map(tuple, connection.execute(select(table).order_by(*table.primary_key))))
            for table in (blocks, memorized_sequences, onset_counts, batch_counts)
        }


def test_results_are_those_of_whoever_measured_them(
    catalog: RegistryCatalog, elsewhere: SyntheticResults, tmp_path: Path
) -> None:
    here = SyntheticResults.registered(catalog)
    rows = len(here.rows)
    # One block is here already, with the same values at one checkpoint.
    span = here.measurement.block(1)
    here.commit(here.rows[2], 1, elsewhere.read([elsewhere.rows[2]], span.start, span.stop)[0])
    facade = seenat.Catalog(catalog)
    answer = facade.attach(tmp_path / "elsewhere")
    (taken,) = answer.results
    assert (taken.model, taken.steps, taken.blocks, taken.there) == ("made-up", STEPS, 5 * rows - 1, 1)
    assert (answer.refused, answer.indexes) == ((), ())
    assert derived(here) == derived(elsewhere)
    assert (here.read() == elsewhere.read()).all()
    assert facade.verify_stored().is_sound
    (again,) = facade.attach(tmp_path / "elsewhere").results
    assert (again.blocks, again.there) == (0, 5 * rows)
    (entry,) = facade.import_history()
    assert (entry.action, entry.kind, entry.source) == ("attached", "results", str(tmp_path / "elsewhere"))


def test_what_does_not_fit_is_refused_with_the_reason(
    sqlite_catalog: RegistryCatalog, elsewhere: SyntheticResults, tmp_path: Path
) -> None:
    here = SyntheticResults.registered(sqlite_catalog)
    with sqlite_catalog.database.write() as connection:
        connection.execute(text("UPDATE checkpoints SET digest = 'sha256:other' WHERE digest = 'sha256:20'"))
        connection.execute(text("UPDATE checkpoints SET digest = NULL WHERE digest = 'sha256:40'"))
    elsewhere.array.places(elsewhere.rows[1], 3)[0].write_bytes(b"damaged")
    answer = seenat.Catalog(sqlite_catalog).attach(tmp_path / "elsewhere")
    reasons = {refused.what.rpartition(" ")[2]: refused.reason for refused in answer.refused}
    assert reasons == {
        "20": "it was measured on the content sha256:20, and the checkpoint here has sha256:other",
        "40": "the content of this checkpoint is not known here; let `seenat sync` or `seenat verify` read it first",
        "5": "the file of its block 3 is gone or damaged",
    }
    (taken,) = answer.results
    assert (taken.steps, taken.blocks) == ((0, 5, 70), 3 * 5 - 1)
    assert seenat.Catalog(sqlite_catalog).verify_stored().is_sound
    with sqlite_catalog.database.write() as connection:
        connection.execute(text("UPDATE orders SET digest = 'sha256:new' WHERE name = 'made-up-order'"))
    answer = seenat.Catalog(sqlite_catalog).attach(tmp_path / "elsewhere")
    assert not answer.results
    assert "that of made-up here, made-up-order, has sha256:new" in answer.refused[0].reason
    assert derived(here)


def test_what_somebody_measures_meanwhile_stays(sqlite_catalog: RegistryCatalog, elsewhere: SyntheticResults) -> None:
    here = SyntheticResults.registered(sqlite_catalog)
    other = elsewhere.read([elsewhere.rows[0]], 0, 272)[0].copy()
    other[:9] = 3

    def measure(_done: int, _all: int) -> None:
        here.commit(here.rows[0], 0, other)

    with pytest.raises(StillNeeded, match="nothing of it was attached"):
        attach_results(sqlite_catalog, elsewhere.catalog.database, "there", measure)
    with sqlite_catalog.database.read() as connection:
        assert connection.execute(select(blocks.c.array_row, blocks.c.block)).all() == [(here.rows[0], 0)]
    assert (here.read([here.rows[0]], 0, 272)[0] == other).all()


def test_a_folder_without_another_catalog(sqlite_catalog: RegistryCatalog, tmp_path: Path) -> None:
    for folder, reason in ((tmp_path / "nowhere", "holds no catalog.sqlite"), (tmp_path, "is this catalog itself")):
        with pytest.raises(InvalidValue, match=reason):
            seenat.Catalog(sqlite_catalog).attach(folder)


@pytest.mark.parametrize("link", [False, True])
def test_an_index_is_not_built_again(pocket_file: Path, tmp_path: Path, link: bool) -> None:
    paths = []
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
        paths.append(shutil.copy(pocket_file, tmp_path / name))
    with open_catalog(str(paths[0])) as here, open_catalog(str(paths[1])) as there:
        ours, theirs = seenat.Catalog(here), seenat.Catalog(there)
        theirs.index.build("pocket-order", workers=1)
        (taken,) = ours.attach(tmp_path / "elsewhere", link=link).indexes
        assert (taken.order, taken.there) == ("pocket-order", 0)
        assert ours.index.status("pocket-order") == theirs.index.status("pocket-order")
        assert not ours.index.verify("pocket-order").damaged
        found = [one.find("the", model="pocket-2m") for one in (ours, theirs)]
        assert found[0].exposures == found[1].exposures
        files = [{path.name: path for path in indexes_folder(one.database).rglob("*.ngrams")} for one in (here, there)]
        assert {path.is_symlink() for path in files[0].values()} == {link}
        (again,) = ours.attach(tmp_path / "elsewhere").indexes
        assert (again.shards, again.there) == (0, taken.shards)


def test_a_damaged_index_is_refused(pocket_file: Path, tmp_path: Path) -> None:
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
        shutil.copy(pocket_file, tmp_path / name)
    with seenat.open(str(tmp_path / "elsewhere" / pocket_file.name)) as theirs:
        theirs.index.build("pocket-order", workers=1)
    (file,) = (tmp_path / "elsewhere").rglob("*.ngrams")
    file.write_bytes(file.read_bytes()[:-1] + b"\x00\x01")
    with seenat.open(str(tmp_path / "here" / pocket_file.name)) as ours:
        for link in (False, True):
            answer = ours.attach(tmp_path / "elsewhere", link=link)
            assert not answer.indexes
            assert "not the file that was recorded" in answer.refused[0].reason
        assert not list((tmp_path / "here").rglob("*.ngrams"))
