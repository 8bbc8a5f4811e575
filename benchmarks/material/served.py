"""`seenat serve` in a process of its own, and what it takes: CPU time, memory, requests answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

__all__ = ["Server", "serving"]

_START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running service on loopback."""

    url: str
    process: int

    def cpu(self) -> float:
        """Seconds of CPU that it has taken."""
        fields = Path(f"/proc/{self.process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """MB that it holds."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1000

    def answered(self) -> dict[str, int]:
        """Requests that it has answered so far, by status; its own pages left out."""
        counts: dict[str, int] = {}
        for line in httpx2.get(f"{self.url}/metrics").text.splitlines():
            if line.startswith("seenat_requests_total{") and 'route="counted"' not in line:
                status = line.partition('status="')[2].partition('"')[0]
                counts[status] = counts.get(status, 0) + int(float(line.rpartition(" ")[2]))
        return counts


@contextmanager
def serving(catalog: Path) -> Iterator[Server]:
    """One worker over a catalog, at a free port of this machine, its log in a file beside the catalog."""
    log = catalog.with_suffix(".log")
    environment = {**os.environ, "SEENAT_DATABASE_URL": str(catalog), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "seenat", "serve", "--port", "0", "--rate", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stderr=file)
    try:
        yield Server(_address(log), process.pid)
    finally:
        process.terminate()
        process.wait()


def _address(log: Path) -> str:
    """Where it listens, once it does."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        for line in log.read_text(encoding="utf-8").splitlines():
            if '"serving"' in line:
                address = str(json.loads(line)["address"])
                _await_answer(address, deadline)
                return address
        time.sleep(0.05)
    raise TimeoutError(log.read_text(encoding="utf-8"))


def _await_answer(address: str, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            httpx2.get(f"{address}/health")
        except httpx2.TransportError:
            time.sleep(0.05)
        else:
            return
