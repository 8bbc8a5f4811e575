"""Part `service`: `seenat serve` under load, one worker over the full catalog in SQLite.

The load comes from wrk and h2load (apt: wrk, nghttp2-client) on loopback; what is missing is said. Look-ups are counted by the
service itself and its CPU time is taken, since the generator and the neighbours want the same cores. Pages are drawn in
Chromium, where there is one; that is the time of a clock.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

import seenat
from benchmarks.machine import say
from benchmarks.material.browser import browsing, drawn
from benchmarks.material.measured import CHECKPOINTS, measured_suite
from benchmarks.material.served import Server, serving
from benchmarks.material.synthetic import SyntheticResults, synthetic_catalog
from benchmarks.page import Figure, figures
from seenat.memorization.results.onset_rows import replace_onsets
from seenat.memorization.results.trajectory import OnsetColumns
from seenat.registry.open import open_catalog
from seenat.service.api.documents import Form, encode

_ONCE = 100_000
_OFTEN = 500
_SECONDS = 10
_WARM_SECONDS = 3
_OFFERED_SECONDS = 60
_CONNECTIONS, _A_CONNECTION = 50, 20
_ROWS = 16 * 65_536
_ASKED = 60
_SIZES = tuple(f"size-{number}" for number in range(8))
_LARGE = 1024
_STEPS = (256, 512, 1024)
_SCRIPT = Path(__file__).parents[1] / "material" / "load.lua"
_TEXT = """## The service

One worker over the {models} models that ship with seenat, SQLite, everything on loopback; CPU time of the service alone. A look-up
is a step, a batch or a sequence of a model, drawn uniformly, each address once. Pages are asked for with compression, as browsers
do; drawing is from the last byte of the page to its first paint and the end of loading, the median of nine visits by a browser
that has kept nothing. {missing}

