"""Several workers at a time, each with its own shards; whatever ends the caller ends them."""

from __future__ import annotations

import json
import pickle
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, Any

from seenat.attribution.ngrams.build.shard_builder import Task
from seenat.attribution.ngrams.build.sort_setting import WORKER
from seenat.attribution.ngrams.files.shard_file import BuiltShard
from seenat.registry import errors
from seenat.registry.errors import JobFailed
from seenat.registry.units import SequenceRange

__all__ = ["ShardRequest", "build_shards"]


@dataclass(frozen=True, slots=True)
class ShardRequest:
    """A shard to build, and its file within the folder of the task."""

    name: str
    sequences: SequenceRange


def build_shards(
    task: Task,
    requests: Sequence[ShardRequest],
    workers: int,
    environment: Mapping[str, str],
    progress: Callable[[int], None],
) -> Iterator[BuiltShard]:
    """Build shards, and yield each when its file is whole; `progress` receives the number of sequences of each piece read.

    Raises what a worker raised, or `JobFailed` with its last words where it ended in another way; that and anything that
    ends the caller end the other workers.
    """
    waiting, said = list(reversed(requests)), SimpleQueue[tuple["_Worker", str | None]]()
    running = [_Worker(task, environment, said) for _ in range(min(workers, len(waiting)))]
    try:
        for worker in running:
            worker.ask(waiting.pop())
        missing = len(requests)
        while missing:
            worker, line = said.get()
            answer = worker.answer(line)
            if (count := answer.get("sequences_read")) is not None:
                progress(count)
                continue
            built = worker.built(answer)
            missing -= 1
            if waiting:
                worker.ask(waiting.pop())
            yield built
    finally:
        for worker in running:
            worker.stop()


class _Worker:
    """One process, the thread that listens to it, and the shard that it builds."""

    def __init__(
        self, task: Task, environment: Mapping[str, str], said: SimpleQueue[tuple[_Worker, str | None]]
    ) -> None:
        self._request: ShardRequest | None = None
        self._words = tempfile.TemporaryFile("w+b")  # noqa: SIM115  It is closed by `stop`.
        self._process = subprocess.Popen(
            WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, env=environment
        )
        self._listener = threading.Thread(target=self._listen, args=(said,), daemon=True)
        self._listener.start()
        self._send(task)

    def ask(self, request: ShardRequest) -> None:
        """Have it build a shard."""
        self._request = request
        self._send((request.name, request.sequences))

    def answer(self, line: str | None) -> dict[str, Any]:
        """What it said; raises what it raised."""
        if line is None:
            raise JobFailed(
                f"A process that builds the index ended: {self._last_words()}; run the same again to go on."
            )
        answer: dict[str, Any] = json.loads(line)
        if (message := answer.get("failed")) is not None:
            raise getattr(errors, answer["kind"])(message)
        return answer

    def built(self, answer: dict[str, Any]) -> BuiltShard:
        """The shard that it was asked for, once it is written."""
        assert self._request is not None
        return BuiltShard(sequences=self._request.sequences, **answer)

    def stop(self) -> None:
        """End the process at once; whatever it was writing does not count."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._stdin, self._process.stdout, self._words):
            assert pipe is not None
            pipe.close()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _send(self, value: object) -> None:
        try:
            self._stdin.write(pickle.dumps(value))
            self._stdin.flush()
        except BrokenPipeError:
            pass  # It has ended, which the listener says.

    def _listen(self, said: SimpleQueue[tuple[_Worker, str | None]]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said.put((self, line.decode()))
        said.put((self, None))

    def _last_words(self) -> str:
        self._process.wait()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").split("\n")
        return next((line.strip().rstrip(".") for line in reversed(lines) if line.strip()), "it said nothing")
