"""Measuring in a process of its own, so that its memory is that of the measurement alone.

`python -m benchmarks.MODULE ARGUMENTS` prints one line of JSON; `run_apart` runs it and reads that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["Stopwatch", "memory", "run_apart"]

_ROOT = Path(__file__).parents[1]


def run_apart(module: str, *arguments: object) -> dict[str, Any]:
    """What a module's process reported; what it says on stderr goes to ours."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    ended = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


class Stopwatch:
    """Adds up the seconds of the blocks it is entered for, by the clock and of CPU."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self.before = memory("VmRSS")
        """MB of the process when the watch was made."""

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu += time.process_time() - self._began[1]

    def report(self) -> None:
        """Print the seconds, and the process's memory before and at its peak, in MB."""
        peak = memory("VmHWM")
        print(json.dumps({"seconds": self.seconds, "cpu": self.cpu, "before": self.before, "peak": peak}))


def memory(field: str) -> float:
    """`VmRSS` or `VmHWM` of this process, in MB. NaN off Linux; the peak of getrusage may be the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
    return int(fields[field].split()[0]) / 1000
