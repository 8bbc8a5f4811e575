"""What cannot be measured fails in one sentence while the rest goes on, and what changed is told from what did not."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from sqlalchemy import select, update

from seenat.cli.main import seenat
from seenat.memorization.engine.kernels.stages import Stages, usual_stages
from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.jobs.runners.local import run_job
from seenat.memorization.jobs.runners.local_loader import LocalLoader
from seenat.memorization.jobs.status import failures, find_job
from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import measured_values, trajectory
from seenat.memorization.results.measurements import results_folder
from seenat.memorization.results.refresh import refresh_stale_onsets
from seenat.registry.database.tables.jobs import shards
from seenat.registry.database.tables.results import blocks
from seenat.registry.errors import CorruptFile, JobFailed, NotMeasured, PlanChanged
from seenat.registry.integrity.content import ensure_content
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

SHORT = Protocol(prompt=8, continuation=8)
SHORT_LOSS = Protocol.default_for(0, "loss", prompt=8, continuation=8)
STEPS = (185, 190, 195, 200)
ALL = SequenceRange(0, 2520)


@pytest.fixture
def own(mine, catalog_file, tmp_path):
    """The suite in a folder that may be damaged, with four checkpoints, and a catalog that knows it."""
    copy = mine.copied(tmp_path / "own", STEPS)
    with open_catalog(str(shutil.copy(catalog_file, tmp_path))) as catalog:
        register_suite(catalog, copy.manifest)
        yield catalog, copy


def change_weights(suite, step):
    """Put the weights of another step there."""
    other = next(one for one in STEPS if one != step)
    for path in suite.checkpoint(step).glob("*.safetensors"):
        shutil.copyfile(suite.checkpoint(other) / path.name, path)


def refused(measured, catalog, **selection):
    with pytest.raises(JobFailed) as caught:
        measured(catalog, "mine-a", SHORT, unseen=True, **selection)
    return str(caught.value)


def is_one_sentence(text):
    return text.endswith(".") and "\n" not in text


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda suite: change_weights(suite, 190), "is not what mine-a at step 190 was when it was recorded"),
        (lambda suite: shutil.rmtree(suite.checkpoint(190)), "There is no checkpoint at"),
        (lambda suite: next(suite.checkpoint(190).glob("*.safetensors")).unlink(), "which is not there"),
        (lambda suite: (suite.checkpoint(190) / "config.json").write_text("{}"), "is not what mine-a at step 190 was"),
    ],
    ids=["changed", "vanished", "a shard vanished", "another configuration"],
)
def test_a_damaged_checkpoint_fails_its_shards_and_the_others_are_measured(own, mine, measured, damage, reason):
    catalog, suite = own
    damage(suite)
    assert refused(measured, catalog).startswith("5 of 20 shards of job 1 could not be measured")
    job = find_job(catalog, 1)
    assert (job.state, job.progress.done, job.progress.failed) == ("failed", 15, 5)
    told = failures(catalog, job)
    assert [(one.step, one.block, one.attempts) for one in told] == [(190, block, 1) for block in range(5)]
    assert all(reason in one.error and is_one_sentence(one.error) for one in told)
    assert measured_values(catalog, catalog.model("mine-a"), ALL).steps == (185, 195, 200)
    refused(measured, catalog)
    assert {one.attempts for one in failures(catalog, job)} == {2}
    shutil.rmtree(suite.checkpoint(190), ignore_errors=True)
    shutil.copytree(mine.checkpoint(190), suite.checkpoint(190))
    repaired = measured(catalog, "mine-a", SHORT, unseen=True)
    assert repaired.id == 1
    assert repaired.state == "done"
    assert repaired.progress.measured == 4 * 2520
    assert failures(catalog, repaired) == ()


def test_a_checkpoint_that_does_not_load_fails_its_shards(own, measured):
    catalog, suite = own
    path = suite.checkpoint(195) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "unheard-of"}))
    register_suite(catalog, suite.manifest, replace_changed=True)
    assert refused(measured, catalog).startswith("5 of 20 shards")
    told = failures(catalog, find_job(catalog, 1))
    assert {one.step for one in told} == {195}
    assert all("is no model's configuration" in one.error for one in told)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"hidden_act": "nope"}, "KeyError: "),
        ({"rope_parameters": {"rope_type": "nope", "rope_theta": 1e4}}, "KeyError: "),
        ({"architectures": 5}, "describes 5, not a causal language model"),
        ({"num_attention_heads": 5}, "not divisible by the number of attention heads"),
        ({"max_position_embeddings": -1}, "has -1 positions"),
        ({"attention_dropout": "\ud800"}, "no model's configuration: "),
    ],
    ids=ascii,
)
def test_a_strange_configuration_fails_its_checkpoint_alone(own, measured, values, reason):
    catalog, suite = own
    path = suite.checkpoint(185) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    register_suite(catalog, suite.manifest, replace_changed=True)
    assert refused(measured, catalog).startswith("5 of 20 shards")
    job = find_job(catalog, 1)
    assert (job.progress.done, job.progress.failed) == (15, 5)
    told = failures(catalog, job)
    assert {one.step for one in told} == {185}
    assert all(reason in one.error and one.error.isprintable() and is_one_sentence(one.error) for one in told)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, and had"),
        (lambda path: path.write_bytes(path.read_bytes()[::-1]), "is not what it was when mine-indexed was registered"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
    ids=["shortened", "changed", "vanished"],
)
def test_a_damaged_token_file_fails_every_shard(own, measured, damage, reason):
    catalog, suite = own
    path = suite.folder / "indexed-3.bin"
    whole = path.read_bytes()
    damage(path)
    assert refused(measured, catalog, steps=STEPS[2:]).startswith("10 of 10 shards")
    told = failures(catalog, find_job(catalog, 1))
    assert len(told) == 10
    assert all(str(path) in one.error and reason in one.error and is_one_sentence(one.error) for one in told)
    path.write_bytes(whole)
    assert measured(catalog, "mine-a", SHORT, steps=STEPS[2:], unseen=True).state == "done"


def test_files_that_were_only_touched_are_what_they_were(own, measured):
    catalog, suite = own
    path = suite.folder / "indexed-3.bin"
    os.utime(path, ns=(1, 1))
    os.utime(suite.checkpoint(185) / "config.json", ns=(1, 1))
    assert measured(catalog, "mine-a", SHORT, steps=STEPS[:1]).state == "done"
    times = {file.name: file.modified_ns for file in catalog.order("mine-indexed").files}
    assert times[path.name] == 1


def test_weights_that_changed_while_they_were_loaded_are_loaded_again(
    own, measured, committed, catalog_file, monkeypatch, tmp_path
):
    catalog, suite = own
    with open_catalog(str(shutil.copy(catalog_file, tmp_path / "undisturbed.sqlite"))) as undisturbed:
        register_suite(undisturbed, suite.manifest)
        measured(undisturbed, "mine-a", SHORT, steps=STEPS[:2], unseen=True)
        expected = committed(undisturbed, "mine-a", SHORT)
    load, disturbed = LocalLoader.load, []

    def while_damaged(loader, folder):
        """Another checkpoint's weights are written into the files, and the files restored, before anybody looks again."""
        if folder in disturbed:
            return load(loader, folder)
        disturbed.append(folder)
        right = {path: path.read_bytes() for path in folder.glob("*.safetensors")}
        for path in right:
            path.write_bytes((suite.checkpoint(STEPS[-1]) / path.name).read_bytes())
        scorer = load(loader, folder)
        for path, data in right.items():
            path.with_suffix(".restored").write_bytes(data)
            path.with_suffix(".restored").replace(path)
        return scorer

    monkeypatch.setattr(LocalLoader, "load", while_damaged)
    assert measured(catalog, "mine-a", SHORT, steps=STEPS[:2], unseen=True).state == "done"
    assert disturbed == [suite.checkpoint(step) for step in STEPS[:2]]
    assert committed(catalog, "mine-a", SHORT) == expected


