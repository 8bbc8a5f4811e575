"""Workers as processes of this machine: each is `seenat worker`, and is begun again where it should not have ended.

They end as by SIGTERM once their stdin ends: when whoever began them is through, or is gone, however it went. So what each
measures is finished, and what it had leased is given back.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

__all__ = ["WorkerCommand", "WorkerProcesses"]

_WORKER = (sys.executable, "-m", "seenat", "worker", "--until-stdin-ends")
_SECONDS_BETWEEN_LOOKS = 0.2
_LONGEST_TALK = 4000

Told = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class WorkerCommand:
    """How a worker is begun."""

    options: tuple[str, ...]
    """Of `seenat worker`."""
    environment: Mapping[str, str]


def _tell_nobody(_event: str, **_facts: Any) -> None: ...


@dataclass
class WorkerProcesses:
    """Processes of workers, from entering this context until it is left: then they finish what they measure.

    `begins_again` says, by its exit code, whether one that ended is begun again; `told` gets a word and facts of each that
    begins or ends. An exception that leaves the context breaks off what they measure.
    """

    commands: Sequence[WorkerCommand]
    begins_again: Callable[[int], bool]
    told: Told = _tell_nobody
    seconds_until_again: float = 1.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _breaks_off: bool = False
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._keep, args=(command,), daemon=True) for command in self.commands]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._breaks_off = isinstance(error, (Exception, KeyboardInterrupt))
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def running(self) -> int:
        """How many have not ended for good."""
        return sum(thread.is_alive() for thread in self._threads)

    def _keep(self, command: WorkerCommand) -> None:
        """Keep a worker running until this is to stop, then let it drain."""
        while not self._stop.is_set():
            with TemporaryFile() as talk:
                code = self._run(command, talk)
                self.told("worker ended", code=code, talk=_last(talk) if code else "")
            if not self.begins_again(code):
                return
            self._stop.wait(self.seconds_until_again)

    def _run(self, command: WorkerCommand, talk: IO[bytes]) -> int:
        # In a session of its own, so that a Ctrl-C for its parent does not break off what it measures.
        begun = subprocess.Popen(
            [*_WORKER, *command.options],
            env=dict(command.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=talk,
            start_new_session=True,
        )
        with begun as worker:  # Which closes its stdin, and waits for it.
            self.told("worker began", process=worker.pid)
            while not self._stop.is_set():
                with suppress(subprocess.TimeoutExpired):
                    return worker.wait(_SECONDS_BETWEEN_LOOKS)
            if self._breaks_off:
                worker.send_signal(signal.SIGINT)
        return worker.returncode


def _last(talk: IO[bytes]) -> str:
    """The last line that a process has said."""
    talk.seek(0, 2)
    talk.seek(max(0, talk.tell() - _LONGEST_TALK))
    lines = talk.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
