"""What measured a block stands in its row."""

from __future__ import annotations

import platform
from importlib.metadata import version

from sqlalchemy import select
from support.synthetic_results import SyntheticResults, values

from seenat.memorization.results.files.origin import Origin
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.results import blocks

OLDER = Origin(device="cuda NVIDIA H200", dtype="float32", seenat="0.1.0", torch="2.6.0", transformers="5.0.0")
NEWER = Origin(device="cpu x86_64", dtype="float32", seenat="0.1.0", torch="2.13.0", transformers="5.24.0")


def stored(catalog: Catalog) -> list[Origin]:
    columns = [blocks.c[name] for name in ("device", "dtype", "seenat", "torch", "transformers")]
    with catalog.database.read() as connection:
        return [Origin(**row._asdict()) for row in connection.execute(select(*columns).order_by(blocks.c.block))]


def test_it_is_kept_and_joined_with_that_of_values_which_stay(catalog: Catalog) -> None:
    made = SyntheticResults.registered(catalog)
    with catalog.database.write() as connection:
        for block in (0, 1, 2):
            made.store.commit(connection, 0, block, values(block), None if block == 2 else OLDER)
        made.store.commit(connection, 0, 0, values(5), NEWER)
        for block in (1, 2):
            made.store.commit(connection, 0, block, values(5), NEWER, keeps_earlier=True)
    assert stored(catalog) == [
        NEWER,
        Origin(
            device="cuda NVIDIA H200; cpu x86_64",
            dtype="float32",
            seenat="0.1.0",
            torch="2.6.0; 2.13.0",
            transformers="5.0.0; 5.24.0",
        ),
        Origin(
            device="unknown; cpu x86_64",
            dtype="unknown; float32",
            seenat="unknown; 0.1.0",
            torch="unknown; 2.13.0",
            transformers="unknown; 5.24.0",
        ),
    ]


def test_joining_again_adds_nothing() -> None:
    joined = NEWER.with_earlier(OLDER)
    assert NEWER.with_earlier(joined) == joined
    assert OLDER.with_earlier(joined) == joined


def test_this_process_is_named() -> None:
    here = Origin.here(f"cpu {platform.machine()}", "bfloat16")
    assert (here.device, here.dtype, here.seenat) == (f"cpu {platform.machine()}", "bfloat16", version("seenat"))
