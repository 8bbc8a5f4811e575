"""What several commands say in the same words: onsets and protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seenat.memorization.protocol import Protocol

__all__ = ["onset_words", "protocol_words"]


def onset_words(onset: Mapping[str, int | None] | None) -> str:
    """An onset's bracket: `after step 64, by step 128`."""
    if onset is None:
        return "never"
    by = f"by step {onset['step']:,}"
    return (
        f"{by}, not measured before" if onset["bracket_low"] is None else f"after step {onset['bracket_low']:,}, {by}"
    )


def protocol_words(protocol: Protocol) -> str:
    """A protocol's id and what it means: `243582cf555b: 32 + 32 ids from 0, EOS banned`."""
    ids = f"{protocol.prompt:,} + {protocol.continuation:,} ids from {protocol.offset:,}"
    dtype = "" if protocol.dtype == "float32" else f", in {protocol.dtype}"
    return f"{protocol.id}: {protocol.measure} of {ids}, EOS {protocol.eos}{dtype}"
