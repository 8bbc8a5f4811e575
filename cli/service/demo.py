"""`seenat serve --demo`: the pocket suite in the catalog, and a browser that opens once the service answers."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
import webbrowser

from seenat.cli.framework.output import Output
from seenat.cli.framework.terminal import say

__all__ = ["open_when_ready", "prepare_demo"]

_WAIT_SECONDS = 60


def prepare_demo() -> None:
    """Train, register and measure the pocket suite as `seenat demo` does, and index its order; what is done is not done again."""
    from seenat.cli.catalog.suites import run_demo
    from seenat.cli.framework.params import open_catalog

    out = Output()
    with open_catalog() as catalog:
        run_demo(out, catalog)
        out.talk("4. Indexing its order: seenat index build pocket-order")
        catalog.index.build("pocket-order")


def open_when_ready(address: str) -> None:
    """Open a browser at an address as soon as it answers, from a thread: the service is not running yet."""
    threading.Thread(target=_open, args=(address,), daemon=True).start()


def _open(address: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            break
    if not webbrowser.open(address):
        say(f"No browser is here; open {address} yourself.")
