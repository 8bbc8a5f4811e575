"""Running the `seenat` command: as a process of its own, or within this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Call", "Called", "Process", "environment", "run_process"]

Process = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Called:
    """What a command left behind."""

    code: int
    out: str
    err: str


Call = Callable[..., Called]


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment without settings of seenat, and with this home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEENAT_", "_SEENAT_", "HF_"))}
    kept.pop("NO_COLOR", None)
    return kept | {"SEENAT_HOME": str(home), "OMP_NUM_THREADS": "1"} | more


def run_process(
    home: Path, args: Sequence[str], *, folder: Path | None = None, more: Mapping[str, str] | None = None
) -> Process:
    """Run `seenat` as a process of its own, its output caught."""
    return subprocess.run(
        [sys.executable, "-m", "seenat", *args],
        check=False,
        env=environment(home, **(more or {})),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
