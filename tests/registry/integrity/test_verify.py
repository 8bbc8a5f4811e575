"""Verifying reads bytes: in folders, and where the hub's client keeps what it fetched."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select
from support.fake_hub import HubServer, client_of

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.order_tables import record_state
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.catalog.status import evidence_of
from seenat.registry.checkpoints.parameters import count_parameters
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.database.schema import alembic_config
from seenat.registry.database.tables.catalog import checkpoint_files
from seenat.registry.errors import UnknownCheckpoint
from seenat.registry.hub.download import fetch_checkpoint
from seenat.registry.integrity.sync import sync_model
from seenat.registry.integrity.verify import Verification, verify_checkpoint
from seenat.registry.integrity.verify_order import verify_order
from seenat.registry.schedule import Schedule
from seenat.registry.storage.file_state import state_of
from seenat.registry.suites.register import register_suite
from seenat.registry.suites.write import write_suite


@pytest.fixture
def empty_catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog without any suite: what ships would be audited with every test."""
    database = Database(parse_url(str(tmp_path / "catalog.sqlite")))
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "head")
    with Catalog(database) as opened:
        yield opened


@pytest.fixture
def local(empty_catalog: Catalog, small_suite: Any) -> Catalog:
    """A catalog with the small suite, whose checkpoints lie in folders."""
    register_suite(empty_catalog, small_suite.manifest)
    return empty_catalog


def verified(catalog: Catalog, name: str = "mine-s", step: int = 5) -> Verification:
    model = catalog.model(name)
    return verify_checkpoint(catalog, model, model.checkpoint(step))


def evidence_rows(catalog: Catalog, name: str = "mine-s", step: int = 5) -> list[tuple[str | None, str]]:
    with catalog.database.read() as connection:
        rows = evidence_of(connection, catalog.model(name).checkpoint(step).id)
    return [(row.status, row.statement) for row in rows if row.source == "seenat verify"]


# -- folders


def test_a_folder_as_it_was_registered_is_verified(local: Catalog, small_suite: Any) -> None:
    read: list[int] = []
    model = local.model("mine-s")
    verification = verify_checkpoint(local, model, model.checkpoint(5), read.append)
    assert verification.faults == ()
    assert verification.to_json()["verified"] is True
    assert {file.name: file.state for file in verification.files} == {
        "config.json": "same",
        "model.safetensors": "same",
    }
    assert verification.parameters == count_parameters(small_suite.folder / "mine-s" / "step5") == model.parameters
    assert sum(read) == sum(file.bytes or 0 for file in verification.files)
    assert evidence_rows(local)[0][0] == "ok"
    assert local.model("mine-s").checkpoint(5).status == "ok"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "model.safetensors has 0 bytes instead of"),
        (lambda folder: (folder / "config.json").write_text("{}"), "config.json has 2 bytes instead of"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is not there"),
        (lambda folder: (folder / "config.json").unlink(), "config.json is not there"),
        (
            lambda folder: shutil.copy(folder.with_name("step3") / "model.safetensors", folder),
            "model.safetensors has other content: sha256 [0-9a-f]{12} instead of [0-9a-f]{12}",
        ),
        (
            lambda folder: shutil.copy(folder / "model.safetensors", folder / "model-00001-of-00001.safetensors"),
            None,
        ),
    ],
)
def test_a_folder_that_changed_is_wrong_file_by_file(
    local: Catalog, small_suite: Any, change: Callable[[Path], object], message: str | None
) -> None:
    change(small_suite.folder / "mine-s" / "step5")
    verification = verified(local)
    if message is None:
        assert verification.faults == (), "a file that is not loaded is not a fault"
        return
    assert len(verification.faults) >= 1
    assert re.search(message, verification.faults[0])
    checkpoint = local.model("mine-s").checkpoint(5)
    assert checkpoint.status == "wrong"
    assert checkpoint.source == "seenat verify"
    assert re.search(message, checkpoint.reason or "")


def test_what_is_restored_is_ok_again(local: Catalog, small_suite: Any) -> None:
    weights = small_suite.folder / "mine-s" / "step5" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    verified(local)
    weights.write_bytes(content)
    assert verified(local).faults == ()
    assert local.model("mine-s").checkpoint(5).status == "ok"
    assert len(evidence_rows(local)) == 1


def test_another_number_of_parameters_is_told(local: Catalog, small_suite: Any) -> None:
    small_suite.write_checkpoint("mine-s", 5, 1, hidden_size=8, intermediate_size=32)
    faults = verified(local).faults
    assert any("parameters, and mine-s has" in fault for fault in faults)


def test_a_folder_that_is_gone_is_not_on_this_machine(local: Catalog, small_suite: Any) -> None:
    shutil.rmtree(small_suite.folder / "mine-s" / "step5")
    with pytest.raises(UnknownCheckpoint, match="mine-s at step 5 is not on this machine; a job fetches"):
        verified(local)