def test_an_id_that_no_model_knows_fails_its_shard_alone(own, measured):
    catalog, suite = own
    rows = suite.rows.astype("<u4")
    rows[700, 12] = 700
    for path in suite.folder.glob("bare-*.bin"):
        path.unlink()
    (suite.folder / "bare-0.bin").write_bytes(rows.tobytes())
    text = suite.manifest.read_text().replace(", ".join(f'"bare-{number}.bin"' for number in range(6)), '"bare-0.bin"')
    suite.manifest.write_text(text.replace("vocab_size = 700\n", ""))
    register_suite(catalog, suite.manifest, replace_changed=True)
    with pytest.raises(JobFailed, match="4 of 20 shards"):
        measured(catalog, "mine-b", SHORT, unseen=True)
    told = failures(catalog, find_job(catalog, 1))
    assert [(one.step, one.block) for one in told] == [(step, 1) for step in STEPS]
    assert all("id 700" in one.error and is_one_sentence(one.error) for one in told)
    found = measured_values(catalog, catalog.model("mine-b"), ALL).values
    assert (found[:, 624:1248] == NOT_MEASURED).all()
    assert (np.delete(found, slice(624, 1248), axis=1) != NOT_MEASURED).all()


@pytest.mark.parametrize("protocol", [SHORT, SHORT_LOSS], ids=["prefix", "loss"])
def test_damaged_results_are_measured_again_and_not_trusted(own, measured, committed, protocol):
    catalog, _ = own
    measured(catalog, "mine-a", protocol, unseen=True)
    whole = committed(catalog, "mine-a", protocol)
    array = next(results_folder(catalog.database).glob(f"mine-a/{protocol.id}-{'?' * 12}.zarr"))
    files = array / "values" / "c" / "1" / "2"
    path = files if protocol == SHORT else files / "0"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = measured(catalog, "mine-a", protocol, steps=(190,), sequences=SequenceRange(1300, 1301))
    # All that was committed of the block, for nobody can tell which of its values are right.
    assert again.progress.measured == 624
    assert committed(catalog, "mine-a", protocol) == whole


