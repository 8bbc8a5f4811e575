"""Results by trajectory: the same answers from fewer files, never another one, whatever was committed, damaged or killed."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import zarr
from sqlalchemy import select
from support.synthetic_results import BATCH, BLOCK, FULL_SCORE, SEQUENCES, STEPS, SyntheticResults, values

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.queries.trajectories import measured_values, trajectory
from seenat.memorization.results.compaction import compact
from seenat.memorization.results.recovery import recover
from seenat.memorization.results.trajectory import Point, Trajectory
from seenat.registry.database.tables.catalog import checkpoints
from seenat.registry.database.tables.results import batch_counts, memorized_sequences, onset_counts
from seenat.registry.errors import CorruptFile, NotMeasured
from seenat.registry.units import SequenceRange

EVERYTHING = SequenceRange(0, SEQUENCES)

KILLED = """
import os, signal, sys
from seenat.memorization.results.compaction import compact
from seenat.registry.open import open_catalog

for syncs in range(1, 100):
    pid = os.fork()
    if not pid:
        sync, left = os.fsync, [syncs]

        def counted(descriptor):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(descriptor)

        os.fsync = counted
        with open_catalog(sys.argv[1]) as catalog:
            compact(catalog, catalog.model("made-up"))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(code, flush=True)
    if not code:
        break
"""


FULL = """
import resource, signal, sys
from seenat.memorization.results.compaction import compact
from seenat.registry.errors import SeenatError
from seenat.registry.open import open_catalog
from seenat.registry.storage import local

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
whole = local.write_atomic

