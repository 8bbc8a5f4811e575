"""Whether a catalog is true: what it stores is derived again, and its files are compared with their digests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seenat.registry.answer import Answer
from seenat.registry.storage.stores.stored_file import is_whole

if TYPE_CHECKING:
    from seenat.attribution.ngrams.build.verify import DamagedShard
    from seenat.memorization.upkeep.rederive import ResultFault
    from seenat.registry.catalog.catalog import Catalog as RegistryCatalog

__all__ = ["CatalogVerification", "verify_catalog"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class CatalogVerification(Answer):
    """What is wrong with a catalog's results and indexes."""

    repaired: bool
    """Whether what could be mended was."""
    results: tuple[ResultFault, ...]
    shards_reopened: int
    """Shards of finished jobs that are open again, since their values are lost."""
    files: tuple[str, ...]
    """Lists and published sets that are gone or damaged."""
    indexes: tuple[DamagedShard, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong, or all of it was mended."""
        return not self.files and all(fault.mended for fault in self.results) and (self.repaired or not self.indexes)


def verify_catalog(catalog: RegistryCatalog, repair: bool, progress: Progress) -> CatalogVerification:
    """Read every file of results and indexes; with `repair`, mend what follows from what is there.

    Wrong onsets and counts are replaced, damaged shards of indexes are built again, and jobs whose values are lost are open
    again for `memorize` and `worker`. `progress` gets (what, done, all).
    """
    from seenat.memorization.upkeep.rederive import verify_results

    results = verify_results(catalog, repair, lambda done, total: progress("results", done, total))
    return CatalogVerification(
        repaired=repair,
        results=results,
        shards_reopened=_reopen_lost(catalog) if repair else 0,
        files=_damaged_files(catalog),
        indexes=_damaged_shards(catalog, repair, progress),
    )


def _reopen_lost(catalog: RegistryCatalog) -> int:
    from seenat.memorization.jobs.repair import reopen_lost
    from seenat.memorization.jobs.status import list_jobs

    return sum(reopen_lost(catalog, job) for job in list_jobs(catalog))


def _damaged_files(catalog: RegistryCatalog) -> tuple[str, ...]:
    from seenat.memorization.upkeep.inventory import other_files

    database = catalog.database
    with database.read() as connection:
        files = list(other_files(database, connection))
    return tuple(f"{file.places[0]}: {file.what}" for file in files if not is_whole(file))


def _damaged_shards(catalog: RegistryCatalog, repair: bool, progress: Progress) -> tuple[DamagedShard, ...]:
    from seenat.attribution.ngrams.build.verify import verify_indexes

    damaged: list[DamagedShard] = []
    for order in catalog.orders():
        if order.digest is not None:
            damaged += verify_indexes(
                catalog.database, order, repair, lambda done, total: progress("indexes", done, total)
            )
    return tuple(damaged)
