"""What the names of index maps say of the run that they belong to, and how that run packed documents into samples.

GPT-NeoX names the maps of a run after it (`megatron/data/gpt2_dataset.py`):

    PREFIX_indexmap_147164160ns_2048sl_3s_doc_idx.npy               before packing was a choice, when all runs packed
    PREFIX_indexmap_147164160ns_2048sl_3s_packedpi_ac_doc_idx.npy   with pack_impl, and `_ac` where allow_chopped is set

Only `packed` joins documents end to end. The others begin each sample with a document, cut what is longer than a sequence and
fill up what is shorter, which the maps do not show; read as packed, each sequence would end with ids of a document that it
never had. Files that were renamed say nothing. Then the samples decide, except where documents are as long as sequences:
these maps are the same for every packing, and the description of the order has to say which it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seenat.registry.errors import CorruptFile
from seenat.registry.orders.agreement import GeometryClaim
from seenat.registry.orders.formats.index_map_arrays import IndexMaps
from seenat.registry.orders.order_files import PACKED, OrderFiles

__all__ = ["check_packing", "named_claims"]

_NAME = re.compile(
    r"_(?P<samples>\d{1,18})ns_(?P<length>\d{1,18})sl_(?P<seed>\d{1,18})s(?:_(?P<packing>[a-z_]+)pi(?P<chopped>_ac)?)?"
    r"_(?:doc|sample|shuffle)_idx\.npy$"
)


@dataclass(frozen=True, slots=True)
class _NamedRun:
    """What a file's name says of its run."""

    file: Path
    facts: dict[str, str | None]
    """By the name of the group in `_NAME`."""


def check_packing(order: OrderFiles, maps: IndexMaps, samples: int) -> None:
    """Check that the maps are of one run, which joined documents end to end; `samples` are compared, evenly spaced.

    Raises `CorruptFile` for maps whose names are of different runs, for another packing, and where neither the names nor the
    order's `pack_impl` say the packing and the samples leave it open.
    """
    runs = list(_named_runs(order))
    for run in runs[1:]:
        if run.facts != runs[0].facts:
            raise CorruptFile(
                f"{run.file} is by its name of another run than {runs[0].file.name}; give the three maps of one run."
            )
    if runs and (packing := runs[0].facts["packing"] or PACKED) != PACKED:
        raise _not_packed(order, f"{runs[0].file}: by its name the run had pack_impl = {packing!r}")
    if not runs and order.pack_impl is None and _all_begin_with_documents(maps, samples):
        raise _not_packed(
            order,
            f"{order.sample_idx}: every sample begins with a document, as with pack_impl = 'unpacked' or "
            "'pack_until_overflow', and no file name says which it was; if the run packed its documents, state "
            f'pack_impl = "{PACKED}"; if not',
        )


def named_claims(order: OrderFiles) -> Iterator[GeometryClaim]:
    """What the names say of the geometry: a sequence is the run's `seq_length` and one id more."""
    for run in _named_runs(order):
        yield GeometryClaim("tokens_per_sequence", int(run.facts["length"] or 0) + 1, f"{run.file} (its name)")


def _named_runs(order: OrderFiles) -> Iterator[_NamedRun]:
    for file in order.maps:
        if file is not None and (match := _NAME.search(file.name)):
            yield _NamedRun(file, match.groupdict())


def _all_begin_with_documents(maps: IndexMaps, samples: int) -> bool:
    """Whether evenly spaced samples all begin at the first id of a document, each of another."""
    entries = np.asarray(maps.sample_idx[np.unique(np.linspace(0, maps.samples, samples).astype(np.int64))], np.int64)
    return not entries[:, 1].any() and bool((np.diff(entries[:, 0]) > 0).all())


def _not_packed(order: OrderFiles, reason: str) -> CorruptFile:
    return CorruptFile(
        f"{reason}, its sequences are documents that were cut or filled up, which these maps do not show; save the ids "
        f"that the run read as a .npy array, and register order {order.name!r} with that."
    )
