"""The metadata with every table in it, for what makes or compares a whole schema; a look-up loads the tables it reads."""

from seenat.registry.database.tables import (  # noqa: F401  They add their tables to it.
    access,
    catalog,
    imports,
    indexes,
    jobs,
    labels,
    results,
)
from seenat.registry.database.tables.base import metadata

__all__ = ["metadata"]
