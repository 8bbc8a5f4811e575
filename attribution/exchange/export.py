"""Indexes for other programs: a part of an order, cut into files that fit into memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seenat.attribution.duplicates.contents import ComparedOrder
from seenat.attribution.exchange.infini_gram import write_infini_gram
from seenat.attribution.exchange.tokengrams import write_tokengrams
from seenat.registry.errors import InvalidValue
from seenat.registry.exports.batches import Exported, blocks_of
from seenat.registry.exports.files import METADATA_KEY
from seenat.registry.storage.outputs import check_output, whole_or_absent

__all__ = ["IDS_A_FILE", "INDEX_FORMATS", "export_index"]

INDEX_FORMATS = ("infini-gram", "tokengrams")

IDS_A_FILE = 1 << 25
"""Ids of a file: 16 batches of Pythia, 1.7 GB of memory while it is made."""


def export_index(
    compared: ComparedOrder,
    folder: Path,
    format_: str,
    *,
    force: bool = False,
    progress: Callable[[int], None] = lambda _: None,
    ids_a_file: int = IDS_A_FILE,
) -> Exported:
    """Write an index over a part of an order to a new folder; `progress` gets the sequences of each file.

    Raises `InvalidValue` for another format, a folder that exists, or ids that the format cannot hold, `NoRoom` where the
    disk is full.
    """
    if format_ not in INDEX_FORMATS:
        raise InvalidValue(f"{format_!r} is not one of {', '.join(INDEX_FORMATS)}; choose one of them.")
    check_output(folder, force=force)
    geometry = compared.source.geometry
    about: dict[str, Any] = {
        "order": compared.name,
        "sequences": compared.sequences.to_json(),
        "tokens_per_sequence": geometry.tokens_per_sequence,
        "files": 0,
    }
    with whole_or_absent(folder, force=force) as partial:
        partial.mkdir()
        for block in blocks_of(compared.sequences, max(1, ids_a_file // (geometry.tokens_per_sequence + 1))):
            rows = compared.source.tokens(block)
            if format_ == "tokengrams":
                write_tokengrams(partial, about["files"], rows)
            else:
                size = compared.sequences_per_batch
                write_infini_gram(partial, about["files"], rows, block, compared.name, size)
            about["files"] += 1
            progress(len(block))
        (partial / f"{METADATA_KEY}.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    return Exported(path=folder.absolute(), format=format_, rows=len(compared.sequences), metadata=about)
