"""Syncing through the hub's own client, with a hub on this machine that can fail."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from safetensors.numpy import save_file
from sqlalchemy import select
from support.fake_hub import Fault, HubServer, client_of

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.catalog.status import evidence_of
from seenat.registry.checkpoints.files import checkpoint_digest, sha256_of_files
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.schema import alembic_config
from seenat.registry.database.tables.catalog import revisions
from seenat.registry.errors import CorruptFile, HubUnavailable, InvalidValue, UnknownCheckpoint
from seenat.registry.integrity.audit import audit
from seenat.registry.integrity.sync import Synced, sync_model, sync_models
from seenat.registry.schedule import Schedule
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.suites.write import write_suite

STEPS = (0, 1, 2, 4, 8)
CONFIG = {"model_type": "gpt_neox", "num_hidden_layers": 1, "hidden_size": 4, "intermediate_size": 16, "vocab_size": 50}


@pytest.fixture(autouse=True)
def client(hub: HubServer) -> Iterator[None]:
    with client_of(hub):
        yield


@pytest.fixture
def empty_catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog without any suite: what ships would be audited with every test."""
    database = Database(parse_url(str(tmp_path / "catalog.sqlite")))
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "head")
    with Catalog(database) as opened:
        yield opened


@pytest.fixture
def catalog(empty_catalog: Catalog) -> Catalog:
    """A catalog with three models on a hub, and one that is nowhere."""
    saved = tuple(CheckpointSpec(step=step) for step in STEPS)
    schedule = Schedule(sequences_per_batch=4, steps=STEPS[-1], saved=STEPS)
    models = [
        ModelSpec(name=name, order=None, schedule=schedule, checkpoints=saved, repository=repository)
        for name, repository in (("one", "org/one"), ("two", "org/two"), ("three", "org/three"), ("unpublished", None))
    ]
    with empty_catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name="mine", origin="here", orders=(), models=tuple(models)))
    return empty_catalog


def write(folder: Path, content: int, *, form: str = "model.safetensors") -> Path:
    """A checkpoint whose weights follow from a number."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "README.md").write_text("about all steps")
    save_file({"weight": np.full(500, content, np.float16)}, folder / form)
    return folder


def write_parts(folder: Path, *contents: int) -> Path:
    """A checkpoint in parts, with an index."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    names = [f"model-{place:05}-of-{len(contents):05}.safetensors" for place in range(1, len(contents) + 1)]
    for name, content in zip(names, contents, strict=True):
        save_file({name: np.full(500, content, np.float16)}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {name: name for name in names}}))
    return folder


@pytest.fixture
def repository(hub: HubServer, tmp_path: Path) -> dict[str, Path]:
    """The folders of org/one: a revision for each step, `main` as the last."""
    folders = {f"step{step}": write(tmp_path / "one" / f"step{step}", max(step, 1)) for step in STEPS}
    folders["main"] = folders["step8"]
    for revision, folder in folders.items():
        hub.add("org/one", revision, folder)
    return folders


def synced(catalog: Catalog, name: str = "one") -> Synced:
    return sync_model(catalog, catalog.model(name))


def statuses(catalog: Catalog, name: str = "one") -> dict[int, str]:
    audit(catalog)
    return {checkpoint.step: checkpoint.status for checkpoint in catalog.model(name).checkpoints}


# -- what is recorded


