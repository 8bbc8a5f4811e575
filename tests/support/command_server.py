"""Commands as processes of their own that cost no imports: each is forked from one that has loaded everything already.

Importing torch and transformers takes 3 seconds of processor time, and the tests run some 200 commands. What a command itself
imports, and how long that takes, is measured elsewhere, by processes that start from nothing (`tests/cli/test_speed.py`).
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["CommandServer"]

_SERVER = """
import json, os, signal, sys

# All that commands import; what reads the environment when it is imported is only loaded where tests do not set that.
import alembic.command, altair, datasets, numcodecs, pyarrow.parquet, rich.progress, sqlalchemy, torch, transformers, zarr
from transformers import GPTNeoXForCausalLM
import seenat.cli.main

torch.set_num_threads(1)
answers = os.fdopen(os.dup(1), "w")

def command(task):
    os.setsid()
    os.chdir(task["folder"])
    os.environ.clear()
    os.environ.update(task["environment"])
    for descriptor, path in ((0, os.devnull), (1, task["out"]), (2, task["err"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.argv = ["seenat", *task["args"]]
    try:
        seenat.cli.main.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()

for line in sys.stdin:
    pid = os.fork()
    if not pid:
        code = 70
        try:
            code = command(json.loads(line))
        finally:
            os._exit(code)
    print(pid, file=answers, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers, flush=True)
"""


class CommandServer:
    """A process that has imported what commands need, and runs `seenat` in forks of itself, one after another."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEENAT_", "HF_"))}
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            env=environment | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._server.kill)

    def run(
        self, args: Sequence[str], *, environment: Mapping[str, str], folder: Path | None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run `seenat` with these arguments, and exactly this environment; its output is caught."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as place:
            out, err = Path(place, "out"), Path(place, "err")
            task = {
                "args": list(args),
                "environment": dict(environment),
                "folder": str(folder or Path.cwd()),
                "out": str(out),
                "err": str(err),
            }
            self._server.stdin.write(json.dumps(task) + "\n")
            self._server.stdin.flush()
            pid = int(self._server.stdout.readline())
            previous = signal.signal(signal.SIGALRM, lambda *_: os.killpg(pid, signal.SIGKILL))
            remaining = signal.setitimer(signal.ITIMER_REAL, timeout)
            try:
                code = int(self._server.stdout.readline())
            finally:
                signal.setitimer(signal.ITIMER_REAL, *remaining)
                signal.signal(signal.SIGALRM, previous)
            return subprocess.CompletedProcess(list(args), code, out.read_text(), err.read_text())
