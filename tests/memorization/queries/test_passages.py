"""Texts as a protocol reads them, where there is no tokenizer that could give them."""

from __future__ import annotations

import seenat
from seenat.registry.catalog.catalog import Catalog


def test_without_a_tokenizer_ids_stand_for_their_texts(mine_catalog: Catalog) -> None:
    catalog = seenat.Catalog(mine_catalog)
    assert catalog.order("mine-indexed").tokenizer is None
    [passage] = catalog.passages("mine-a", [3]).passages
    assert passage.pieces == tuple(f" {id_}" for id_ in passage.ids)
    assert list(passage.ids) == catalog.order("mine-indexed")[3].tokens().tolist()[: len(passage.ids)]
