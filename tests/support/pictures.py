"""The pictures of the docs, drawn anew over a home in which the pocket suite is measured, by prefix and by loss, and indexed.

`SEENAT_HOME=HOME PYTHONPATH=tests:. python -m support.pictures` draws those that commands draw, by the lines of the docs, and takes those
of pages in a browser. Look at each before it is committed.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from seenat.registry import settings
from seenat.service.settings import ServiceSettings
from support.browser import Visits, launched
from support.served import running

__all__ = ["DOCS", "commands"]

DOCS = Path(__file__).parents[2] / "docs"
_TEXT = "make sure the validity of the split ranks such that one"
# Of each page: its address, and points of its height that are shown.
_PAGES = {
    "grid": ("/?family=pythia", 770),
    "model": ("/models/pocket-2m", 1100),
    "batch": ("/models/pocket-230k/batches/2?step=128", 1000),
    "sequence": ("/models/pocket-2m/sequences/1060?step=256", 960),
    "compare": ("/compare?a=pocket-230k@320&b=pocket-230k@384", 900),
    "studies": ("/studies/onsets?models=pocket-230k&models=pocket-660k&models=pocket-2m", 900),
}
_WIDTH = 1100


def commands() -> Iterator[tuple[Path, list[str]]]:
    """Each picture that a command draws, and the command without `--plot`."""
    yield DOCS / "demo.png", ["demo"]
    yield DOCS / "attribution.png", ["find", _TEXT, "--model", "pocket-2m", "--measure"]
    for line, name in re.findall(
        r"^seenat (study .+) --plot (\w+\.png)$", (DOCS / "studies.md").read_text(), re.MULTILINE
    ):
        yield DOCS / "studies" / name, shlex.split(line)


def _draw() -> None:
    for picture, words in commands():
        subprocess.run([sys.executable, "-m", "seenat", *words, "--plot", str(picture), "--force"], check=True)


def _take() -> None:
    with running(ServiceSettings(url=settings.database_url())) as served, launched() as browser:
        visits = Visits(browser, served.url)
        for name, (address, height) in _PAGES.items():
            page = visits.open(address, width=_WIDTH).page
            page.set_viewport_size({"width": _WIDTH, "height": height})
            page.wait_for_load_state("networkidle")
            page.screenshot(path=DOCS / "pages" / f"{name}.png")


if __name__ == "__main__":
    _draw()
    _take()