def test_losses_of_changed_weights_get_rows_of_their_own(own, measured):
    catalog, suite = own
    measured(catalog, "mine-a", SHORT_LOSS, unseen=True)
    before = measured_values(catalog, catalog.model("mine-a"), ALL)
    assert (before.steps, before.values.shape) == (STEPS, (4, 2520, 4))
    change_weights(suite, 190)
    register_suite(catalog, suite.manifest, replace_changed=True)
    assert measured_values(catalog, catalog.model("mine-a"), ALL).steps == (185, 195, 200)
    again = measured(catalog, "mine-a", SHORT_LOSS, unseen=True)
    assert (again.progress.measured, again.progress.reused) == (2520, 3 * 2520)
    after = measured_values(catalog, catalog.model("mine-a"), ALL)
    np.testing.assert_array_equal(after.values, before.values[[0, 0, 2, 3]])


def test_a_model_without_numbers_fails_its_shards_and_does_not_ask_again(own, measured):
    catalog, suite = own
    for path in suite.checkpoint(195).glob("*.safetensors"):
        weights = {name: tensor * float("nan") for name, tensor in load_file(path).items()}
        save_file(weights, path, metadata={"format": "pt"})
    register_suite(catalog, suite.manifest, replace_changed=True)
    with pytest.raises(JobFailed, match="5 of 20 shards"):
        measured(catalog, "mine-a", SHORT_LOSS, unseen=True)
    told = failures(catalog, find_job(catalog, 1))
    assert {one.step for one in told} == {195}
    assert all("weights that are no finite float32" in one.error and is_one_sentence(one.error) for one in told)


def test_changed_weights_get_rows_of_their_own_once_they_are_registered(own, mine, measured, monkeypatch):
    catalog, suite = own
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(catalog.database))
    measured(catalog, "mine-a", SHORT, unseen=True)
    model = catalog.model("mine-a")
    before, answer = measured_values(catalog, model, ALL), onsets(catalog, model, limit=3000)
    change_weights(suite, 190)
    assert refused(measured, catalog, steps=STEPS[:2]).startswith("5 of 10 shards")
    registered = CliRunner().invoke(seenat, ["register", str(suite.manifest), "--replace"], catch_exceptions=False)
    assert registered.exit_code == 0
    changed = catalog.model("mine-a")
    assert changed.checkpoint(190).digest != model.checkpoint(190).digest
    # The old values are kept, and are nobody's.
    assert measured_values(catalog, changed, ALL).steps == (185, 195, 200)
    assert [count.step for count in onsets(catalog, changed).steps] == [185, 195, 200]
    assert all(one.onset.step != 190 for one in onsets(catalog, changed, limit=3000).sequences)
    assert 190 not in {point.step for point in trajectory(catalog, changed, 0).trajectory.points}
    again = measured(catalog, "mine-a", SHORT, unseen=True)
    assert (again.progress.measured, again.progress.reused) == (2520, 3 * 2520)
    after = measured_values(catalog, changed, ALL)
    assert after.steps == before.steps
    assert after.values[1].tolist() == before.values[0].tolist()
    assert after.values[[0, 2, 3]].tolist() == before.values[[0, 2, 3]].tolist()
    assert onsets(catalog, changed, limit=3000) != answer
    shutil.copytree(mine.checkpoint(190), suite.checkpoint(190), dirs_exist_ok=True)
    register_suite(catalog, suite.manifest, replace_changed=True)
    assert refresh_stale_onsets(catalog) == ("mine-a",)
    assert measured_values(catalog, catalog.model("mine-a"), ALL).values.tolist() == before.values.tolist()
    assert onsets(catalog, catalog.model("mine-a"), limit=3000) == answer


def test_an_order_with_another_content_is_another_plan(own, planned, measured):
    catalog, suite = own
    old = planned(catalog, "mine-a", SHORT)
    path = suite.folder / "indexed-4.bin"  # From within sequence 700 to the end of sequence 1899.
    data = path.read_bytes()
    path.write_bytes(data[: -2 * 388] + data[-388:] + data[-2 * 388 : -388])
    register_suite(catalog, suite.manifest, replace_changed=True)
    with pytest.raises(PlanChanged, match="Job 1 was planned on another content of the order mine-indexed"):
        run_job(catalog, old)
    with pytest.raises(NotMeasured):
        onsets(catalog, catalog.model("mine-a"))
    new = measured(catalog, "mine-a", SHORT, steps=(200,), sequences=SequenceRange(1890, 1910))
    assert new.measurement.order_digest != old.measurement.order_digest
    found = measured_values(catalog, catalog.model("mine-a"), SequenceRange(1890, 1910)).values
    assert (found != NOT_MEASURED).all()


