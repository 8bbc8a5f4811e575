"""What is committed is answered or refused, never passed over: files that are gone, damaged, or in another's place."""

import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import update
from support.synthetic_results import BLOCK, SEQUENCES, STEPS, SyntheticResults, values

from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.repair import reopen_lost
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.status import find_job
from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.export import export_results
from seenat.memorization.queries.trajectories import measured_values, trajectory
from seenat.memorization.results.compaction import compact
from seenat.memorization.results.measurements import results_folder
from seenat.memorization.results.read import read_values
from seenat.memorization.studies.inputs.study_data import open_study_data
from seenat.registry.database.tables.jobs import jobs, shards
from seenat.registry.errors import CorruptFile
from seenat.registry.units import SequenceRange

EVERYTHING = SequenceRange(0, SEQUENCES)
ROW, HIT = 3, 1
"""The block that is damaged: of step 40, sequences 272 to 543."""


def path(made, row=ROW, block=HIT):
    return made.array.folder / "c" / str(row) / str(block)


def flip(made, row=ROW, block=HIT):
    data = bytearray(path(made, row, block).read_bytes())
    data[len(data) // 2] ^= 1
    path(made, row, block).write_bytes(data)


DAMAGES = {
    "gone": lambda made: path(made).unlink(),
    "shortened": lambda made: path(made).write_bytes(path(made).read_bytes()[:-1]),
    "another block's": lambda made: shutil.copy(path(made, block=2), path(made)),
    "flipped": flip,
    "the whole checkpoint": lambda made: shutil.rmtree(path(made).parent),
    "a folder": lambda made: (path(made).unlink(), path(made).mkdir()),
    "a pipe": lambda made: (path(made).unlink(), os.mkfifo(path(made))),
    "a link to itself": lambda made: (path(made).unlink(), path(made).symlink_to(path(made))),
}


def asked(made, tmp_path):
    """Every way to read values, each over sequences that the damaged block holds."""
    catalog, model = made.catalog, made.model
    results = open_study_data(catalog, model)
    return {
        "trajectory": lambda: trajectory(catalog, model, BLOCK + 7),
        "values": lambda: measured_values(catalog, model, EVERYTHING),
        "some values": lambda: measured_values(catalog, model, SequenceRange(BLOCK - 3, BLOCK + 3)),
        "study": lambda: results.points(SequenceRange(BLOCK, 2 * BLOCK), steps=STEPS[2:]),
        "export": lambda: export_results(catalog, model, tmp_path / "values.parquet"),
    }


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_committed_file_that_is_not_there_as_it_was_is_refused(catalog, tmp_path, damage):
    made = SyntheticResults.registered(catalog)
    stored = made.commit_all()
    DAMAGES[damage](made)
    start = {"values": 0 if damage == "the whole checkpoint" else BLOCK}
    for way, ask in asked(made, tmp_path).items():
        with pytest.raises(CorruptFile) as caught:
            ask()
        told = str(caught.value)
        assert re.search(rf"\.zarr cannot be read for the sequences {start.get(way, '')}", told), way
        assert re.search(r"`seenat memorize made-up --steps 40 --sequences (\d+):\d+ --unseen`", told), way
        assert "\n" not in told
    others = [row for row in made.rows if row != ROW]
    with catalog.database.read() as connection:
        found = read_values(made.store, connection, others, 0, SEQUENCES)
    assert np.array_equal(found, stored[others])
    if damage == "the whole checkpoint":
        return
    assert trajectory(catalog, made.model, 2 * BLOCK + 1).trajectory.points
    compact(catalog, made.model)  # A part does not answer for what it could not be made from.
    with pytest.raises(CorruptFile):
        trajectory(catalog, made.model, BLOCK + 7)


@pytest.fixture
def made(sqlite_catalog):
    return SyntheticResults.registered(sqlite_catalog)


def test_of_a_large_file_a_part_is_read_by_its_check_sums(made):
    stored = made.commit_all()
    made.array.hashed_up_to = 10
    whole = path(made).read_bytes()
    path(made).write_bytes(whole + b" ")
    with pytest.raises(CorruptFile, match="c/3/1 has not the"):
        made.read(start=BLOCK, stop=BLOCK + 1)
    for place in range(len(whole)):
        path(made).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(
            CorruptFile, match="is not what was written: its check sum is another; run `seenat memorize"
        ):
            made.read(start=BLOCK, stop=BLOCK + 1)
    with pytest.raises(CorruptFile, match="c/3/1 is not what was committed"):
        made.read(start=BLOCK, stop=2 * BLOCK)
    path(made).write_bytes(whole)
    assert np.array_equal(made.read(start=BLOCK, stop=BLOCK + 1), stored[:, BLOCK : BLOCK + 1])


def test_what_was_never_committed_is_not_measured_whatever_lies_there(made):
    made.commit(ROW, HIT, values(1))
    made.array.write(ROW, 2, values(2))
    assert np.array_equal(made.read([ROW], BLOCK, 2 * BLOCK)[0], values(1))
    assert (made.read([ROW], 2 * BLOCK, 3 * BLOCK) == NOT_MEASURED).all()


def test_while_a_block_is_written_again_what_counts_is_read(made):
    """From what the file held before, and once the other is committed from that, whatever the reader's transaction knows."""
    made.commit(ROW, HIT, values(1))
    with made.catalog.database.read() as connection:

        def found():
            return read_values(made.store, connection, [ROW], BLOCK, 2 * BLOCK)[0]

        assert np.array_equal(found(), values(1))
        made.array.write(ROW, HIT, values(2))
        assert np.array_equal(found(), values(1))
        made.array.restore(ROW, HIT)
        made.commit(ROW, HIT, values(3))
        assert np.array_equal(found(), values(3))


def finished(made):
    """A job over all blocks of two checkpoints, whose values are committed as made up."""
    made.commit_all()
    asked = Selection(steps=(20, 40), sequences=EVERYTHING, unseen=True)
    job = plan_job(made.catalog, made.model, Protocol(), asked)
    with made.catalog.database.write() as connection:
        connection.execute(update(shards).values(state="done", measured=1, reused=0, seconds=1.0))
        connection.execute(update(jobs).values(finished_at="2026-01-01T00:00:00Z"))
    return find_job(made.catalog, job.id)


def test_shards_whose_files_are_lost_are_opened_again(catalog):
    made = SyntheticResults.registered(catalog)
    job = finished(made)
    other = plan_job(catalog, made.model, replace(Protocol(), prompt=8), job.selection)
    path(made, row=0).unlink()  # Of a checkpoint that the job did not ask for.
    assert (job.state, reopen_lost(catalog, job), reopen_lost(catalog, other)) == ("done", 0, 0)
    path(made).unlink()
    shutil.copy(path(made, row=2, block=2), path(made, row=2, block=3))
    flip(made, row=2, block=0)  # Of the same length.
    assert reopen_lost(catalog, job) == 3
    found = find_job(catalog, job.id)
    assert (found.state, found.progress.pending, found.progress.done) == ("pending", 3, 7)
    assert reopen_lost(catalog, job) == 0


def test_what_a_killed_writer_left_is_not_lost(made):
    job = finished(made)
    made.array.write(ROW, HIT, values(99))
    assert reopen_lost(made.catalog, job) == 0
    made.array.accept(ROW, HIT)
    assert reopen_lost(made.catalog, job) == 1


@pytest.mark.parametrize("protocol", [Protocol(prompt=8, continuation=8), Protocol.default_for(0, "loss", prompt=8)])
def test_a_finished_job_that_is_run_again_measures_what_is_lost(mine_catalog, measured, committed, protocol):
    asked = {"steps": (190, 200), "unseen": True}
    job = measured(mine_catalog, "mine-a", protocol, **asked)
    whole = committed(mine_catalog, "mine-a", protocol)
    model = mine_catalog.model("mine-a")
    files = sorted(key for key in whole if key.startswith("c/"))
    group = results_folder(mine_catalog.database) / job.measurement.folder
    lost, shortened = (group / "values" / files[place] for place in (2, 7))
    lost.unlink()
    shortened.write_bytes(shortened.read_bytes()[:-7])
    shutil.rmtree(group.with_suffix(".trajectories.zarr"))
    with pytest.raises(CorruptFile):
        measured_values(mine_catalog, model, model.order.sequences)
    again = run_job(mine_catalog, job, device="cpu")
    assert again.state == "done"
    assert again.progress.measured + again.progress.reused == 2 * 2520
    assert committed(mine_catalog, "mine-a", protocol) == whole
    assert measured_values(mine_catalog, model, model.order.sequences).steps == (190, 200)


@pytest.mark.parametrize("damage", ["a folder", "a pipe", "a link to itself"])
def test_what_lies_in_the_place_of_a_file_is_moved_aside(made, damage):
    job = finished(made)
    for name in ("junk.before", "9999999999.before", "01.before"):
        (path(made).parent / name).write_bytes(b"junk")
    (path(made).parent / "2.before").mkdir()
    (made.array.folder / "c" / "junk").mkdir()
    (made.array.folder / "c" / "junk" / "1.before").write_bytes(b"junk")
    (path(made).parent / "1.77.partial").mkdir()
    DAMAGES[damage](made)
    assert reopen_lost(made.catalog, job) == 1
    made.commit(ROW, HIT, values(5))
    made.commit(ROW, 2, values(6))
    assert np.array_equal(made.read([ROW], BLOCK, 3 * BLOCK)[0], np.concatenate([values(5), values(6)]))
    assert os.path.lexists(path(made).with_name("1.in-the-way"))


def test_a_file_in_the_place_of_a_folder_is_moved_aside(made):
    made.commit_all()
    shutil.rmtree(path(made).parent)
    path(made).parent.write_bytes(b"junk")
    with pytest.raises(CorruptFile):
        made.read([ROW], BLOCK, 2 * BLOCK)
    made.commit(ROW, HIT, values(5))
    assert np.array_equal(made.read([ROW], BLOCK, 2 * BLOCK)[0], values(5))
    assert path(made).parent.with_name("3.in-the-way").read_bytes() == b"junk"
