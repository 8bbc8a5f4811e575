"""Attaching results and indexes that were made elsewhere: of a back-up, or of the home of another catalog.

Nothing is believed: what is taken over belongs, by its digests, to the protocol, the checkpoint's and the order's content that this catalog
knows, and every file is read. What does not fit is named with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.keeping.backup_folder import CATALOG
from seenat.memorization.upkeep.attach import AttachedResults, NotAttached, attach_results
from seenat.registry.answer import Answer
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.errors import CorruptFile, InvalidValue

if TYPE_CHECKING:
    from seenat.attribution.ngrams.attach import AttachedIndex
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog

__all__ = ["Attached", "attach"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Attached(Answer):
    """What was taken over from elsewhere, and what was not."""

    folder: str
    results: tuple[AttachedResults, ...]
    indexes: tuple[AttachedIndex, ...]
    refused: tuple[NotAttached, ...]


def attach(catalog: RegistryCatalog, folder: Path, *, link: bool, progress: Progress) -> Attached:
    """Take over what fits of the catalog in a folder; `progress` gets (what, done, all).

    Raises `InvalidValue` for a folder without a catalog and for this catalog's own, `StaleSchema` for one of another version, and
    `StillNeeded` where somebody measures the same meanwhile.
    """
    path = folder / CATALOG if folder.is_dir() else folder
    if not path.is_file():
        raise InvalidValue(f"{folder} holds no {CATALOG}; give a back-up, or the folder of another catalog.")
    if catalog.database.is_sqlite and path.resolve() == catalog.database.files[1]:
        raise InvalidValue(f"{folder} is this catalog itself; give another one.")
    with closing(Database(parse_url(str(path.absolute())))) as other:
        with other.read() as connection:
            other.check_schema(connection)
        place = str(folder)
        results, refused = attach_results(catalog, other, place, lambda done, all_: progress("results", done, all_))
        indexes, not_taken = _attach_indexes(catalog, other, place, link, progress)
    return Attached(folder=place, results=tuple(results), indexes=tuple(indexes), refused=(*refused, *not_taken))


def _attach_indexes(
    catalog: RegistryCatalog, other: Database, place: str, link: bool, progress: Progress
) -> tuple[list[AttachedIndex], list[NotAttached]]:
    from seenat.attribution.ngrams.attach import attach_index, indexes_to_attach

    taken: list[AttachedIndex] = []
    refused: list[NotAttached] = []
    for index in indexes_to_attach(other):
        try:
            taken.append(
                attach_index(
                    catalog,
                    other,
                    index,
                    place,
                    link=link,
                    progress=lambda done, all_: progress("index", done, all_),
                )
            )
        except (CorruptFile, InvalidValue) as error:
            name = f"the index of {index.order_digest} by window {index.window}"
            refused.append(NotAttached(what=name, reason=str(error).rstrip(".")))
    return taken, refused
