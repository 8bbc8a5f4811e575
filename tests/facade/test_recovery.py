"""docs/keeping.md, "When something fails": what it says to do brings back what there was, and its tests are there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select
from support.synthetic_results import SyntheticResults

import seenat
from seenat.memorization.results.measurements import results_folder
from seenat.registry.catalog.catalog import Catalog as RegistryCatalog
from seenat.registry.database.tables.results import memorized_sequences
from seenat.registry.errors import DatabaseUnavailable
from seenat.registry.open import open_catalog

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stored(sqlite_catalog: RegistryCatalog, tmp_path: Path) -> SyntheticResults:
    """Committed results, and a back-up of them."""
    made = SyntheticResults.registered(sqlite_catalog)
    made.commit_all()
    seenat.Catalog(sqlite_catalog).back_up(tmp_path / "backup")
    return made


def onsets(catalog: RegistryCatalog) -> list[object]:
    with catalog.database.read() as connection:
        return list(connection.execute(select(memorized_sequences).order_by(*memorized_sequences.primary_key)))


def test_a_folder_of_results_that_is_gone_comes_back_of_a_back_up(stored: SyntheticResults, tmp_path: Path) -> None:
    values, rows = stored.read(), onsets(stored.catalog)
    shutil.rmtree(results_folder(stored.catalog.database))
    catalog = seenat.Catalog(stored.catalog)
    assert not catalog.verify_stored().is_sound
    (taken,) = catalog.attach(tmp_path / "backup").results
    assert (taken.blocks, taken.there) == (25, 0)
    assert catalog.verify_stored().is_sound
    assert (stored.read() == values).all()
    assert onsets(stored.catalog) == rows


def test_a_damaged_catalog_is_moved_away_and_restored(stored: SyntheticResults, tmp_path: Path) -> None:
    values, rows = stored.read(), onsets(stored.catalog)
    path = Path(str(stored.catalog.database))
    stored.catalog.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(DatabaseUnavailable, match="malformed"), seenat.open(str(path)) as catalog:
        catalog.results()
    (tmp_path / "away").mkdir()
    for name in (path.name, f"{path.name}.results", f"{path.name}-wal", f"{path.name}-shm"):
        if (path.parent / name).exists():
            (path.parent / name).rename(tmp_path / "away" / name)
    seenat.restore(tmp_path / "backup", str(path))
    with open_catalog(str(path)) as restored:
        assert (SyntheticResults.opened(restored).read() == values).all()
        assert onsets(restored) == rows


def test_every_recovery_names_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "keeping.md").read_text(encoding="utf-8")
    table = page.partition("## When something fails")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    named = [re.search(r"`([\w/]+/test_\w+\.py)` \|$", row) for row in rows]
    assert len(rows) >= 10
    assert all(named), rows
    tests = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    assert [one[1] for one in named if one and not any(f"/{path}".endswith(f"/{one[1]}") for path in tests)] == []
