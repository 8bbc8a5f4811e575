"""Deleting results, jobs and suites: what is told is what goes, the rest is as if the deleted had never been."""

import pytest
from sqlalchemy import func, select
from support.measuring import measure

import seenat
from seenat.memorization.deletion.files import leftovers
from seenat.memorization.deletion.job import delete_job
from seenat.memorization.deletion.results import delete_results, delete_rows_of
from seenat.memorization.deletion.suite import unregister
from seenat.memorization.jobs.job_table import jobs_of_measurement
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.queries.measured import measured_protocols
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.results.measurements import measurements_of, results_folder
from seenat.registry.database.tables.complete import metadata
from seenat.registry.errors import InvalidValue, NotFound, NotMeasured, StillNeeded, UnknownJob
from seenat.registry.suites.register import register_suite

SHORT = Protocol(prompt=8, continuation=8)
BLOCK = 896
FIRST = {"steps": (384,), "sequences": seenat.SequenceRange(0, BLOCK)}
"""One shard."""
BOTH = {"steps": (256, 384), "sequences": seenat.SequenceRange(0, 2 * BLOCK)}
"""Four shards, of which one is the first job's."""


@pytest.fixture
def either(catalog, pocket_manifest):
    """A catalog of each kind that knows the suite."""
    register_suite(catalog, pocket_manifest)
    return catalog


@pytest.fixture
def alone(sqlite_catalog, pocket_manifest):
    """A catalog that knows the suite, where the kind of database does not matter."""
    register_suite(sqlite_catalog, pocket_manifest)
    return sqlite_catalog


def rows(catalog):
    """How many rows every table has."""
    with catalog.database.read() as connection:
        tables = {name: table for name, table in metadata.tables.items() if name not in ("generations", "protocols")}
        return {
            name: connection.execute(select(func.count()).select_from(of)).scalar_one() for name, of in tables.items()
        }


def files(catalog):
    root = results_folder(catalog.database)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_job_goes_with_what_it_alone_measured(either, committed):
    model = either.model("pocket-230k")
    measure(either, "pocket-230k", SHORT, **FIRST)
    before, onsets_before = committed(either, "pocket-230k", SHORT), onsets(either, model)
    blocks_before = [name for name in files(either) if "/c/" in name and "trajectories" not in name]
    job = measure(either, "pocket-230k", SHORT, **BOTH)
    with_both, there = rows(either), files(either)
    told = delete_job(either, job.id)
    assert (told.done, told.blocks, told.kept_blocks, told.values) == (False, 3, 1, 3 * BLOCK)
    assert (rows(either), files(either)) == (with_both, there)
    assert delete_job(either, job.id, yes=True).to_json() == {**told.to_json(), "done": True}
    assert committed(either, "pocket-230k", SHORT) == before
    assert onsets(either, model) == onsets_before
    assert [name for name in files(either) if "/c/" in name and "trajectories" not in name] == blocks_before
    with pytest.raises(UnknownJob):
        delete_job(either, job.id, yes=True)
    assert measure(either, "pocket-230k", SHORT, **BOTH).progress.measured == 3 * BLOCK
    measure(either, "pocket-230k", **FIRST)
    with pytest.raises(InvalidValue, match="Several protocols"):
        delete_results(either, model, protocol="", yes=True)


def test_results_and_suites_go_whole_and_come_back(sqlite_catalog, pocket_manifest):
    catalog = sqlite_catalog
    empty = rows(catalog)
    register_suite(catalog, pocket_manifest)
    registered, model = rows(catalog), catalog.model("pocket-230k")
    measure(catalog, "pocket-230k", SHORT, **FIRST)
    counted = onsets(catalog, model)
    assert delete_results(catalog, model, SHORT.id[:6], yes=True).values == BLOCK
    assert (rows(catalog), files(catalog), leftovers(catalog.database)) == (registered, [], ())
    with pytest.raises(NotMeasured):
        delete_results(catalog, model, yes=True)
    measure(catalog, "pocket-230k", SHORT, **FIRST)
    assert onsets(catalog, model) == counted
    told = unregister(catalog, "pocket")
    assert (told.models, told.values) == (("pocket-230k", "pocket-660k", "pocket-2m"), BLOCK)
    assert unregister(catalog, "pocket", yes=True).jobs == told.jobs
    assert (rows(catalog), files(catalog)) == (empty, [])
    for name, error in (("pocket", NotFound), ("pythia", StillNeeded)):
        with pytest.raises(error):
            unregister(catalog, name, yes=True)
    register_suite(catalog, pocket_manifest)
    assert rows(catalog) == registered


def test_killed_between_rows_and_files_a_deletion_leaves_what_is_named_and_cleared(alone):
    model, database = alone.model("pocket-230k"), alone.database
    measure(alone, "pocket-230k", SHORT, **FIRST)
    with database.write() as connection:
        chosen = measurements_of(connection, model)
        delete_rows_of(connection, chosen, jobs_of_measurement(connection, chosen[0].id))
    assert {path.parent.name for path in leftovers(database)} == {"pocket-230k"}
    assert measured_protocols(alone, [model]) == ()
    assert measure(alone, "pocket-230k", SHORT, **FIRST).progress.measured == BLOCK
    assert leftovers(database) == ()
    delete_results(alone, model, yes=True)
    assert files(alone) == []


def test_what_somebody_works_at_is_not_deleted(alone):
    model, refused = alone.model("pocket-230k"), []

    def try_to_delete(now):
        for delete in (
            lambda: delete_job(alone, 1, yes=True),
            lambda: delete_results(alone, model, yes=True),
            lambda: unregister(alone, "pocket", yes=True),
        ):
            with pytest.raises(StillNeeded, match="runs right now"):
                delete()
            refused.append(now.done)

    measure(alone, "pocket-230k", SHORT, **FIRST, progress=try_to_delete)
    assert len(refused) >= 3
    assert measured_protocols(alone, [model])[0].values == BLOCK