def test_every_revision_is_recorded_as_it_lies_there(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    outcome = synced(catalog)
    assert (outcome.listed, outcome.read, outcome.changed, outcome.missing, outcome.unknown) == (6, 6, (), (), ())
    for checkpoint in catalog.model("one").checkpoints:
        folder = repository[checkpoint.revision]
        assert checkpoint.digest == checkpoint_digest(sha256_of_files(folder))
        assert checkpoint.commit_id in {request.split("/")[-1] for request in hub.requests}
        files = {file.name: (file.bytes, file.sha256) for file in catalog.checkpoint_files(checkpoint)}
        assert files == {
            name: ((folder / name).stat().st_size, sha256_of_file(folder / name))
            for name in ("config.json", "model.safetensors")
        }
    assert statuses(catalog) == dict.fromkeys(STEPS, "ok")


def test_no_weights_and_no_file_twice_are_fetched(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    synced(catalog)
    assert not [request for request in hub.requests if "large" in request or "safetensors" in request]
    assert len([request for request in hub.requests if request.endswith("config.json")]) == 1
    commits = [request for request in hub.requests if "/revision/" in request]
    assert len(commits) == len(set(commits)) == 4, "steps 0 and 1, and 8 and main, differ in nothing but names"


def test_a_second_sync_asks_for_the_revisions_alone_and_changes_nothing(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    synced(catalog)
    audit(catalog)
    with catalog.database.read() as connection:
        before = [connection.execute(select(revisions)).all(), catalog.model("one")]
    hub.requests.clear()
    assert synced(catalog).read == 0
    assert hub.requests == ["GET /api/models/org/one/refs"]
    change = audit(catalog)
    assert (change.added, change.withdrawn) == (0, 0)
    with catalog.database.read() as connection:
        assert [connection.execute(select(revisions)).all(), catalog.model("one")] == before


def test_weights_in_parts_are_digested_with_their_index(catalog: Catalog, hub: HubServer, tmp_path: Path) -> None:
    folder = write_parts(tmp_path / "parts", 1, 2, 3)
    hub.add("org/one", "step4", folder)
    synced(catalog)
    assert catalog.model("one").checkpoint(4).digest == checkpoint_digest(sha256_of_files(folder))


def test_other_forms_of_the_weights_are_recorded_but_not_digested(
    catalog: Catalog, hub: HubServer, tmp_path: Path
) -> None:
    folder = write(tmp_path / "both", 3)
    (folder / "pytorch_model.bin").write_bytes(b"the same weights, once more")
    (folder / "training_args.bin").write_bytes(b"no weights")
    hub.add("org/one", "step4", folder)
    synced(catalog)
    checkpoint = catalog.model("one").checkpoint(4)
    assert checkpoint.digest == checkpoint_digest(sha256_of_files(folder))
    names = [file.name for file in catalog.checkpoint_files(checkpoint)]
    assert names == ["config.json", "model.safetensors", "pytorch_model.bin"]


def test_revisions_that_are_no_steps_are_told_and_left_alone(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    for name in ("step3", "refactor", "v1.0"):
        hub.add("org/one", name, repository["step4"])
    outcome = synced(catalog)
    assert outcome.unknown == ("refactor", "step3", "v1.0")
    assert [one.step for one in catalog.model("one").checkpoints] == list(STEPS)
    assert set(statuses(catalog).values()) == {"ok"}, "a step that is no checkpoint accuses nobody"


# -- what it means


def test_wrong_suspect_and_missing_steps_are_found(catalog: Catalog, hub: HubServer, tmp_path: Path) -> None:
    for step, content in ((0, 1), (1, 1), (2, 8), (8, 8)):
        hub.add("org/one", f"step{step}", write(tmp_path / "one" / f"step{step}", content))
    hub.add("org/one", "main", tmp_path / "one" / "step8")
    assert synced(catalog).missing == (4,)
    assert statuses(catalog) == {0: "ok", 1: "ok", 2: "wrong", 4: "missing", 8: "ok"}
    assert catalog.model("one").schedule.saved == (0, 1, 2, 8)


def test_a_step_that_is_back_and_one_that_was_repaired_are_ok_again(
    catalog: Catalog, hub: HubServer, tmp_path: Path
) -> None:
    for step, content in ((0, 1), (1, 1), (2, 8), (8, 8)):
        hub.add("org/one", f"step{step}", write(tmp_path / "one" / f"step{step}", content))
    synced(catalog)
    assert [statuses(catalog)[step] for step in (2, 4)] == ["wrong", "missing"]
    hub.add("org/one", "step4", write(tmp_path / "one" / "step4", 4))
    hub.add("org/one", "step2", write(tmp_path / "one" / "step2-again", 2))
    outcome = synced(catalog)
    assert (outcome.read, outcome.changed, outcome.missing) == (2, (2,), ())
    assert statuses(catalog) == dict.fromkeys(STEPS, "ok")
    with catalog.database.read() as connection:
        rows = evidence_of(connection, catalog.model("one").checkpoint(2).id)
    assert [row.status for row in rows] == ["ok"], "what was found of the files before is gone"


def test_a_revision_without_weights_is_missing_and_one_with_half_of_them_wrong(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer, tmp_path: Path
) -> None:
    empty = shutil.copytree(repository["step2"], tmp_path / "empty")
    (empty / "model.safetensors").unlink()
    half = write_parts(tmp_path / "half", 5, 6)
    (half / "model-00002-of-00002.safetensors").unlink()
    hub.add("org/one", "step2", empty)
    hub.add("org/one", "step4", half)
    synced(catalog)
    assert statuses(catalog) == {0: "ok", 1: "ok", 2: "missing", 4: "wrong", 8: "ok"}
    hub.requests.clear()
    assert synced(catalog).read == 0, "what is not there is not asked for again either"


def test_a_revision_that_goes_keeps_what_was_known_of_its_files(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    synced(catalog)
    digest = catalog.model("one").checkpoint(4).digest
    del hub.repositories["org/one"]["step4"]
    assert synced(catalog).missing == (4,)
    assert statuses(catalog)[4] == "missing"
    assert catalog.model("one").checkpoint(4).digest == digest is not None


def test_models_with_the_same_weights_are_suspect_when_both_are_known(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer, tmp_path: Path
) -> None:
    for step in STEPS:
        folder = repository["step4"] if step == 4 else write(tmp_path / "two" / f"step{step}", 100 + max(step, 1))
        hub.add("org/two", f"step{step}", folder)
    synced(catalog)
    assert statuses(catalog)[4] == "ok"
    synced(catalog, "two")
    assert statuses(catalog) == statuses(catalog, "two") == {0: "ok", 1: "ok", 2: "ok", 4: "suspect", 8: "ok"}


# -- what goes wrong


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_stumbles_is_asked_again(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer, status: int
) -> None:
    hub.faults["org/one"] = Fault(at="api", status=status, headers={"Retry-After": "0"}, times=3)
    assert synced(catalog).read == 6


def test_a_hub_that_says_when_to_come_back_is_believed(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    hub.faults["org/one"] = Fault(at="api", status=429, headers={"RateLimit": '"api";r=0;t=1'}, times=1)
    began = time.monotonic()
    assert synced(catalog).read == 6
    assert time.monotonic() - began > 1.9


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(status=401, code="RepoNotFound"), UnknownCheckpoint, "shows no repository for org/one"),
        (Fault(status=401), HubUnavailable, r"refuses org/one \(401\)"),
        (Fault(status=403, code="GatedRepo"), HubUnavailable, "keeps org/one gated"),
        (Fault(status=404, code="RepoNotFound"), UnknownCheckpoint, "shows no repository for org/one"),
        (Fault(status=429, headers={"Retry-After": "0"}), HubUnavailable, r"failed on org/one \(429\)"),
        (Fault(status=500, headers={"Retry-After": "0"}), HubUnavailable, r"failed on org/one \(500\)"),
        (Fault(at="resolve", flip=True), CorruptFile, "config.json of org/one@[0-9a-f]{40} arrived as"),
    ],
)
def test_every_failure_is_one_sentence_and_leaves_the_catalog_whole(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer, fault: Fault, error: type[Exception], message: str
) -> None:
    hub.faults["org/one"] = fault
    with pytest.raises(error, match=message):
        synced(catalog)
    assert {one.digest for one in catalog.model("one").checkpoints} == {None}
    del hub.faults["org/one"]
    assert synced(catalog).read == 6
    assert set(statuses(catalog).values()) == {"ok"}


def test_a_small_file_that_breaks_off_is_fetched_again(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    hub.faults["org/one"] = Fault(at="resolve", cut_after=10, times=1)
    assert synced(catalog).read == 6


def test_a_sync_that_stops_half_way_goes_on_from_there(catalog: Catalog, hub: HubServer, tmp_path: Path) -> None:
    for step in STEPS:
        hub.add("org/one", f"step{step}", write(tmp_path / f"step{step}", 10 + step))
    bad = catalog.model("one").checkpoint(4)
    (tmp_path / "step4" / "config.json").write_text(json.dumps(CONFIG | {"odd": True}))
    hub.faults["org/one"] = Fault(at="resolve", status=404, times=1)
    with pytest.raises(UnknownCheckpoint):
        synced(catalog)
    known = [one.step for one in catalog.model("one").checkpoints if one.digest]
    assert len(known) < len(STEPS)
    assert synced(catalog).read == len(STEPS) - len(known)
    assert catalog.model("one").checkpoint(bad.step).digest


def test_of_several_models_those_that_fail_are_told(
    catalog: Catalog, repository: dict[str, Path], hub: HubServer
) -> None:
    models = [catalog.model(name) for name in ("two", "one")]
    moments: list[tuple[str, int, int]] = []
    done = sync_models(catalog, models, lambda *moment: moments.append(moment))
    assert [one.model for one in done.models] == ["one"]
    assert [(one.model, type(one.error)) for one in done.failures] == [("two", UnknownCheckpoint)]
    assert done.unreached is None
    assert moments[-1] == ("one", 10, 10)
    assert [moment[1] for moment in moments] == sorted(moment[1] for moment in moments)


def test_two_repositories_in_a_row_that_cannot_be_reached_end_it(catalog: Catalog, hub: HubServer) -> None:
    for name in ("org/one", "org/two", "org/three"):
        hub.repositories[name] = {}
        hub.faults[name] = Fault(status=403)
    models = [catalog.model(name) for name in ("one", "two", "three")]
    with pytest.raises(HubUnavailable, match="org/two"):
        sync_models(catalog, models)
    assert not [request for request in hub.requests if "three" in request]


def test_one_that_cannot_be_reached_is_named(catalog: Catalog, repository: dict[str, Path], hub: HubServer) -> None:
    hub.faults["org/two"] = Fault(status=403)
    done = sync_models(catalog, [catalog.model("two"), catalog.model("one")])
    assert "What the hub has of two could not be read" in str(done.unreached)


def test_a_model_without_repository_has_nothing_to_sync(catalog: Catalog) -> None:
    with pytest.raises(InvalidValue, match="unpublished has no repository on a hub: its checkpoints are not published"):
        synced(catalog, "unpublished")
