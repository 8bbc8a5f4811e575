"""`seenat sync`, `audit` and `verify`, and everything that docs/integrity.md shows, against a hub on this machine."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import save_file
from support.fake_hub import Fault, HubServer, client_of, serve

from seenat.cli.main import seenat
from seenat.registry.catalog.status import Evidence
from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, UnknownCheckpoint
from seenat.registry.integrity.evidence import AUDIT, replace_evidence
from seenat.registry.open import open_catalog

PAGE = Path(__file__).parents[3] / "docs" / "integrity.md"
TUTORIAL = PAGE.with_name("tutorial.md")
COMMANDS = {"sync", "audit", "verify", "checkpoints"}
HELD = {"main": "end", "step0": "end", "step1": "end", "step1000": "1000", "step2000": "2000", "step143000": "end"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A hub with a few revisions of pythia-2.8b, two of which hold the end."""
    root = tmp_path_factory.mktemp("hub")
    with serve() as server, client_of(server):
        for revision, content in HELD.items():
            folder = root / content
            if not folder.exists():
                folder.mkdir()
                (folder / "config.json").write_text("{}")
                save_file(
                    {"weight": np.frombuffer(content.ljust(4096).encode(), np.float16)}, folder / "model.safetensors"
                )
            server.add("EleutherAI/pythia-2.8b", revision, folder)
        yield server


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch, pocket_file: Path, tmp_path: Path, hub: HubServer) -> str:
    """A catalog of this test's own, with the pocket suite."""
    path = str(shutil.copy(pocket_file, tmp_path))
    monkeypatch.setenv("SEENAT_DATABASE_URL", path)
    hub.faults.clear()
    return path


