"""seenat: which step saw it, and from which step it stuck.

`seenat.open()` opens a catalog of language models whose training order is known; everything else hangs from it:

    import seenat

    catalog = seenat.open()
    catalog.model("pythia-70m-deduped").checkpoint(3000).sequences_seen   # SequenceRange(start=0, stop=3072000)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seenat.registry.catalog.catalog import Catalog

__all__ = ["__version__", "open"]

__version__ = "0.1.0"


def open(url: str | None = None) -> Catalog:
    """Open the catalog at `url`, a SQLAlchemy URL or the path of a SQLite file.

    Without `url`: `SEENAT_DATABASE_URL`, else the SQLite file in seenat's own folder (`SEENAT_HOME`), which is
    created and filled with the built-in suites the first time.

    Raises `StaleSchema` when the catalog was made by another version and `DatabaseUnavailable` when it cannot be reached.
    """
    from seenat.registry.open import open_catalog

    return open_catalog(url)
