"""Training all models of a suite: one process each, as many at a time as there are cores, the largest first.

Nothing of torch enters the process that calls this, and no process outlives it: each has its stdin on a pipe from here,
and ends when the pipe does, even where this process is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from seenat.memorization.pocket.config import PocketConfig
from seenat.memorization.pocket.progress import PocketProgress
from seenat.memorization.pocket.training.checkpoints import workspace
from seenat.registry.errors import JobFailed

__all__ = ["train_models"]


def train_models(folder: Path, config: PocketConfig, report: Callable[[PocketProgress], None]) -> None:
    """Train, or go on training, every model of the plan that the folder holds.

    `report` is called in this thread. Raises `JobFailed` with the last words of the first process that fails; that, a
    Ctrl-C, and anything that `report` raises end the other processes.
    """
    waiting = sorted(config.models, key=lambda model: model.parameters(config.vocab_size))
    said: SimpleQueue[_Said] = SimpleQueue()
    running: dict[str, _Worker] = {}
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                name = waiting.pop().name
                running[name] = _Worker(folder, name, said)
            event = said.get()
            if event.line is not None:
                report(PocketProgress.from_line(event.line))
            else:
                running.pop(event.model).finish()
    finally:
        for worker in running.values():
            worker.stop()


@dataclass(frozen=True, slots=True)
class _Said:
    """A line that a training process said; None once it has ended."""

    model: str
    line: str | None


class _Worker:
    """One training process, and the thread that listens to it."""

    def __init__(self, folder: Path, model: str, said: SimpleQueue[_Said]) -> None:
        self._model = model
        self._log = workspace(folder) / f"{model}.log"
        # -P: a folder called torch/ in the working directory must not be taken for the library.
        command = [sys.executable, "-P", "-m", "seenat.memorization.pocket.training.train_model", str(folder), model]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8"
            )
        self._listener = threading.Thread(target=self._listen, args=(said,), daemon=True)
        self._listener.start()

    def _listen(self, said: SimpleQueue[_Said]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said.put(_Said(self._model, line))
        said.put(_Said(self._model, None))

    def finish(self) -> None:
        """Wait for the end of a process that has closed its stdout; raise `JobFailed` where it failed."""
        code = self._process.wait()
        self._close()
        if code:
            raise JobFailed(
                f"Training {self._model} {_ending(code)}: {self._last_words()}; "
                f"run the same again to go on from its last checkpoint. All it said is in {self._log}."
            )

    def stop(self) -> None:
        """End the process at once; whatever it was writing does not count."""
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip().rstrip(".") for line in reversed(lines) if line.strip()), "it said nothing")


def _ending(code: int) -> str:
    return f"failed with exit code {code}" if code > 0 else f"was ended by signal {-code}"
