"""Checkpoints of a hub: fetched ahead, told of in their turn, kept within a limit, and not begun where they do not fit."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from huggingface_hub import constants
from sqlalchemy import update
from support.fake_hub import Fault, HubServer, client_of
from support.measuring import plan

from seenat.cli.main import seenat
from seenat.memorization.jobs.host_memory import free_memory
from seenat.memorization.jobs.prefetch import CacheQuota, PrefetchedCheckpoint, Prefetcher
from seenat.memorization.jobs.runners.local import Advance, run_job
from seenat.memorization.jobs.status import Job, failures, find_job
from seenat.memorization.queries.trajectories import measured_values
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint
from seenat.registry.database.tables.jobs import shards
from seenat.registry.errors import CorruptFile, JobFailed, NoRoom
from seenat.registry.hub.cache import evict
from seenat.registry.hub.download import DownloadObserver, fetch_checkpoint
from seenat.registry.integrity.content import Content, content_of, ensure_content
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

STEPS = (8, 16, 32, 64, 128)
REPOSITORY = "org/far"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache of this test's own."""
    folder = tmp_path / "hub-cache"
    folder.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def registered(pocket_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with a model `far` on a hub, the smallest of the pocket suite, at five checkpoints; to be copied."""
    folder = tmp_path_factory.mktemp("far")
    manifest = folder / "far.toml"
    manifest.write_text(
        f'[suite]\nname = "far"\n[[model]]\nname = "far"\norder = "pocket-order"\nsteps = {list(STEPS)}\n'
        f'repository = "{REPOSITORY}"\n'
    )
    path = Path(shutil.copy(pocket_file, folder))
    with open_catalog(str(path)) as catalog:
        register_suite(catalog, manifest)
    return path


@pytest.fixture
def far(registered: Path, pocket_manifest: Path, tmp_path: Path, hub: HubServer, cache: Path) -> Iterator[Catalog]:
    """That catalog, and the hub that has the model."""
    for step in STEPS:
        hub.add(REPOSITORY, f"step{step}", folder_of(pocket_manifest, step))
    path = shutil.copy(registered, tmp_path / "catalog.sqlite")
    with client_of(hub), open_catalog(str(path)) as catalog:
        yield catalog


def folder_of(manifest: Path, step: int) -> Path:
    return manifest.parent / "models" / "pocket-230k" / f"step{step}"


def planned(catalog: Catalog, name: str = "far") -> Job:
    return plan(catalog, name, steps=STEPS, sequences=SequenceRange(0, 40), unseen=True)


def run(catalog: Catalog, progress: Callable[[Advance], None] = lambda _: None, **options: Any) -> Job:
    return run_job(catalog, planned(catalog), device="cpu", progress=progress, **options)


def on_disk(cache: Path) -> set[int]:
    """The steps whose weights are in the cache, whole."""
    whole = [path for path in cache.glob("*/refs/*") if path.suffix != ".tmp"]  # A fetch may be writing another.
    refs = {path.read_text(): int(path.name.removeprefix("step")) for path in whole}
    found = {path.parent.name for path in cache.glob("*/snapshots/*/model.safetensors") if path.exists()}
    # A revision is noted once all its files are there.
    return {refs[commit] for commit in found & refs.keys()}


def transfers(hub: HubServer) -> list[int]:
    """The steps whose weights were sent, in turn."""
    place = f"GET /large/{REPOSITORY}/resolve/"
    commits = {hub.add(REPOSITORY, name, folder): name for name, folder in hub.repositories[REPOSITORY].items()}
    asked = [request.removeprefix(place).split("/")[0] for request in hub.requests if request.startswith(place)]
    return [int(commits[commit].removeprefix("step")) for commit in asked if commits[commit] != "twin"]


def soon(happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)
    return happened()


# -- ahead


def test_the_next_checkpoint_is_fetched_while_one_is_measured(far: Catalog, hub: HubServer) -> None:
    ahead = {}

    def told(now: Advance) -> None:
        following = STEPS[STEPS.index(now.step) + 1 :][:1]
        ahead[now.step] = all(soon(lambda step=step: step in transfers(hub)) for step in following)
        assert now.step == STEPS[-1] or transfers(hub)[-1] <= following[0], "one ahead, and no more"

    job = run(far, told)
    assert ahead == dict.fromkeys(STEPS, True)
    assert transfers(hub) == list(STEPS), "each is sent once"
    assert job.progress.measured == 40 * len(STEPS)
    run_job(far, planned(far, "pocket-230k"), device="cpu")
    values = [measured_values(far, far.model(name), SequenceRange(0, 40)).values for name in ("far", "pocket-230k")]
    assert values[0].tolist() == values[1].tolist()


def test_what_goes_wrong_ahead_is_told_in_its_turn_and_the_others_are_measured(far: Catalog, hub: HubServer) -> None:
    del hub.repositories[REPOSITORY]["step32"]
    states = {}

    def told(now: Advance) -> None:
        states[now.step] = find_job(far, 1).progress.failed

    with pytest.raises(JobFailed, match="1 of 5 shards"):
        run(far, told)
    assert states == {8: 0, 16: 0, 64: 1, 128: 1}
    (failure,) = failures(far, find_job(far, 1))
    assert (failure.step, failure.attempts) == (32, 1)
    assert failure.error.endswith("has no such revision: org/far@step32.")


def test_an_interruption_ends_what_is_fetched_ahead(far: Catalog, hub: HubServer, cache: Path) -> None:
    def interrupt(now: Advance) -> None:
        hub.faults[REPOSITORY] = Fault(at="body", delay=0.5)
        if now.step == 16:
            assert soon(lambda: transfers(hub)[-1] == 32)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(far, interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name == "seenat-prefetch"]
    assert on_disk(cache) == {8, 16}
    assert list(cache.rglob("*.incomplete")) == []
    hub.faults.clear()
    assert run(far).state == "done"


def test_while_the_run_waits_for_a_checkpoint_it_tells_so(far: Catalog, hub: HubServer) -> None:
    hub.faults[REPOSITORY] = Fault(at="body", delay=2.5, times=1)
    told: list[Advance] = []
    run(far, told.append)
    waiting = [now for now in told if now.fetched is not None]
    assert {now.step for now in waiting} == {8}
    assert all((now.done, now.fetched) == (0, waiting[0].fetched) for now in waiting)
    assert (waiting[0].fetched or 0) > 700, "the configuration has come"


class _Scorer:
    """Where a scorer was made: this test is about when, not what."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.thread = folder, threading.current_thread().name


@dataclass
class _Loader:
    """A loader that does as it is told."""

    fetch: Callable[[Checkpoint, DownloadObserver], Content]
    load: Callable[[Path], Any] = _Scorer
    may_load_ahead: Callable[[Content], bool] = lambda _: True
    report_waiting: Callable[[Checkpoint, int], None] = lambda *_: None


def prefetched_by(
    checkpoints: tuple[Checkpoint, ...],
    fetch: Callable[[Checkpoint, DownloadObserver], Content],
    use: Callable[[PrefetchedCheckpoint], Any],
    **more: Any,
) -> list[Any]:
    with Prefetcher(checkpoints, _Loader(fetch, **more), CacheQuota(None, lambda _: False)) as prefetcher:
        return [use(prefetched) for prefetched in prefetcher]


def contents(step: Checkpoint, _: DownloadObserver) -> Content:
    return Content(Path(str(step.step)), ())


def test_the_next_is_loaded_ahead_once_one_is_loaded_and_memory_allows(far: Catalog) -> None:
    chosen = far.model("far").checkpoints
    threads = lambda **more: prefetched_by(chosen, contents, lambda prefetched: prefetched.scorer().thread, **more)
    assert threads() == ["MainThread", *["seenat-prefetch"] * 4]
    assert threads(may_load_ahead=lambda _: False) == ["MainThread"] * 5
    # Where nothing has to be measured, nothing is loaded, so the one after is not loaded ahead either.
    used = prefetched_by(
        chosen, contents, lambda prefetched: prefetched.scorer().thread if prefetched.place in (1, 2, 4) else None
    )
    assert used == [None, "MainThread", "seenat-prefetch", None, "MainThread"]


def test_what_cannot_be_loaded_ahead_is_loaded_in_its_turn(far: Catalog) -> None:
    def load(folder: Path) -> Any:
        if threading.current_thread().name == "seenat-prefetch":
            raise MemoryError
        return _Scorer(folder)

    loaded = prefetched_by(
        far.model("far").checkpoints, contents, lambda prefetched: prefetched.scorer().folder.name, load=load
    )
    assert loaded == [str(step) for step in STEPS]


def test_what_did_not_fit_ahead_is_tried_again_once_there_is_room(far: Catalog) -> None:
    tried: list[int] = []

    def fetch(checkpoint: Checkpoint, watch: DownloadObserver) -> Content:
        tried.append(checkpoint.step)
        if checkpoint.step == 16 and tried.count(16) == 1:
            raise NoRoom("no room yet.")
        if checkpoint.step == 64:
            raise NoRoom("no room at all.")
        return contents(checkpoint, watch)

    def use(prefetched: PrefetchedCheckpoint) -> str:
        try:
            return prefetched.content().folder.name
        except NoRoom as error:
            return str(error)

    assert prefetched_by(far.model("far").checkpoints, fetch, use) == ["8", "16", "32", "no room at all.", "128"]
    assert tried == [8, 16, 16, 32, 64, 64, 128]


def test_what_was_read_ahead_is_not_believed_of_a_file_that_changed(
    far: Catalog, pocket_manifest: Path, tmp_path: Path
) -> None:
    checkpoint = far.model("pocket-230k").checkpoint(16)
    folder = Path(shutil.copytree(folder_of(pocket_manifest, 16), tmp_path / "copy"))
    ahead = content_of(far, checkpoint, folder)
    assert ensure_content(far, checkpoint, folder, ahead.files) == checkpoint.digest
    path, other = folder / "model.safetensors", folder_of(pocket_manifest, 32) / "model.safetensors"
    shutil.copyfile(other, path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(CorruptFile, match=r"\(model.safetensors changed\)"):
        ensure_content(far, checkpoint, folder, ahead.files)


def test_memory_is_what_the_machine_or_its_container_has_left(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert free_memory(meminfo, tmp_path) is None
    meminfo.write_text("MemTotal:  2000 kB\nMemFree:  100 kB\nMemAvailable:    1000 kB\n")
    assert free_memory(meminfo, tmp_path) == 1000 << 10
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("600\n")
    assert free_memory(meminfo, tmp_path) == 1000 << 10
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_memory(meminfo, tmp_path) == 400


# -- keeping


@pytest.mark.parametrize("keep", [None, 0, 2])
def test_so_many_are_kept_that_this_run_fetched_and_all_that_were_there(
    far: Catalog, cache: Path, keep: int | None
) -> None:
    fetch_checkpoint(REPOSITORY, "step16")
    most = 0

    def told(_: Advance) -> None:
        nonlocal most
        most = max(most, len(on_disk(cache) - {16}))

    assert run(far, told, keep_checkpoints=keep).progress.measured == 200
    assert on_disk(cache) == {None: set(STEPS), 0: {16}, 2: {16, 64, 128}}[keep]
    assert most <= {None: 4, 0: 2, 2: 4}[keep], "those kept, the one that is measured, the one that is fetched"
    shutil.rmtree(cache)
    cache.mkdir()
    assert find_job(far, 1).state == "done"


@pytest.mark.parametrize("keep", [0, 1])
def test_both_parts_of_an_adaptive_job_keep_so_many_together(
    far: Catalog, cache: Path, keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(far.database))
    asked = f"memorize far --sequences 0:40 --unseen --adaptive --coarse 8,128 --audit 5 --keep-checkpoints {keep}"
    done = CliRunner().invoke(seenat, asked.split(), catch_exceptions=False)
    assert done.exit_code == 0
    assert find_job(far, 2).selection.steps == (16, 32, 64)
    assert on_disk(cache) == {0: set(), 1: {64}}[keep]


def test_what_other_revisions_share_survives(far: Catalog, hub: HubServer, pocket_manifest: Path, cache: Path) -> None:
    # Another branch with the same weights beside another configuration: one content, two revisions.
    twin = Path(shutil.copytree(folder_of(pocket_manifest, 32), cache.parent / "twin"))
    (twin / "config.json").write_text((twin / "config.json").read_text() + "\n")
    hub.add(REPOSITORY, "twin", twin)
    kept = fetch_checkpoint(REPOSITORY, "twin")
    before = {path: path.read_bytes() for path in kept.iterdir()}
    run(far, keep_checkpoints=0)
    assert transfers(hub).count(32) == 0, "its weights were there"
    assert {path: path.read_bytes() for path in kept.iterdir()} == before
    assert [path.parent.name for path in cache.glob("*/snapshots/*/model.safetensors")] == [kept.name]
    assert len(list(cache.glob("*/blobs/*"))) == 2


def test_a_checkpoint_that_another_process_measures_stays_until_it_is_done(far: Catalog, cache: Path) -> None:
    job = planned(far)
    elsewhere = plan(far, "far", steps=(8,), sequences=SequenceRange(100, 140), unseen=True)
    later = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    of_elsewhere = shards.c.job_id == elsewhere.id
    with far.database.write() as connection:
        connection.execute(
            update(shards).where(of_elsewhere).values(state="running", owner="elsewhere:1", lease_until=later)
        )
    held = []

    def told(now: Advance) -> None:
        held.append(8 in on_disk(cache))
        if now.step == 64:
            with far.database.write() as connection:
                connection.execute(update(shards).where(of_elsewhere).values(state="pending", owner=None))

    run_job(far, job, device="cpu", keep_checkpoints=0, progress=told)
    assert held[0] and all(held[: 2 * 3])  # noqa: PT018 - one fact.
    assert on_disk(cache) == set()


def test_a_checkpoint_that_another_run_of_this_machine_has_fetched_stays_until_it_is_done(
    far: Catalog, cache: Path
) -> None:
    quota = CacheQuota(0, lambda _: False)
    elsewhere = quota.use(far.model("far").checkpoint(8))
    held = []

    def told(now: Advance) -> None:
        if now.step <= 32:
            held.append(8 in on_disk(cache))
        else:
            elsewhere.close()

    run_job(far, planned(far), device="cpu", keep_checkpoints=0, progress=told)
    assert len(held) > 2
    assert all(held)
    assert on_disk(cache) == set()


def test_freeing_what_is_not_there_frees_nothing(far: Catalog, cache: Path) -> None:
    folder = fetch_checkpoint(REPOSITORY, "step16")
    assert evict([folder / "nothing", cache / "elsewhere"]) == 0
    size = (folder / "model.safetensors").stat().st_size
    assert evict([folder / "model.safetensors"]) == size
    assert on_disk(cache) == set()
    assert (folder / "config.json").exists()


# -- room


def test_what_does_not_fit_is_not_begun(far: Catalog, hub: HubServer, cache: Path) -> None:
    fetch_checkpoint(REPOSITORY, "step8")
    hub.sizes[REPOSITORY] = 10**16
    with pytest.raises(NoRoom) as refused:
        run(far)
    told = str(refused.value)
    assert told.startswith(
        "Fetching org/far@step16 takes 10,000,000,000,000,000 bytes and 268,435,456 should stay free, but "
    )
    assert "--keep-checkpoints" in told
    assert "HF_HOME" in told
    assert told.endswith(".")
    assert on_disk(cache) == {8}
    assert transfers(hub) == [8]
    assert list(cache.rglob("*.incomplete")) == []
    left = find_job(far, 1)
    assert (left.progress.done, left.progress.pending, left.progress.failed) == (1, 4, 0)
    hub.sizes.clear()
    assert run(far).state == "done"


def test_what_is_cached_under_another_revision_needs_no_room(
    far: Catalog, hub: HubServer, pocket_manifest: Path, cache: Path
) -> None:
    twin = Path(shutil.copytree(folder_of(pocket_manifest, 16), cache.parent / "twin"))
    (twin / "config.json").write_text((twin / "config.json").read_text() + "\n")
    hub.add(REPOSITORY, "twin", twin)
    fetch_checkpoint(REPOSITORY, "step16")
    hub.sizes[REPOSITORY] = 10**16
    assert (fetch_checkpoint(REPOSITORY, "twin") / "model.safetensors").exists()
    with pytest.raises(NoRoom):
        fetch_checkpoint(REPOSITORY, "step32")