def test_a_checkpoint_of_a_hub_stays_in_its_job_once_its_content_is_known(own, tmp_path):
    catalog, suite = own
    manifest = tmp_path / "hub.toml"
    manifest.write_text(
        '[suite]\nname = "hub"\n[[model]]\nname = "far"\norder = "mine-indexed"\nsteps = [185, 200]\nrepository = "a/b"\n'
    )
    register_suite(catalog, manifest)
    selection = Selection(steps=(185, 200), sequences=ALL)
    first = plan_job(catalog, catalog.model("far"), SHORT, selection)
    checkpoint = catalog.model("far").checkpoint(185)
    assert checkpoint.digest is None
    digest = ensure_content(catalog, checkpoint, suite.checkpoint(185))
    assert catalog.model("far").checkpoint(185).digest == digest
    assert catalog.model("far").checkpoint(185).status == "ok"
    assert plan_job(catalog, catalog.model("far"), SHORT, selection).id == first.id
    with pytest.raises(CorruptFile, match="is not what far at step 185 was"):
        ensure_content(catalog, catalog.model("far").checkpoint(185), suite.checkpoint(200))


def claim(catalog, job, owner, until, blocks):
    with catalog.database.write() as connection:
        connection.execute(
            update(shards)
            .where(shards.c.job_id == job.id, shards.c.block.in_(blocks))
            .values(state="running", owner=owner, lease_until=until.strftime("%Y-%m-%dT%H:%M:%SZ"))
        )


def test_a_claim_of_another_machine_is_respected_until_its_lease_ends(own, planned):
    catalog, _ = own
    job, now = planned(catalog, "mine-a", SHORT, steps=(200,)), datetime.now(UTC)
    claim(catalog, job, "elsewhere:1", now + timedelta(minutes=5), [1, 2])
    left = run_job(catalog, job, device="cpu")
    assert (left.state, left.progress.done, left.progress.running) == ("running", 2, 2)
    claim(catalog, job, "elsewhere:1", now - timedelta(seconds=2), [1, 2])
    assert run_job(catalog, job, device="cpu").state == "done"


def test_a_claim_of_a_dead_process_of_this_machine_is_void(own, planned):
    catalog, _ = own
    job = planned(catalog, "mine-a", SHORT, steps=(200,))
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    host = socket.gethostname()
    later = datetime.now(UTC) + timedelta(minutes=5)
    claim(catalog, job, f"{host}:{process.pid}", later, [0])
    claim(catalog, job, f"{host}:{os.getppid()}", later, [3])
    left = run_job(catalog, job, device="cpu")
    assert (left.state, left.progress.done, left.progress.running) == ("running", 3, 1)


def test_an_interrupted_run_goes_on_in_the_same_process(own, planned):
    catalog, _ = own
    job = planned(catalog, "mine-a", SHORT, steps=(195, 200))

    def interrupt(advance):
        if advance.done > 1300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(catalog, job, device="cpu", progress=interrupt)
    left = find_job(catalog, job.id)
    assert (left.state, left.progress.running, left.progress.done) == ("pending", 0, 2)
    finished = run_job(catalog, job, device="cpu")
    assert finished.state == "done"
    assert finished.progress.measured == 12 * (195 + 200)


def test_each_checkpoint_begins_with_the_stages_of_the_one_before(own):
    catalog, _ = own
    given, begun = [], []

    class Watched(Stages):
        def begin(self, continuation):
            given.append(self)
            begun.append(self.best)
            super().begin(continuation)

    job = plan_job(catalog, catalog.model("mine-a"), SHORT, Selection(steps=STEPS, sequences=ALL, unseen=True))
    run_job(catalog, job, device="cpu", stages=Watched())
    assert len(begun) == len(STEPS)
    assert len(set(map(id, given))) == 1
    assert begun[0] == ()
    assert all(sum(stages) == 8 and stages != usual_stages(8) for stages in begun[1:])


def test_each_block_says_what_measured_it(own, measured):
    catalog, _ = own
    measured(catalog, "mine-a", SHORT, unseen=True)
    with catalog.database.read() as connection:
        origins = set(
            connection.execute(select(blocks.c.device, blocks.c.dtype, blocks.c.torch, blocks.c.transformers))
        )
    (origin,) = map(tuple, origins)
    assert origin == (f"cpu {platform.machine()}", SHORT.dtype, version("torch"), version("transformers"))
