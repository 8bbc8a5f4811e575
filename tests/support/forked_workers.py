"""Workers as processes of their own, forked from one that has loaded torch already: each costs milliseconds instead of seconds.

A worker may be told to believe that it runs on another machine; then nobody here can tell that its process is gone, and only
its lease says so, as between two machines.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ForkedWorkers", "eventually", "forked_workers"]

_PROGRAM = """
import json, os, signal, socket, sys, traceback
import torch
from transformers import GPTNeoXForCausalLM
from seenat.cli.main import main
from seenat.memorization.jobs.runners.worker import Worker
from seenat.memorization.jobs.runners.worker_observer import WorkerObserver
from seenat.registry.open import open_catalog

torch.set_num_threads(1)

class Observer(WorkerObserver):
    def __init__(self, order, stop):
        self.pauses, self.ends, self.stop = order.get("pauses"), order.get("ends"), stop

    def progress(self, now):
        if self.pauses and now.computed:  # Measured, not committed, and within no transaction.
            self.pauses = False
            os.kill(os.getpid(), signal.SIGSTOP)

    def waiting(self):
        if self.ends:
            self.stop.set()

def work(order):
    import threading
    if order.get("host"):
        socket.gethostname = lambda: order["host"]
    if order.get("within"):
        sys.path.insert(0, order["within"])
        from faults.within import suffer
        suffer(order)
    if order.get("args"):
        output = os.open(order["output"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = ["seenat", *order["args"]]
        main()
    stop = threading.Event()
    with open_catalog(order["url"]) as catalog:
        Worker(catalog, device="cpu", stop=stop, observer=Observer(order, stop), lease_seconds=order["lease"],
               seconds_between_looks=0.1).run()

for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
        continue
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.environ.update(order["environment"])
            work(order)
            code = 0
        except SystemExit as end:
            sys.stdout.flush()
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    print(pid, flush=True)
"""


class ForkedWorkers:
    """Starts workers, and tells how they ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._running: set[int] = set()

    def start(self, catalog: Any, *, lease: float = 60.0, **order: Any) -> int:
        """A worker of a catalog; returns its process.

        `host` is the machine on which it believes to be. With `pauses` it stops itself (SIGSTOP) when it has measured something
        and committed nothing of it; with `ends` it ends instead of waiting for what others hold. `args` is a command line that
        is run instead, its output written to the file `output`. `within` is the folder of `faults.within`, which see for more.
        """
        url = catalog.database.url.render_as_string(hide_password=False)
        environment = {name: value for name, value in os.environ.items() if name.startswith("SEENAT_")}
        environment["SEENAT_DATABASE_URL"] = url
        pid = self._ask({"url": url, "lease": lease, "environment": environment, **order})
        self._running.add(pid)
        return pid

    def wait(self, pid: int) -> int:
        """The exit status of a worker, once it has ended."""
        self._running.discard(pid)
        return self._ask({"wait": pid})

    def kill(self, pid: int) -> int:
        """Kill a worker, unless it has ended, and return its exit status."""
        os.kill(pid, signal.SIGKILL)
        return self.wait(pid)

    def kill_all(self) -> None:
        """Kill what a test has left running."""
        for pid in list(self._running):
            self.kill(pid)

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def forked_workers() -> Iterator[ForkedWorkers]:
    """A process that forks workers, until the end of the context."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:
        yield ForkedWorkers(process)
        assert process.stdin is not None
        process.stdin.close()


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds; fail where it does not within some seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.02)
