"""Running the `seenat` command: as a process of its own, or within this one."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from support.command_server import CommandServer

__all__ = ["Call", "Called", "Process", "environment", "run_process"]

Process = subprocess.CompletedProcess[str]

_SECONDS = 300


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
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        kept.pop(name, None)
    return kept | {"SEENAT_HOME": str(home), "OMP_NUM_THREADS": "1"} | more


def run_process(
    home: Path, args: Sequence[str], *, folder: Path | None = None, more: Mapping[str, str] | None = None
) -> Process:
    """Run `seenat` as a process of its own, its output caught."""
    wanted = environment(home, **(more or {}))
    # What Python or a library reads when it is imported must stand in the environment of a new interpreter.
    if more is None and find_spec("torch") is not None:
        return _server().run(args, environment=wanted, folder=folder, timeout=_SECONDS)
    return subprocess.run(
        [sys.executable, "-m", "seenat", *args],
        check=False,
        env=wanted,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )


@functools.cache
def _server() -> CommandServer:
    return CommandServer()