"""


def section(page: Path) -> str:
    """Ask a service in several ways; the figures as Markdown."""
    with tempfile.TemporaryDirectory(prefix="seenat-service-") as name:
        path = Path(name, "catalog.sqlite")
        with seenat.open(str(path)) as catalog:
            models = len(catalog.models())
            addresses = _addresses(catalog, _ONCE)
        found = []
        with serving(path) as server:
            if shutil.which("wrk"):
                found += _throughput(server, Path(name), addresses)
            if shutil.which("h2load"):
                found += _offered(server, Path(name), addresses)
        found += _csv(Path(name))
        pages, missing = _pages(Path(name))
    return _TEXT.format(models=models, missing=f"{_missing()}{missing}") + figures([*found, *pages])


def _missing() -> str:
    absent = [tool for tool in ("wrk", "h2load") if shutil.which(tool) is None]
    return f"Left out, since not installed: {', '.join(absent)} (apt: wrk, nghttp2-client). " if absent else ""


def _addresses(catalog: seenat.Catalog, number: int) -> list[str]:
    """So many addresses of look-ups, all unlike each other."""
    runs = [
        model
        for model in catalog.models()
        if model.training_order and model.checkpoints and not model.altered_from_step
    ]
    chance, found = random.Random(0), dict[str, None]()
    while len(found) < number:
        model = chance.choice(runs)
        kinds = (
            f"steps/{chance.choice(model.schedule.saved)}",
            f"batches/{chance.randrange(model.schedule.steps)}",
            f"sequences/{chance.randrange(model.schedule.steps * model.schedule.sequences_per_batch)}",
        )
        found[f"/api/v1/models/{model.name}/{chance.choice(kinds)}"] = None
    return list(found)


# -- look-ups


def _throughput(server: Server, folder: Path, addresses: list[str]) -> list[Figure]:
    """As many as it can answer over 50 connections: each address once, then few addresses again and again."""
    _load(server, folder, addresses[:1000], _WARM_SECONDS, "again")  # Every model has been read then.
    before = server.memory()
    once, failed, told = _rate(server, folder, addresses[1000:], _SECONDS)
    after = server.memory()
    often, *_ = _rate(server, folder, addresses[1000 : 1000 + _OFTEN], _WARM_SECONDS, "again")
    say(f"{once:,.0f} look-ups a second and core, {often:,.0f} again; {told}")
    grown = f"{after - before:+.0f} after {told['requests']:,} look-ups, from {before:.0f}"
    return [
        Figure(what="look-ups a second and core, each address once", value=once, text=f"{once:,.0f}", least=2000),
        Figure(what="answers a second and core, asked before", value=often, text=f"{often:,.0f}"),
        Figure(what="answers that are not 200", value=failed, text=f"{failed:,}", most=0),
        # Encoded answers are kept, up to 32 MB of them, and their addresses.
        Figure(what="memory that it took, MB", value=after - before, text=grown, most=100),
    ]


def _rate(server: Server, folder: Path, addresses: list[str], seconds: int, *how: str) -> tuple[float, int, Any]:
    """Answers a second of CPU, those among them that are not 200, and what wrk says."""
    counted, cpu = server.answered(), server.cpu()
    told = _load(server, folder, addresses, seconds, *how)
    spent, answered = server.cpu() - cpu, server.answered()
    total = sum(answered.values()) - sum(counted.values())
    failed = total - answered["200"] + counted.get("200", 0) + told["failed"]
    return total / spent, failed, told


def _load(server: Server, folder: Path, addresses: list[str], seconds: int, *how: str) -> Any:
    listed = folder / "addresses.txt"
    listed.write_text("".join(f"{address}\n" for address in addresses), "utf-8")
    options = (
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(_SCRIPT),
        server.url,
        "--",
        str(listed),
        *how,
    )
    ended = subprocess.run(["wrk", *options], capture_output=True, text=True, check=True)
    told = json.loads(ended.stdout.splitlines()[-1])
    assert how or told["requests"] < len(addresses), "some were asked twice"
    return told


def _offered(server: Server, folder: Path, addresses: list[str]) -> list[Figure]:
    """1,000 a second over 50 connections, each of which asks 20 a second; the memory before and after."""
    before = server.memory()
    # A generator a connection: one with 50 of them asks each address from every one.
    asking = [_ask(server, folder, place, addresses[place::_CONNECTIONS]) for place in range(_CONNECTIONS)]
    rows = np.concatenate([np.loadtxt(log, dtype=np.int64, ndmin=2) for process, log in asking if not process.wait()])
    late = float(np.percentile(rows[:, 2], 99)) / 1000
    failed, grown = int((rows[:, 1] != 200).sum()), server.memory() - before
    say(f"99 % within {late:.1f} ms of {len(rows):,}")
    offered = f"{_CONNECTIONS * _A_CONNECTION:,} a second over {_CONNECTIONS} connections"
    return [
        Figure(what=f"{offered}: 99 % within, ms", value=late, text=f"{late:.1f}, of {len(rows):,}", most=50),
        Figure(what="answers that are not 200", value=failed, text=f"{failed:,}", most=0),
        Figure(what="memory that it took meanwhile, MB", value=grown, text=f"{grown:+.1f}", most=64),
    ]


def _ask(server: Server, folder: Path, place: int, addresses: list[str]) -> tuple[subprocess.Popen[bytes], Path]:
    log, listed = folder / f"requests-{place}.tsv", folder / f"addresses-{place}.txt"
    listed.write_text("".join(f"{server.url}{address}\n" for address in addresses), "utf-8")
    options = ("--h1", "-c1", f"--rps={_A_CONNECTION}", f"-D{_OFFERED_SECONDS}", f"--log-file={log}", "-i", str(listed))
    return subprocess.Popen(["h2load", *options], stdout=subprocess.DEVNULL), log


# -- CSV


def _csv(folder: Path) -> list[Figure]:
    """A list of a million rows: its bytes from rows as answers have them, and asked of a service, as columns of the catalog."""
    path = folder / "rows.sqlite"
    _write_onsets(path)
    seconds, _ = _encoding()
    with serving(path) as server:
        httpx2.get(f"{_asked(server)}&limit=10").raise_for_status()
        whole, grown = _streamed(server, "identity")
        packed, _ = _streamed(server, "gzip")
    say(f"a million lines of CSV: {whole:.2f} s, compressed {packed:.2f} s, {grown:+.0f} MB")
    return [
        Figure(what="1,000,000 rows as CSV, read and sent, CPU s", value=whole, text=f"{whole:.2f}", most=2.5),
        Figure(what="the same, compressed", value=packed, text=f"{packed:.2f}", most=2.5),
        Figure(what="memory that it took, MB", value=grown, text=f"{grown:+.0f}", most=32),
        Figure(
            what="1,000,000 rows that are not columns: their encoding alone, CPU s",
            value=seconds,
            text=f"{seconds:.2f}",
        ),
    ]


def _asked(server: Server) -> str:
    return f"{server.url}/api/v1/models/rows/which/first.csv?by={_STEPS[-1]}"


def _streamed(server: Server, encoding: str) -> tuple[float, float]:
    """CPU seconds a million lines, and the most memory meanwhile above that before."""
    before, cpu, most, lines = server.memory(), server.cpu(), 0.0, 0
    with httpx2.stream("GET", _asked(server), headers={"accept-encoding": encoding}, timeout=60) as response:
        for block in response.iter_bytes():
            lines += block.count(b"\n")
            most = max(most, server.memory())
    assert lines == _ROWS + 1, f"{lines:,} lines"
    return (server.cpu() - cpu) / lines * 1e6, most - before


def _encoding() -> tuple[float, int]:
    def pages() -> Iterator[list[dict[str, Any]]]:
        for page in range(200):
            yield [
                {"sequence": number, "onset": {"bracket_low": 1, "step": page}, "seen": True, "last_step": 9, "lost": 0}
                for number in range(page * 5000, page * 5000 + 5000)
            ]

    began = time.process_time()
    rows = sum(len(page) for page in pages())
    making = time.process_time() - began
    size = sum(len(block) for block in encode(pages(), Form.CSV))
    say(f"{rows:,} rows, {size / 1e6:.0f} MB")
    return time.process_time() - began - 2 * making, rows


def _write_onsets(path: Path) -> None:
    """A model that memorized every sequence of a short order."""
    with synthetic_catalog(path, _ROWS, _STEPS, ("rows",)) as catalog:
        results = SyntheticResults.of(catalog, "rows")
        measurement = results.measurement
        assert results.rows
        for block in range(measurement.blocks):
            length = len(measurement.block(block))
            first = np.random.default_rng(block).choice(_STEPS, length)
            once = np.ones(length, np.int64)
            columns = OnsetColumns(
                column=np.arange(length), first_step=first, bracket_low=first - 1, last_step=once * _STEPS[-1],
                times_memorized=once, times_lost=once - 1,
            )  # fmt: skip
            with catalog.database.write() as connection:
                replace_onsets(connection, measurement, block, columns)


# -- pages


def _pages(folder: Path) -> tuple[list[Figure], str]:
    """What pages of much take the service, and the browser; and a sentence where there is no browser."""
    path = folder / "pages.sqlite"
    with open_catalog(str(path)) as catalog:
        measured_suite(catalog, folder, _SIZES, 93)
        measured_suite(catalog, folder, ("large",), _LARGE)
    chance = random.Random(0)
    sequences = [f"/models/{chance.choice(_SIZES)}/sequences/{chance.randrange(3000)}" for _ in range(_ASKED)]
    with serving(path) as server:
        taken = [
            _page(server, f"page of a sequence, {CHECKPOINTS} checkpoints x {len(_SIZES)} models", sequences),
            _page(server, "page of the audit", ["/audit"] * _ASKED),
        ]
        with browsing() as browser:
            if browser is None:
                return taken, "Left out, since no Chromium can be started: drawing."
            for what, address in (
                ("the grid of Pythia", "/"),
                (f"the grid of {len(_SIZES)} x {CHECKPOINTS} measured", f"/?family={_SIZES[0]}"),
                (f"the batch of {_LARGE:,} sequences x {CHECKPOINTS}", "/models/large/batches/5"),
            ):
                value, computed = drawn(browser, server.url + address)
                text = f"{value:.0f}; {computed:.0f} of computing"
                taken.append(Figure(what=f"drawing {what}, ms", value=value, text=text, most=200))
    return taken, ""


def _page(server: Server, what: str, addresses: list[str]) -> Figure:
    """The mean CPU time of the service, after some pages that are not counted."""
    with httpx2.Client(base_url=server.url, headers={"accept": "text/html"}) as client:
        for address in addresses[:5]:
            client.get(address).raise_for_status()
        before = server.cpu()
        for address in addresses:
            client.get(address).raise_for_status()
    value = (server.cpu() - before) / len(addresses) * 1e3
    say(f"{what}: {value:.1f} ms")
    return Figure(what=f"{what}, CPU ms", value=value, text=f"{value:.0f}", most=50)