def run(line: str) -> Result:
    result = CliRunner().invoke(seenat, shlex.split(line), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def answer(line: str) -> Any:
    return json.loads(run(f"{line} --json").stdout)


def status_of(url: str, model: str) -> dict[int, str]:
    with open_catalog(url) as catalog:
        return {one.step: one.status for one in catalog.model(model).checkpoints}


def test_sync_tells_what_the_hub_has_and_what_it_means(url: str) -> None:
    told = answer("sync pythia-2.8b")
    assert {"models", "failures", "audit"} == told.keys()
    (one,) = told["models"]
    assert (one["listed"], one["read"], len(one["missing"])) == (6, 6, 154 - 5)
    statuses = status_of(url, "pythia-2.8b")
    assert [statuses[step] for step in (0, 1, 1000, 2000, 3000)] == ["wrong", "wrong", "wrong", "wrong", "missing"]
    (audited,) = told["audit"]["models"]
    assert audited["statuses"]["missing"] == 149


def test_sync_in_words(url: str) -> None:
    first = run("sync pythia-2.8b")
    assert "pythia-2.8b: 6 revisions in EleutherAI/pythia-2.8b, 6 read now." in first.stdout
    assert "No revision: 149 from 2 to 142000." in first.stdout
    assert re.search(r"missing +149 from 2 to 142000 +seenat audit of hub listing +\S+ has no such", first.stdout)
    assert re.search(r"wrong +0, 1 +seenat audit of hub listing +Its weights .* are those of main", first.stdout)
    assert "0 read now" in run("sync EleutherAI/pythia-2.8b pythia-2.8b").stdout


def test_sync_of_everything_passes_over_what_the_hub_does_not_show(url: str, hub: HubServer) -> None:
    hub.requests.clear()
    result = run("sync")
    assert "pythia-2.8b: 6 revisions" in result.stdout
    assert "pythia-70m: The hub at" in result.stderr
    assert len(hub.requests) > 90


def test_sync_says_what_cannot_be_reached(url: str, hub: HubServer) -> None:
    hub.faults["EleutherAI/pythia-2.8b"] = Fault(status=403)
    with pytest.raises(HubUnavailable, match=r"refuses EleutherAI/pythia-2.8b \(403\)"):
        run("sync pythia-2.8b")
    with pytest.raises(InvalidValue, match="pocket-2m has no repository on a hub: its checkpoints are in"):
        run("sync pocket-2m")


def test_audit_tells_reports_and_findings_alike(url: str) -> None:
    result = run("audit pythia-12b pocket-230k")
    assert re.search(r"pythia-12b +wrong +50000, 58000 +https://\S+/206", result.stdout)
    assert "pocket-230k: 13 ok." in result.stdout
    assert "The hub has never been read for pythia-12b; run `seenat sync pythia-12b`." in result.stderr
    told = answer("audit pythia-12b")
    assert told["models"][0]["statuses"] == {"unknown": 152, "wrong": 2}
    assert {"step", "kind", "status", "statement", "source", "date"} == told["models"][0]["evidence"][0].keys()


def test_verify_reads_all_that_is_here_or_the_steps_that_are_named(url: str) -> None:
    assert [one["verified"] for one in answer("verify pocket-230k")] == [True] * 13
    assert [one["step"] for one in answer("verify pocket-230k 64 step384")] == [64, 384]
    assert re.search(r"^ +64 +yes +2 +\d", run("verify pocket-230k 64").stdout, re.MULTILINE)


def test_verify_fails_where_a_digest_differs(url: str) -> None:
    from sqlalchemy import update

    from seenat.registry.database.tables.catalog import checkpoint_files

    with open_catalog(url) as catalog, catalog.database.write() as connection:
        id_ = catalog.model("pocket-230k").checkpoint(64).id
        is_config = (checkpoint_files.c.checkpoint_id == id_) & (checkpoint_files.c.name == "config.json")
        connection.execute(update(checkpoint_files).where(is_config).values(sha256="sha256:" + "0" * 64))
    with pytest.raises(CorruptFile, match="1 checkpoint of pocket-230k is not what was recorded: step 64; restore"):
        run("verify pocket-230k 64 128")
    assert status_of(url, "pocket-230k")[64] == "wrong"


def test_verify_reads_the_files_of_an_order(url: str) -> None:
    assert answer("verify pocket-order")["verified"] is True
    assert re.search(r"^ *document\.bin +same +\d", run("verify pocket-order").stdout, re.MULTILINE)
    from sqlalchemy import update

    from seenat.registry.database.tables.catalog import token_files

    with open_catalog(url) as catalog, catalog.database.write() as connection:
        is_index = (token_files.c.order_id == catalog.order("pocket-order").id) & (token_files.c.role == "index")
        connection.execute(update(token_files).where(is_index).values(sha256="sha256:" + "0" * 64))
    with pytest.raises(CorruptFile, match=r"pocket-order is not what was recorded: document\.idx has"):
        run("verify pocket-order")


def test_verify_says_what_is_not_here(url: str) -> None:
    with pytest.raises(UnknownCheckpoint, match="No checkpoint of pythia-410m is on this machine"):
        run("verify pythia-410m")
    with pytest.raises(UnknownCheckpoint, match="pythia-410m at step 3000 is not on this machine"):
        run("verify pythia-410m 3000")


def test_memorize_leaves_out_what_cannot_be_trusted_and_says_so(url: str) -> None:
    with open_catalog(url) as catalog, catalog.database.write() as connection:
        model = catalog.model("pocket-230k")
        found = {
            model.checkpoint(step).id: [Evidence(kind="audit", status=status, statement="So it is.", source=AUDIT)]
            for step, status in ((64, "wrong"), (128, "suspect"))
        }
        replace_evidence(connection, AUDIT, found)
    told = run("memorize pocket-230k --sequences 0:4")
    assert "Left out, since wrong: 1, at step 64. So it is." in told.stderr
    assert "Left out, since suspect: 1, at step 128. So it is." in told.stderr
    assert "pocket-230k, 11 checkpoints" in told.stderr
    with pytest.raises(UnknownCheckpoint, match=r"step 128 is suspect: .* with --allow-suspect"):
        run("memorize pocket-230k --steps 128 --sequences 0:4")
    assert "4 values measured" in run("memorize pocket-230k --steps 128 --sequences 0:4 --allow-suspect").stdout


# -- the page


def test_every_command_of_the_page_runs(url: str) -> None:
    lines = re.findall(r"^seenat (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {line.split()[0] for line in lines} == COMMANDS
    for line in lines:
        assert run(line).stdout, line


def test_what_the_tutorial_asks_of_a_hub_is_answered(url: str) -> None:
    (block,) = re.findall(r"```sh\n(seenat sync .+?)```", TUTORIAL.read_text("utf-8"), re.DOTALL)
    synced, broken = (run(line.removeprefix("seenat ")).stdout for line in block.splitlines())
    assert "pythia-2.8b" in synced
    assert "wrong" in broken


def test_the_python_of_the_page_runs(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "page.py").write_text(block, "utf-8")
    runpy.run_path(str(tmp_path / "page.py"))
    printed = capsys.readouterr().out
    assert printed.startswith("wrong Its model.safetensors is bit-identical to that of main")
    assert "2026-08-14 report wrong" in printed
