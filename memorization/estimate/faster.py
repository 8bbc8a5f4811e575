"""Whether a way of measuring pays, by what is asked for and by this machine, before anything is measured.

* An adaptive job pays where its grid, its audit and what the grid finds are at most four fifths of the exact job's cells. Over
  few checkpoints the grid has most of them, and over few sequences the audit has.
* `bfloat16-rechecked` pays where bfloat16 multiplies faster: on GPUs, and on processors with instructions for it. Elsewhere it
  is measured several times slower than float32, whose numbers it gives.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from seenat.memorization.estimate.work import AdaptiveRequest, adaptive_cells
from seenat.memorization.protocol.protocol import RECHECKED, Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.models import Model

__all__ = ["adaptive_does_not_pay", "multiplies_bfloat16", "rechecking_does_not_pay"]

_MOST_OF_EXACT = 0.8
_FEWEST_STEPS = 3
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Of x86 processors, and of Arm's as Linux names them."""


def adaptive_does_not_pay(model: Model, selection: Selection, adaptive: AdaptiveRequest) -> str | None:
    """Why the exact job is the faster one, as a sentence; None where it is not."""
    count = len(selection.steps)
    if count < _FEWEST_STEPS:
        return f"A grid over {count} checkpoint{'s' if count > 1 else ''} has all of them, so the exact job is as fast."
    exact = selection.all_cells(model.schedule)
    cells = adaptive_cells(model, selection, adaptive)
    if not exact or cells <= _MOST_OF_EXACT * exact:
        return None
    return (
        f"An adaptive job over {count} checkpoints and {selection.cells(model.schedule, selection.steps[-1]):,} sequences would "
        f"measure about {cells:,} of {exact:,} cells and may miss some memorized ones, so the exact job is the better one."
    )


def rechecking_does_not_pay(protocols: Sequence[Protocol], device: str | None) -> str | None:
    """Why float32 is the faster type for a rechecked one, as a sentence; None where it is not, or where a GPU measures."""
    if protocols[0].dtype != RECHECKED or (device or _default_device()) != "cpu" or multiplies_bfloat16():
        return None
    return (
        "This processor has no instructions that multiply bfloat16, so bfloat16-rechecked is slower than float32, whose numbers "
        "it gives."
    )


def multiplies_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this machine's processor is known to multiply bfloat16 by instructions of its own."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True  # Where the processor does not say, what was asked for is done.
    named = (line.partition(":") for line in lines)
    flags = next((text for name, _, text in named if name.strip() in ("flags", "Features")), None)
    return flags is None or bool(_INSTRUCTIONS & set(flags.split()))


def _default_device() -> str:
    from seenat.memorization.engine.scorer import default_device

    return default_device()
