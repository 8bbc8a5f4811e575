"""Statuses follow from evidence, evidence from who found it; what ships is what was reported, held against the listing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.catalog.status import Evidence, Status, derive_status, evidence_of
from seenat.registry.database.tables.catalog import checkpoint_files, checkpoints, evidence, revisions
from seenat.registry.integrity.evidence import AUDIT, IMPORT, SHIPPED, VERIFY, forget_evidence, replace_evidence
from seenat.registry.integrity.known_issues import record_known_issues
from seenat.registry.schedule import Schedule
from seenat.registry.suites.builtin import builtin_suites
from seenat.registry.suites.write import write_suite

MAIN_2P8B = "ab496f1c3fd79e3c749a9d5414136a2c8e4224f94eecb261970315cdb0f813fe"
FROM_BEST_TO_WORST = ["ok", "suspect", "wrong", "missing"]


def said(status: str | None, on: str = "2026-01-01", statement: str = "so it is") -> Evidence:
    return Evidence(kind="audit", status=status, statement=statement, source=AUDIT, date=on)


# -- deriving


def test_nothing_is_known_without_evidence_that_names_a_status() -> None:
    assert derive_status([]) == derive_status([said(None)]) == Status()
    assert Status().status == "unknown"


@given(st.lists(st.sampled_from([*FROM_BEST_TO_WORST, None]), min_size=1))
def test_the_worst_evidence_decides_in_whatever_order(statuses: list[str | None]) -> None:
    named = [status for status in statuses if status]
    worst = max(named, key=FROM_BEST_TO_WORST.index) if named else "unknown"
    assert derive_status([said(status) for status in statuses]).status == worst


def test_of_equals_the_newest_speaks() -> None:
    rows = [said("wrong", "2025-01-01", "old"), said("wrong", "2026-01-01", "new"), said("ok", "2026-05-05", "fine")]
    expected = Status(status="wrong", reason="new", date="2026-01-01", source=AUDIT)
    assert derive_status(rows) == derive_status(rows[::-1]) == expected


# -- writing


STEPS = tuple(range(1200))


@pytest.fixture
def catalog(bare_catalog: Catalog) -> Catalog:
    """A catalog with one model of many checkpoints, in each kind of database."""
    schedule = Schedule(sequences_per_batch=4, steps=STEPS[-1], saved=STEPS)
    checkpoints_ = tuple(CheckpointSpec(step=step) for step in STEPS)
    model = ModelSpec(name="mine", order=None, schedule=schedule, repository="org/mine", checkpoints=checkpoints_)
    with bare_catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name="mine", origin="here", orders=(), models=(model,)))
    return bare_catalog


def everything(catalog: Catalog) -> list[Any]:
    with catalog.database.read() as connection:
        return [connection.execute(select(table).order_by(table.c.id)).all() for table in (checkpoints, evidence)]


def status_of(catalog: Catalog, id_: int) -> tuple[str, str | None, str | None]:
    with catalog.database.read() as connection:
        row = connection.execute(select(checkpoints).where(checkpoints.c.id == id_)).one()
    return row.status, row.reason, row.source


def finding(status: str | None, statement: str, source: str = AUDIT) -> Evidence:
    return Evidence(kind="audit", status=status, statement=statement, source=source)


def test_evidence_comes_stays_and_goes_with_its_owner(catalog: Catalog) -> None:
    one = catalog.model("mine").checkpoint(3)
    with catalog.database.write() as connection:
        replace_evidence(connection, VERIFY, {one.id: [finding("ok", "read", VERIFY)]})
        first = replace_evidence(connection, AUDIT, {one.id: [finding("suspect", "twice"), finding(None, "a note")]})
        connection.execute(update(evidence).where(evidence.c.statement == "a note").values(date="2025-01-01"))
    assert (first.added, first.withdrawn) == (2, 0)
    assert status_of(catalog, one.id) == ("suspect", "twice", AUDIT)

    with catalog.database.write() as connection:
        second = replace_evidence(connection, AUDIT, {one.id: [finding(None, "a note")]})
        kept = evidence_of(connection, one.id)
    assert (second.added, second.withdrawn) == (0, 1)
    assert [row.statement for row in kept] == ["read", "a note"]
    assert kept[1].date == "2025-01-01", "what still holds keeps its date"
    assert status_of(catalog, one.id) == ("ok", "read", VERIFY)

    before = everything(catalog)
    with catalog.database.write() as connection:
        replace_evidence(connection, AUDIT, {one.id: [finding(None, "a note")]})
    assert everything(catalog) == before

    with catalog.database.write() as connection:
        replace_evidence(connection, SHIPPED, {one.id: [finding("suspect", "odd", "https://example.org/1")]})
        replace_evidence(connection, IMPORT, {one.id: [finding(None, "told elsewhere", f"{IMPORT} evals")]})
        forget_evidence(connection, [one.id])
        assert [row.statement for row in evidence_of(connection, one.id)] == ["odd", "told elsewhere"]
    assert status_of(catalog, one.id) == ("suspect", "odd", "https://example.org/1"), "other files, same report"


def test_a_status_from_before_becomes_evidence_and_is_there_again_after(catalog: Catalog) -> None:
    one = catalog.model("mine").checkpoint(3)
    with catalog.database.write() as connection:
        connection.execute(
            update(checkpoints)
            .where(checkpoints.c.id == one.id)
            .values(status="ok", reason="read when it was registered", status_date="2026-01-01T00:00:00Z")
        )
        replace_evidence(connection, AUDIT, {one.id: [finding("suspect", "twice")]})
        assert [row.status for row in evidence_of(connection, one.id)] == ["ok", "suspect"]
        replace_evidence(connection, AUDIT, {one.id: []})
    assert status_of(catalog, one.id) == ("ok", "read when it was registered", "seenat register")


def test_many_checkpoints_at_once(catalog: Catalog) -> None:
    ids = [checkpoint.id for checkpoint in catalog.model("mine").checkpoints]
    with catalog.database.write() as connection:
        change = replace_evidence(connection, AUDIT, {id_: [finding("wrong", "twice")] for id_ in ids})
    assert change.added == len(STEPS)
    assert {checkpoint.status for checkpoint in catalog.model("mine").checkpoints} == {"wrong"}
    with catalog.database.write() as connection:
        assert replace_evidence(connection, AUDIT, {id_: [] for id_ in ids}).withdrawn == len(STEPS)
    assert {checkpoint.status for checkpoint in catalog.model("mine").checkpoints} == {"unknown"}


# -- what ships


def shipped() -> list[dict[str, Any]]:
    text = resources.files("seenat.registry").joinpath("data", "evidence.json").read_text("utf-8")
    entries: list[dict[str, Any]] = json.loads(text)["evidence"]
    return entries


@pytest.fixture
def reported(sqlite_catalog: Catalog) -> Catalog:
    with sqlite_catalog.database.write() as connection:
        record_known_issues(connection)
    return sqlite_catalog


def test_every_report_has_a_known_status_source_and_date() -> None:
    known = {model.name for suite in builtin_suites() for model in suite.models} | {"neox-ckpt-pythia-6.9b-deduped"}
    for entry in shipped():
        assert entry["status"] in (None, "suspect", "wrong", "missing")
        assert entry["kind"] in ("report", "identity")
        assert set(entry["models"]) <= known
        assert date.fromisoformat(entry["date"]) <= date.today()
        assert entry["source"].startswith(
            ("https://github.com/EleutherAI/pythia/issues/", "evals/pythia-v1 of EleutherAI/pythia")
        )
        assert ("file" in entry) == ("sha256" in entry)


def test_the_known_faults_of_2p8b_are_those_that_were_counted(reported: Catalog) -> None:
    model = reported.model("pythia-2.8b")
    found = Counter(checkpoint.status for checkpoint in model.checkpoints)
    assert found == {"wrong": 76 + 9, "suspect": 1, "unknown": 68}
    assert model.checkpoint(143000).status == "suspect"
    assert {step for step in (54000, 55000, 64000, 140000, 0, 512) if model.checkpoint(step).status != "wrong"} == set()
    assert {step for step in (66000, 99000, 142000) if model.checkpoint(step).status != "unknown"} == set()
    assert model.checkpoint(3000).source == "https://github.com/EleutherAI/pythia/issues/205"


@pytest.mark.parametrize(
    ("model", "step", "status"),
    [
        ("pythia-12b", 50000, "wrong"),
        ("pythia-12b", 58000, "wrong"),
        ("pythia-12b", 4000, "unknown"),
        ("pythia-12b-deduped", 32000, "unknown"),
        ("pythia-6.9b", 26000, "unknown"),
        ("pythia-410m-seed9", 40000, "missing"),
        ("pythia-410m-seed6", 88000, "missing"),
        ("pythia-410m-seed2", 111000, "missing"),
        ("pythia-160m-weight-seed1", 1, "suspect"),
        ("pythia-160m-weight-seed2", 143000, "suspect"),
        ("pythia-160m-weight-seed1", 0, "unknown"),
        ("pythia-160m-weight-seed3", 1, "unknown"),
        ("pythia-2.8b-deduped", 43000, "suspect"),
        ("pythia-2.8b-deduped", 2000, "suspect"),
        ("pythia-2.8b-deduped", 44000, "unknown"),
        ("pythia-70m", 1, "unknown"),
    ],
)
def test_statuses_of_checkpoints_in_the_news(reported: Catalog, model: str, step: int, status: str) -> None:
    assert reported.model(model).checkpoint(step).status == status


def test_faults_that_were_repaired_are_told_without_a_status(reported: Catalog) -> None:
    with reported.database.read() as connection:
        rows = evidence_of(connection, reported.model("pythia-12b-deduped").checkpoint(32000).id)
    assert [(row.status, row.date) for row in rows] == [(None, "2023-06-06")]
    assert "uploaded again" in rows[0].statement


def test_steps_0_and_1_are_told_to_be_alike(reported: Catalog) -> None:
    with reported.database.read() as connection:
        rows = evidence_of(connection, reported.model("pythia-70m").checkpoint(1).id)
    # With the other step of its own run, and with the same step on the other corpus.
    assert [(row.kind, row.status) for row in rows] == [("identity", None)] * 2


def test_reports_are_recorded_once(reported: Catalog) -> None:
    before = everything(reported)
    assert len(before[1]) > 500
    with reported.database.write() as connection:
        again = record_known_issues(connection)
    assert (again.added, again.withdrawn) == (0, 0)
    assert everything(reported) == before


def test_models_that_the_catalog_lacks_are_passed_over(catalog: Catalog) -> None:
    with catalog.database.write() as connection:
        assert record_known_issues(connection).added == 0


@pytest.mark.parametrize(
    ("sha256", "status"), [(f"sha256:{MAIN_2P8B}", "wrong"), ("sha256:" + "0" * 64, "unknown"), (None, "wrong")]
)
def test_a_report_about_bytes_counts_while_the_hub_lists_them(
    reported: Catalog, sha256: str | None, status: str
) -> None:
    checkpoint = reported.model("pythia-2.8b").checkpoint(100000)
    assert checkpoint.status == "wrong"
    with reported.database.write() as connection:
        connection.execute(
            insert(checkpoint_files).values(
                checkpoint_id=checkpoint.id, name="model.safetensors", bytes=5, sha256=sha256
            )
        )
        record_known_issues(connection)
        rows = evidence_of(connection, checkpoint.id)
    assert reported.model("pythia-2.8b").checkpoint(100000).status == status
    assert any("other bytes now" in row.statement for row in rows) == (status == "unknown")


def test_a_step_that_is_back_is_no_longer_missing(reported: Catalog) -> None:
    model = reported.model("pythia-410m-seed9")
    checkpoint = model.checkpoint(40000)
    listing = {"model_id": model.id, "name": checkpoint.revision, "commit_id": "c1", "seen_at": "2026-11-01T00:00:00Z"}
    with reported.database.write() as connection:
        connection.execute(insert(revisions).values(**listing))
        connection.execute(update(checkpoints).where(checkpoints.c.id == checkpoint.id).values(commit_id="c1"))
        record_known_issues(connection)
    assert reported.model("pythia-410m-seed9").checkpoint(40000).status == "missing", "its revision is still empty"
    with reported.database.write() as connection:
        connection.execute(
            insert(checkpoint_files).values(checkpoint_id=checkpoint.id, name="model.safetensors", bytes=5)
        )
        record_known_issues(connection)
    assert reported.model("pythia-410m-seed9").checkpoint(40000).status == "unknown"
    with reported.database.write() as connection:
        connection.execute(delete(revisions))
        record_known_issues(connection)
    assert reported.model("pythia-410m-seed9").checkpoint(40000).status == "missing"


def test_recording_a_suite_again_leaves_what_evidence_says(reported: Catalog) -> None:
    before = everything(reported)
    with reported.database.write() as connection:
        write_suite(connection, builtin_suites()[0], replace=True)
    assert everything(reported) == before
