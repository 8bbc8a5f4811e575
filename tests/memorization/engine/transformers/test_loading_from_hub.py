"""Checkpoints from a hub, by huggingface_hub's own client, in processes of their own: it reads its environment once."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fake_hub import Fault, HubServer, commit_of, serve

from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.hub.location import CheckpointLocation

FETCH = """
import concurrent.futures, json, sys, time
from seenat.registry.errors import SeenatError
from seenat.registry.hub.download import fetch_checkpoint

def fetch(job):
    start = time.monotonic()
    try:
        folder, error, message = str(fetch_checkpoint(*job)), None, ""
    except SeenatError as caught:
        folder, error, message = None, type(caught).__name__, str(caught)
    return [folder, error, message, time.monotonic() - start]

jobs = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
    print(json.dumps(list(pool.map(fetch, jobs))))
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""
SCORE = """
import sys
from pathlib import Path
import numpy as np
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.registry.hub.location import CheckpointLocation
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.engine.scorer import Scorer

place, tokens = sys.argv[1:]
location = CheckpointLocation.local(Path(place)) if Path(place).is_dir() else CheckpointLocation.hub(place, "step7")
print(Scorer(load_checkpoint(location), Protocol(), "cpu").prefixes(np.load(tokens)).tolist())
"""


@dataclass(frozen=True)
class Fetched:
    """What came of one fetch."""

    folder: str | None
    error: str | None
    message: str
    seconds: float


def _fetch(environment: dict[str, str], *jobs: tuple[str, ...]) -> list[Fetched]:
    """Fetch all at the same time, in one process."""
    return [Fetched(*answer) for answer in json.loads(_run(environment, FETCH, json.dumps(jobs)).stdout)]


def _run(environment: dict[str, str], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)


@pytest.fixture
def folder(neox_97: Any, tmp_path: Path) -> Path:
    """A checkpoint in three parts, with a file that nobody needs."""
    neox_97.model.save_pretrained(tmp_path / "step7", max_shard_size="200KB")
    (tmp_path / "step7" / "README.md").write_text("not needed")
    return tmp_path / "step7"


# -- what arrives


@pytest.mark.parametrize("place", ["hub", "local"])
def test_a_checkpoint_scores_from_the_hub_as_from_its_folder(
    hub: HubServer, folder: Path, neox_97: Any, tmp_path: Path, place: str
) -> None:
    hub.add("org/tiny", "step7", folder)
    tokens = neox_97.rows[:, :64]
    np.save(tmp_path / "tokens.npy", tokens)
    named = "org/tiny" if place == "hub" else str(folder)
    environment = hub.environment(tmp_path / "home", OMP_NUM_THREADS="1")
    ran = _run(environment, SCORE, named, str(tmp_path / "tokens.npy"))
    model = load_checkpoint(CheckpointLocation.local(folder))
    assert json.loads(ran.stdout) == Scorer(model, Protocol(), "cpu").prefixes(tokens).tolist()
    assert bool(hub.requests) == (place == "hub"), "a local folder asks no hub"


def test_only_determining_files_come_and_the_commit_names_the_folder(
    hub: HubServer, folder: Path, tmp_path: Path
) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"the same weights, once more")
    commit = hub.add("org/tiny", "step7", folder)
    (fetched,) = _fetch(hub.environment(tmp_path / "home"), ("org/tiny", "step7"))
    assert fetched.folder is not None
    found = {path.name: path.read_bytes() for path in Path(fetched.folder).iterdir()}
    wanted = {"config.json", "model.safetensors.index.json", *(path.name for path in folder.glob("*.safetensors"))}
    assert found == {name: (folder / name).read_bytes() for name in wanted}
    assert Path(fetched.folder).name == commit


def test_a_commit_pins_what_its_revision_no_longer_is(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "home")
    old = hub.add("org/tiny", "step7", folder)
    (before,) = _fetch(environment, ("org/tiny", "step7"))
    moved = shutil.copytree(folder, tmp_path / "moved")
    (moved / "config.json").write_text((folder / "config.json").read_text() + "\n")
    new = hub.add("org/tiny", "step7", moved)
    hub.requests.clear()
    (pinned,) = _fetch(environment, ("org/tiny", "step7", old))
    assert pinned.folder == before.folder
    assert hub.requests == [], "a commit in the cache is not asked for"
    (followed,) = _fetch(environment, ("org/tiny", "step7"))
    assert followed.folder is not None
    assert Path(followed.folder).name == new != old == commit_of(folder)


