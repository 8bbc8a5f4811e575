"""The folders in which a catalog's results lie, where they lie in no store."""

from __future__ import annotations

import hashlib
from pathlib import Path

from seenat.registry import settings
from seenat.registry.database.engine import Database

__all__ = ["lists_folder", "results_folder"]


def results_folder(database: Database) -> Path:
    """Where the arrays of a catalog lie: beside a SQLite file, else in seenat's own folder, apart for each database.

    A link is followed first, so the results of a catalog are the same by whichever name it is opened. Results that an older
    version kept beside a link stay there.
    """
    if database.is_sqlite:
        named, file = database.files
        beside_name, beside_file = Path(f"{named}.results"), Path(f"{file}.results")
        return beside_name if beside_name.exists() and not beside_file.exists() else beside_file
    place = f"{database.url.host}:{database.url.port}/{database.url.database}"
    return settings.home() / "results" / hashlib.sha256(place.encode()).hexdigest()[:12]


def lists_folder(database: Database) -> Path:
    """Where the sequences lie that plans list one by one."""
    return results_folder(database) / "lists"