def test_a_second_set_of_weights_is_told_and_is_no_fault(local: Catalog, small_suite: Any) -> None:
    folder = small_suite.folder / "mine-s" / "step5"
    (folder / "pytorch_model.bin").write_bytes(b"older")
    (folder / "training_args.bin").write_bytes(b"no weights")
    verification = verified(local)
    assert (verification.faults, verification.unused) == ((), ("pytorch_model.bin",))
    assert verification.to_json()["unused"] == ["pytorch_model.bin"]
    assert "; pytorch_model.bin beside them is not read." in evidence_rows(local)[0][1]


# -- orders


def test_an_order_as_it_was_registered_is_verified(local: Catalog) -> None:
    moments: list[tuple[int, int]] = []
    verification = verify_order(local, local.order("mine-order"), lambda done, total: moments.append((done, total)))
    assert (verification.faults, verification.verified) == ((), True)
    assert {file.name: file.state for file in verification.files} == dict.fromkeys(
        ("a.bin", "b.bin", "document.idx"), "same"
    )
    total = sum(file.bytes or 0 for file in verification.files)
    assert (moments[-1], {total for _, total in moments}) == ((total, total), {total})


def test_token_files_are_read_whatever_state_they_are_in(local: Catalog, small_suite: Any) -> None:
    """Even where the catalog knows the very state: nothing but the content tells then."""
    path = small_suite.folder / "b.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1, *path.read_bytes()[1:]]))
    with local.database.write() as connection:
        record_state(connection, local.order("mine-order").id, "b.bin", state_of(path))
    verification = verify_order(local, local.order("mine-order"))
    assert verification.verified is False
    assert re.fullmatch("b.bin has other content: sha256 .{12} instead of .{12}", verification.faults[0])
    (small_suite.folder / "document.idx").unlink()
    assert verify_order(local, local.order("mine-order")).faults[1] == "document.idx is not there"


def test_the_state_of_a_copied_token_file_is_recorded(local: Catalog, small_suite: Any) -> None:
    path = small_suite.folder / "a.bin"
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").rename(path)
    assert verify_order(local, local.order("mine-order")).verified
    assert local.order("mine-order").files[0].state == state_of(path)


# -- fetched copies


@pytest.fixture
def client(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    with client_of(hub):
        yield hub


@pytest.fixture
def fetched(empty_catalog: Catalog, client: HubServer, small_suite: Any) -> Catalog:
    """A catalog with a model on a hub, of which step 5 was fetched."""
    steps = (3, 5)
    for step in steps:
        client.add("org/mine", f"step{step}", small_suite.folder / "mine-s" / f"step{step}")
    model = ModelSpec(
        name="mine-s", order=None, repository="org/mine",
        schedule=Schedule(sequences_per_batch=4, steps=5, saved=steps),
        parameters=count_parameters(small_suite.folder / "mine-s" / "step5"),
        checkpoints=tuple(CheckpointSpec(step=step) for step in steps),
    )  # fmt: skip
    with empty_catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name="theirs", origin="here", orders=(), models=(model,)))
    fetch_checkpoint("org/mine", "step5")
    return empty_catalog


def test_a_copy_that_was_never_listed_has_nothing_to_be_compared_with(fetched: Catalog) -> None:
    verification = verified(fetched)
    assert (verification.is_copy, verification.is_comparable, verification.faults) == (True, False, ())
    assert verification.to_json()["verified"] is None
    assert fetched.model("mine-s").checkpoint(5).status == "unknown"


def test_a_copy_is_compared_with_the_hubs_listing(fetched: Catalog) -> None:
    sync_model(fetched, fetched.model("mine-s"))
    verification = verified(fetched)
    assert (verification.faults, verification.is_comparable) == ((), True)
    assert fetched.model("mine-s").checkpoint(5).status == "ok"
    with fetched.database.read() as connection:
        times = select(checkpoint_files.c.modified_ns).where(
            checkpoint_files.c.checkpoint_id == fetched.model("mine-s").checkpoint(5).id
        )
        assert None not in connection.execute(times).scalars().all(), "a job need not read them again"


def test_a_broken_copy_is_told_and_says_nothing_of_the_hub(fetched: Catalog) -> None:
    sync_model(fetched, fetched.model("mine-s"))
    folder = verified(fetched).folder
    weights = (folder / "model.safetensors").resolve()
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    verification = verified(fetched)
    assert len(verification.faults) == 1
    assert "has other content" in verification.faults[0]
    (row,) = evidence_rows(fetched)
    assert row[0] is None
    assert row[1].startswith("A fetched copy is not what the hub listed: model.safetensors has other content")
    assert fetched.model("mine-s").checkpoint(5).status != "wrong"


def test_what_was_not_fetched_is_not_on_this_machine(fetched: Catalog) -> None:
    sync_model(fetched, fetched.model("mine-s"))
    with pytest.raises(UnknownCheckpoint, match="step 3 is not on this machine"):
        verified(fetched, step=3)


def test_the_hub_is_not_asked(fetched: Catalog, client: HubServer) -> None:
    client.requests.clear()
    verified(fetched)
    assert client.requests == []
    assert json.loads(json.dumps(verified(fetched).to_json()))["folder"].endswith(verified(fetched).folder.name)
