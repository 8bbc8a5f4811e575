"""The part of the public catalog about keeping it: back-ups, verification, files that may go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.lookups import CatalogSection

if TYPE_CHECKING:
    from seenat.keeping.backup import Backup
    from seenat.keeping.garbage import Garbage
    from seenat.keeping.verify import CatalogVerification

__all__ = ["Keeping"]

NamedProgress = Callable[[str, int, int], None]


class Keeping(CatalogSection):
    """Keeping a catalog and what lies beside it."""

    def back_up(
        self,
        folder: str | Path,
        *,
        indexes: bool = True,
        force: bool = False,
        progress: NamedProgress | None = None,
    ) -> Backup:
        """Copy the catalog with its results and indexes into a new folder, while others work with it; see `seenat.restore`.

        A back-up is a catalog: `seenat.open(folder / "catalog.sqlite")` opens it. Without `indexes`, these are left out, and can be
        built again. Checkpoints and token files are not copied. `progress` gets (what, done, all). Raises `InvalidValue` for
        a folder that exists, unless it is a back-up and `force`, and `NoRoom`; then nothing is left.
        """
        from seenat.keeping.backup import back_up

        return back_up(self._registry, Path(folder), indexes=indexes, force=force, progress=progress or _silent)

    def verify_stored(self, *, repair: bool = False, progress: NamedProgress | None = None) -> CatalogVerification:
        """Read every file of results and indexes, and derive onsets and counts again; with `repair`, mend what can be.

        `progress` gets (what, done, all).
        """
        from seenat.keeping.verify import verify_catalog

        return verify_catalog(self._registry, repair, progress or _silent)

    def garbage(self, *, delete: bool = False) -> Garbage:
        """Files beside the catalog that nothing names and that are an hour old; with `delete`, they are deleted."""
        from seenat.keeping.garbage import collect_garbage

        return collect_garbage(self._registry, delete=delete)


def _silent(_what: str, _done: int, _all: int) -> None: ...