def limited(path, data):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), limits[1]))
    try:
        whole(path, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

from seenat.memorization.results import trajectory_parts
from seenat.memorization.results.files import description
trajectory_parts.write_atomic = description.write_atomic = limited
with open_catalog(sys.argv[1]) as catalog:
    try:
        compact(catalog, catalog.model("made-up"))
    except SeenatError as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(1)
"""


@pytest.fixture
def made(sqlite_catalog):
    return SyntheticResults.registered(sqlite_catalog)


def parts(made):
    """The folder of the parts' values."""
    return made.array.group.with_suffix(".trajectories.zarr") / "values"


def hide(made, *blocks):
    """Take the files of some blocks away: what still answers, answers from parts."""
    for row in made.rows:
        for block in blocks:
            (made.array.folder / "c" / str(row) / str(block)).unlink()


def points(path):
    return [(point.step, point.values["prefix"]) for point in path.trajectory.points]


def test_on_both_databases_it_answers_what_was_committed(catalog):
    made = SyntheticResults.registered(catalog)
    with pytest.raises(NotMeasured, match="Nothing of made-up has been measured yet"):
        compact(catalog, made.model)
    stored = made.commit_all()
    assert_derived(made, stored)
    told = []
    found = compact(catalog, made.model, progress=lambda done, total: told.append((done, total)))
    assert (found.blocks, found.written, found.left_out) == (5, 5, 0)
    assert told == [(done, 5) for done in range(1, 6)]
    assert found.bytes == sum(path.stat().st_size for path in (parts(made) / "c" / "0").iterdir())
    assert compact(catalog, made.model).written == 0
    hide(made, *range(5))
    assert np.array_equal(measured_values(catalog, made.model, EVERYTHING).values, stored)
    for sequence in (0, BLOCK - 1, BLOCK, 900, SEQUENCES - 1):
        expected = [(step, value) for step, value in zip(STEPS, stored[:, sequence], strict=True) if value != 255]
        assert points(trajectory(catalog, made.model, sequence)) == expected


def assert_derived(made, stored):
    """The rows of SQL say of the values what looking at each sequence and each batch says."""
    onsets = []
    for sequence, path in enumerate(stored.T.tolist()):
        known = [(step, value) for step, value in zip(STEPS, path, strict=True) if value != NOT_MEASURED]
        told = Trajectory(
            tuple(Point(step=s, seen=True, values={"prefix": v}, memorized=v == FULL_SCORE) for s, v in known)
        )
        if told.onset is not None:
            held = [step for step, value in known if value == FULL_SCORE]
            onset, lost = told.onset, len(told.forgotten)
            onsets.append((sequence, onset.step, onset.bracket_low, held[-1], len(held), lost))
    steps = sorted({(step, sequence // BLOCK) for sequence, step, *_ in onsets})
    of_step = {key: [row[-1] for row in onsets if (row[1], row[0] // BLOCK) == key] for key in steps}
    by_step = [(*key, len(lost), sum(map(bool, lost))) for key, lost in of_step.items()]
    by_batch = stored.reshape(len(STEPS), -1, BATCH)
    counts = [
        (row, batch, int((of_batch != NOT_MEASURED).sum()), int((of_batch == FULL_SCORE).sum()))
        for row, of_row in zip(made.rows, by_batch, strict=True)
        for batch, of_batch in enumerate(of_row)
    ]
    for table, expected in ((memorized_sequences, onsets), (onset_counts, by_step), (batch_counts, counts)):
        columns = [column for column in table.c if column.name != "measurement_id"]
        with made.catalog.database.read() as connection:
            assert sorted(map(tuple, connection.execute(select(*columns)))) == expected


def test_any_zarr_reader_opens_it(made):
    stored = made.commit_all()
    group = zarr.open_group(compact(made.catalog, made.model).folder, mode="r")
    assert np.array_equal(group["values"][:], stored)
    assert group["values"].metadata.dimension_names == ("checkpoint", "sequence")
    assert group.attrs.asdict() == zarr.open_group(made.array.group, mode="r").attrs.asdict()
    assert group.attrs["steps"] == list(STEPS)
    assert (group["step"][:].tolist(), group["state"][:].tolist()) == (list(STEPS), [1] * len(STEPS))


def test_a_part_answers_only_for_rows_that_are_as_when_it_was_made(made):
    stored = made.commit_all()
    compact(made.catalog, made.model)
    other = values(99)
    made.commit(made.rows[2], 1, other)
    stored[2, BLOCK : 2 * BLOCK] = other
    assert np.array_equal(made.read(), stored)
    assert trajectory(made.catalog, made.model, BLOCK + 3).trajectory.points
    hide(made, 0, 2, 3, 4)
    assert np.array_equal(made.read(), stored)
    unchanged = [row for row in made.rows if row != made.rows[2]]
    hide(made, 1)
    assert np.array_equal(made.read(unchanged, BLOCK, BLOCK + 9), stored[[0, 1, 3, 4], BLOCK : BLOCK + 9])
    with pytest.raises(CorruptFile):
        made.read(start=BLOCK, stop=BLOCK + 9)


def test_compacting_again_writes_what_has_changed(made):
    stored = made.commit_all()
    compact(made.catalog, made.model)
    made.commit(made.rows[0], 3, values(7))
    stored[0, 3 * BLOCK : 4 * BLOCK] = values(7)
    assert compact(made.catalog, made.model).written == 1
    hide(made, *range(5))
    assert np.array_equal(made.read(), stored)


def test_parts_of_another_chunk_size_are_made_anew(made):
    committed = made.commit_all()
    compact(made.catalog, made.model)
    np.testing.assert_array_equal(made.read(largest_chunk=64), committed)
    assert compact(made.catalog, made.model, largest_chunk=64).written == made.measurement.blocks
    assert compact(made.catalog, made.model, largest_chunk=64).written == 0
    np.testing.assert_array_equal(made.read(largest_chunk=64), committed)
    np.testing.assert_array_equal(made.read(), committed)
    np.testing.assert_array_equal(zarr.open_array(parts(made), mode="r")[:], committed)


def test_a_file_that_was_never_committed_is_not_in_a_part(made):
    stored = made.commit_all()
    made.array.write(made.rows[1], 2, values(50))
    assert np.array_equal(made.read(), stored)
    found = compact(made.catalog, made.model)
    assert (found.written, found.left_out) == (5, 1)
    with made.catalog.database.write() as connection:
        recover(made.store, connection)
    assert np.array_equal(made.read(), stored)
    assert compact(made.catalog, made.model).to_json()["written"] == 1
    hide(made, *range(5))
    assert np.array_equal(made.read(), stored)


@pytest.mark.parametrize("keep", [0, 5, 200, -30])
def test_a_damaged_part_is_passed_over(made, keep):
    stored = made.commit_all()
    compact(made.catalog, made.model)
    path = parts(made) / "c" / "0" / "1"
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    assert np.array_equal(made.read(), stored)
    path.write_bytes(whole[: len(whole) // 2] + bytes(8) + whole[len(whole) // 2 + 8 :])
    assert np.array_equal(made.read(), stored)


def test_what_has_less_to_decompress_is_read(made):
    """One checkpoint of a block from its file, five from the part."""
    stored = made.commit_all()
    compact(made.catalog, made.model)
    hide(made, 0)
    row = made.rows[3]
    with pytest.raises(CorruptFile):
        made.read([row], 0, BLOCK)
    assert np.array_equal(made.read(None, 0, BLOCK), stored[:, :BLOCK])


def test_another_content_brings_another_row(made):
    stored = made.commit_all()
    compact(made.catalog, made.model)
    with made.catalog.database.write() as connection:
        connection.execute(checkpoints.update().where(checkpoints.c.digest == "sha256:20").values(digest="sha256:new"))
    again = SyntheticResults.opened(made.catalog)
    assert again.rows == (0, 1, 5, 3, 4)
    assert np.array_equal(again.read(), np.where(np.arange(5)[:, None] == 2, NOT_MEASURED, stored))
    again.commit(5, 0, values(8))
    assert compact(made.catalog, again.model).written == 5
    assert zarr.open_array(parts(made), mode="r").shape == (6, SEQUENCES)
    hide(made, *range(1, 5))
    assert np.array_equal(again.read(start=0, stop=BLOCK)[2], values(8))
    assert np.array_equal(again.read()[[0, 1, 3, 4]], stored[[0, 1, 3, 4]])


def test_killed_at_every_sync_it_is_whole_in_the_end(made):
    stored = made.commit_all()
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(made.catalog.database)],
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
    ) as process:
        codes = []
        for line in process.stdout:
            codes.append(int(line))
            assert np.array_equal(made.read(), stored)
    # Two syncs for what the array says of itself, two for each of five parts; a kill at the second finds a part written.
    assert codes == [-9] * (len(codes) - 1) + [0]
    assert len(codes) > 3
    assert list(parts(made).rglob("*.partial")) == []
    hide(made, *range(5))
    assert np.array_equal(made.read(), stored)


def test_a_job_is_followed_by_it_unless_it_measured_but_little(new_catalog, measured):
    protocol = Protocol(prompt=8, continuation=8)
    for name, there, selection in (
        ("whole", True, {"steps": (190, 200)}),
        ("sampled", False, {"steps": (190, 200), "sample": 100}),
    ):
        catalog = new_catalog(name)
        job = measured(catalog, "mine-a", protocol, **selection)
        model = catalog.model("mine-a")
        folders = [path.name for path in (catalog_results(catalog) / "mine-a").iterdir()]
        assert any(folder.endswith(".trajectories.zarr") for folder in folders) == there
        found = compact(catalog, model)
        assert found.written == (0 if there else found.blocks)
        assert job.progress.measured == (measured_values(catalog, model, model.order.sequences).values != 255).sum()


def catalog_results(catalog):
    from seenat.memorization.results.measurements import results_folder

    return results_folder(catalog.database)


def test_json_names_everything(made):
    made.commit_all()
    told = compact(made.catalog, made.model).to_json()
    assert json.loads(json.dumps(told)) == told
    assert set(told) == {"model", "protocol", "blocks", "written", "left_out", "bytes", "folder"}


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1", b"null", "a folder", "a pipe"])
def test_what_cannot_be_understood_is_mended_by_compacting_again(made, damage):
    stored = made.commit_all()
    group = compact(made.catalog, made.model).folder
    whole = {path: path.read_bytes() for path in made.array.group.rglob("zarr.json")}
    for path in (
        made.array.group / "zarr.json",
        group / "zarr.json",
        group / "values" / "zarr.json",
        parts(made) / "c" / "0" / "1",
    ):
        path.unlink()
        if damage == "a folder":
            path.mkdir()
        elif damage == "a pipe":
            os.mkfifo(path)
        else:
            path.write_bytes(damage)
    assert np.array_equal(made.read(), stored)
    compact(made.catalog, made.model)
    assert {path: path.read_bytes() for path in whole} == whole
    assert compact(made.catalog, made.model).written == 0
    hide(made, *range(5))
    assert np.array_equal(made.read(), stored)


def test_a_part_that_is_damaged_anywhere_is_passed_over_and_written_anew(made):
    stored = made.commit_all()
    compact(made.catalog, made.model)
    path = parts(made) / "c" / "0" / "1"
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert np.array_equal(made.read(start=BLOCK, stop=2 * BLOCK), stored[:, BLOCK : 2 * BLOCK])
    assert compact(made.catalog, made.model).written == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize("largest", [100, 300, 1200])
def test_a_full_disk_is_told_and_the_same_command_finishes(made, largest):
    """A process that may write files of so many bytes only: what describes the array does not fit, or a part."""
    stored = made.commit_all()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL, str(made.catalog.database), str(largest)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout.strip()
    assert done.returncode == 1, done.stderr
    assert re.fullmatch(
        r"NoRoom: .*trajectories\.zarr/\S+ cannot be written: File too large; make room .* again\.", told
    )
    assert list(made.array.group.parent.rglob("*.partial")) == []
    assert np.array_equal(made.read(), stored)
    compact(made.catalog, made.model)
    hide(made, *range(5))
    assert np.array_equal(made.read(), stored)
