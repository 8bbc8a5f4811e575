"""A process that builds shards, and ends with whoever started it.

It reads pickled values from its stdin, a `Task` and then ranges of sequences, and says a line of JSON for each piece that
it has read and each shard that it has written. With the argument `sort` it says how many nanoseconds numpy takes to sort
one key, and ends.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
import time
from queue import SimpleQueue
from typing import TextIO

import numpy as np

from seenat.attribution.ngrams.build.shard_builder import KeyRoom, Task, build_shard
from seenat.registry.errors import SeenatError
from seenat.registry.units import SequenceRange

__all__ = ["main"]

# Keys that are sorted to see how fast that is: 0.5 MB, 0.6 to 2.4 ms.
_TRIAL_KEYS = 1 << 16


def main() -> None:
    """Build what stdin asks for, or measure sorting."""
    if sys.argv[1:] == ["sort"]:
        print(_sorting_nanoseconds())
        return
    out = _claim_stdout()
    try:
        _work(_requests(), out)
    except SeenatError as error:
        _say(out, failed=str(error), kind=type(error).__name__)


def _work(requests: SimpleQueue[object], out: TextIO) -> None:
    task = requests.get()
    assert isinstance(task, Task)
    room = KeyRoom()
    while isinstance(request := requests.get(), tuple):
        name, sequences = request
        assert isinstance(sequences, SequenceRange)
        built = build_shard(
            task.folder / name,
            task.order.source,
            sequences,
            task.recipe,
            lambda count: _say(out, sequences_read=count),
            room,
        )
        _say(out, samples=built.samples, bytes=built.bytes, digest=built.digest)


def _requests() -> SimpleQueue[object]:
    """What comes through stdin. The process ends when its other end does, even in the middle of a shard."""
    requests: SimpleQueue[object] = SimpleQueue()

    def listen() -> None:
        # Not sys.stdin, whose lock a thread must not hold when the interpreter ends.
        with os.fdopen(os.dup(0), "rb") as stdin:
            while True:
                try:
                    requests.put(pickle.load(stdin))
                except EOFError:
                    os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    return requests


def _claim_stdout() -> TextIO:
    """Keep stdout for answers alone: whatever else is printed, by whichever library, goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(out: TextIO, **values: object) -> None:
    out.write(json.dumps(values) + "\n")
    out.flush()


def _sorting_nanoseconds() -> float:
    keys = np.random.default_rng(0).integers(0, 1 << 63, _TRIAL_KEYS, np.uint64)
    took = []
    for _ in range(3):
        trial, began = keys.copy(), time.process_time()
        trial.sort()
        took.append(time.process_time() - began)
    return min(took) / _TRIAL_KEYS * 1e9


if __name__ == "__main__":
    main()