def test_a_connection_that_breaks_off_is_resumed(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    hub.add("org/tiny", "step7", folder)
    hub.faults["org/tiny"] = Fault(at="body", cut_after=50_000, times=1)
    (fetched,) = _fetch(hub.environment(tmp_path / "home"), ("org/tiny", "step7"))
    assert fetched.folder is not None, fetched.message
    for part in folder.glob("*.safetensors"):
        assert (Path(fetched.folder) / part.name).read_bytes() == part.read_bytes()


# -- without the hub


def test_what_was_fetched_serves_when_the_hub_is_off_or_down(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    hub.add("org/tiny", "step7", folder)
    environment = hub.environment(tmp_path / "home")
    (fetched,) = _fetch(environment, ("org/tiny", "step7"))
    hub.requests.clear()
    kept, other = _fetch(environment | {"HF_HUB_OFFLINE": "1"}, ("org/tiny", "step7"), ("org/tiny", "step8"))
    assert kept.folder == fetched.folder
    assert (other.error, hub.requests) == ("HubUnavailable", [])
    assert "HF_HUB_OFFLINE is set" in other.message
    for down in (environment | {"HF_ENDPOINT": _closed_port()}, environment):
        hub.faults["org/tiny"] = Fault(status=503)
        assert _fetch(down, ("org/tiny", "step7"))[0].folder == fetched.folder


def test_a_cache_that_lacks_a_part_is_not_used(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    commit = hub.add("org/tiny", "step7", folder)
    environment = hub.environment(tmp_path / "home")
    (fetched,) = _fetch(environment, ("org/tiny", "step7"))
    part = next(Path(str(fetched.folder)).glob("*.safetensors"))
    part.unlink()
    (offline,) = _fetch(environment | {"HF_HUB_OFFLINE": "1"}, ("org/tiny", "step7", commit))
    assert offline.error == "HubUnavailable"
    (again,) = _fetch(environment, ("org/tiny", "step7", commit))
    assert again.folder == fetched.folder
    assert part.read_bytes() == (folder / part.name).read_bytes()


def test_a_hub_that_nobody_runs_is_told_in_seconds(tmp_path: Path) -> None:
    environment = HubServer(_closed_port()).environment(tmp_path / "home")
    (fetched,) = _fetch(environment, ("org/tiny", "step7"))
    assert fetched.error == "HubUnavailable"
    assert f"The hub at {environment['HF_ENDPOINT']} cannot be reached for org/tiny@step7" in fetched.message
    assert fetched.seconds < 6


def _closed_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


# -- what goes wrong at the hub: name -> how it fails, the error, a part of its message, most seconds it may take

FAULTS: dict[str, tuple[Fault, str, str, float]] = {
    "unauthorized": (Fault(status=401), "HubUnavailable", r"refuses org/unauthorized@step7 \(401\); check that HF_TOKEN", 3),
    "forbidden": (Fault(status=403), "HubUnavailable", r"refuses org/forbidden@step7 \(403\)", 3),
    "gated": (Fault(status=403, code="GatedRepo"), "HubUnavailable", "keeps org/gated@step7 gated; ask for access", 3),
    "gone": (Fault(status=404, code="RepoNotFound"), "UnknownCheckpoint", "shows no repository for org/gone@step7", 3),
    "empty": (Fault(status=404), "UnknownCheckpoint", "has no file that org/empty@step7 needs", 3),
    "busy": (Fault(status=429), "HubUnavailable", r"failed on org/busy@step7 \(429\); try again later", 3),
    "broken": (Fault(status=500), "HubUnavailable", r"failed on org/broken@step7 \(500\); try again later", 3),
    "down": (Fault(status=503), "HubUnavailable", r"failed on org/down@step7 \(503\)", 3),
    "listless": (Fault(at="api", status=502), "HubUnavailable", r"failed on org/listless@step7 \(502\)", 3),
    "bodiless": (Fault(at="body", status=500), "HubUnavailable", r"failed on org/bodiless@step7 \(500\)", 3),
    "silent": (Fault(delay=7), "HubUnavailable", r"cannot be reached for org/silent@step7 \(ReadTimeout\)", 7),
    "cut": (Fault(at="body", cut_after=0), "HubUnavailable", "cannot be reached for org/cut@step7", 9),
    "flipped": (Fault(at="body", flip=True), "CorruptFile", r"\.safetensors arrived as sha256:\w+, but the hub lists", 3),
}  # fmt: skip


@pytest.fixture(scope="module")
def failures(neox_97: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Fetched]]:
    """One fetch from a repository of each fault, all at once, and of things that are not there."""
    folder = tmp_path_factory.mktemp("hub") / "step7"
    neox_97.model.save_pretrained(folder)
    weightless = folder.with_name("weightless")
    shutil.copytree(folder, weightless, ignore=shutil.ignore_patterns("*.safetensors"))
    jobs = {name: (f"org/{name}", "step7") for name in FAULTS}
    jobs |= {
        "step8": ("org/fine", "step8"),
        "nobody": ("org/nobody", "step7"),
        "no/good/name": ("no/good/name", "step7"),
    }
    jobs |= {"weightless": ("org/fine", "weightless")}
    with serve() as hub:
        for name, (fault, *_) in FAULTS.items():
            hub.add(f"org/{name}", "step7", folder)
            hub.faults[f"org/{name}"] = fault
        hub.add("org/fine", "step7", folder)
        hub.add("org/fine", "weightless", weightless)
        fetched = _fetch(hub.environment(folder.with_name("home")), *jobs.values())
        yield dict(zip(jobs, fetched, strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_every_failure_of_the_hub_is_one_sentence_in_seconds(failures: dict[str, Fetched], name: str) -> None:
    _, error, message, seconds = FAULTS[name]
    _check(failures[name], error, message)
    assert failures[name].seconds < seconds


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("step8", "UnknownCheckpoint", "has no such revision: org/fine@step8"),
        ("nobody", "UnknownCheckpoint", "shows no repository for org/nobody@step7; check the name, or set HF_TOKEN"),
        ("no/good/name", "InvalidValue", "no/good/name@step7 cannot be on a hub"),
        ("weightless", "UnknownCheckpoint", "org/fine@weightless holds no weights"),
    ],
)
def test_what_is_not_on_the_hub_is_told_apart(
    failures: dict[str, Fetched], name: str, error: str, message: str
) -> None:
    _check(failures[name], error, message)


def _check(fetched: Fetched, error: str, message: str) -> None:
    assert (fetched.error, fetched.folder) == (error, None), fetched.message
    assert re.search(message, fetched.message), fetched.message
    assert fetched.message.endswith(".")
    assert "\n" not in fetched.message
