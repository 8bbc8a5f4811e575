"""Jobs of several prompt and continuation lengths in one run: each as if it had run alone."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from support.measuring import measure, plan
from support.synthetic_results import SyntheticResults

from seenat.cli.main import seenat
from seenat.memorization.jobs.plan import plan_jobs
from seenat.memorization.jobs.runners.local import run_jobs
from seenat.memorization.jobs.status import find_job, list_jobs
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.memorization.queries.onsets import onsets
from seenat.memorization.queries.trajectories import measured_values
from seenat.registry.errors import InvalidValue, JobFailed
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

NAME = "pocket-230k"
STEPS = (128, 256, 384)
SOME = SequenceRange(700, 1300)
LENGTHS = ((8, 8), (8, 32), (24, 8), (32, 32))


def protocols(measure_="prefix"):
    return [Protocol.default_for(0, measure_, prompt=prompt, continuation=ids) for prompt, ids in LENGTHS]


def opened(path, registered):
    return open_catalog(str(shutil.copy(registered, path)))


def values(catalog, protocol):
    return measured_values(catalog, catalog.model(NAME), SOME, protocol.id).values


@pytest.mark.parametrize("measure_", ["prefix", "loss"])
def test_they_have_the_values_of_each_alone(tmp_path, pocket_file, measure_):
    told = []
    with opened(tmp_path / "together.sqlite", pocket_file) as catalog:
        jobs = [plan(catalog, NAME, one, steps=STEPS, sequences=SOME, unseen=True) for one in protocols(measure_)]
        finished = run_jobs(catalog, jobs, device="cpu", progress=told.append)
        together = [values(catalog, one) for one in protocols(measure_)]
    cells = len(SOME) * len(STEPS)
    assert [(job.state, job.progress.measured, job.progress.reused) for job in finished] == [("done", cells, 0)] * 4
    assert (told[-1].done, told[-1].total, told[-1].computed) == (4 * cells, 4 * cells, 4 * cells)
    with opened(tmp_path / "alone.sqlite", pocket_file) as catalog:
        for protocol, found in zip(protocols(measure_), together, strict=True):
            measure(catalog, NAME, protocol, steps=STEPS, sequences=SOME, unseen=True)
            expected = values(catalog, protocol)
            if measure_ == "prefix":
                np.testing.assert_array_equal(found, expected)
            else:  # In float32 the order of additions decides the last bits, and with them which of two near ids is larger.
                np.testing.assert_allclose(found[..., :3], expected[..., :3], rtol=1e-6, atol=1e-4)
                assert (found[..., 3] != expected[..., 3]).mean() < 0.001


def test_what_one_of_them_has_measured_before_is_kept_and_the_others_catch_up(tmp_path, pocket_file):
    first, *others = protocols()
    with opened(tmp_path / "catalog.sqlite", pocket_file) as catalog:
        measure(catalog, NAME, first, steps=STEPS[1:], sequences=SequenceRange(700, 1100), unseen=True)
        done = measure(catalog, NAME, others[0], steps=STEPS, sequences=SOME, unseen=True)
        jobs = [plan(catalog, NAME, one, steps=STEPS, sequences=SOME, unseen=True) for one in protocols()]
        finished = run_jobs(catalog, jobs, device="cpu")
        cells = len(SOME) * len(STEPS)
        assert [(job.progress.measured, job.progress.reused) for job in finished] == [
            (cells - 800, 800), (cells, 0), (cells, 0), (cells, 0),
        ]  # fmt: skip
        assert finished[1] == done
        assert [bool((values(catalog, one) == 255).any()) for one in protocols()] == [False] * 4
        caught_up = values(catalog, first)
        # What is memorized of a longer continuation is memorized of its beginning.
        short, long_ = (onsets(catalog, catalog.model(NAME), one.id).memorized for one in protocols()[:2])
        assert short > long_ > 0
    with opened(tmp_path / "alone.sqlite", pocket_file) as catalog:
        measure(catalog, NAME, first, steps=STEPS, sequences=SOME, unseen=True)
        np.testing.assert_array_equal(caught_up, values(catalog, first))


def test_a_checkpoint_that_fails_fails_for_all_of_them(tmp_path, mine):
    suite = mine.copied(tmp_path / "own", (185, 190))
    lengths = [Protocol(prompt=8, continuation=8), Protocol(prompt=4, continuation=12)]
    with open_catalog(str(tmp_path / "catalog.sqlite")) as catalog:
        register_suite(catalog, suite.manifest)
        (suite.checkpoint(190) / "config.json").write_text("{}")
        jobs = [plan(catalog, "mine-a", one, steps=(185, 190), unseen=True) for one in lengths]
        with pytest.raises(JobFailed, match="of job 1 could not be measured"):
            run_jobs(catalog, jobs, device="cpu")
        found = [find_job(catalog, job.id).progress for job in jobs]
        assert [(one.done, one.failed, one.pending) for one in found] == [(5, 5, 0)] * 2


def test_jobs_over_other_cells_do_not_run_together(tmp_path, pocket_file):
    with opened(tmp_path / "catalog.sqlite", pocket_file) as catalog:
        jobs = [
            plan(catalog, NAME, one, steps=steps) for one, steps in zip(protocols(), (STEPS, STEPS[1:]), strict=False)
        ]
        with pytest.raises(InvalidValue, match="Jobs 1 and 2 are not over the same cells"):
            run_jobs(catalog, jobs)
        with pytest.raises(InvalidValue, match="There is no job to run"):
            run_jobs(catalog, [])


def test_the_command_takes_lengths_with_commas_between(tmp_path, pocket_file, monkeypatch):
    run = CliRunner().invoke
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(shutil.copy(pocket_file, tmp_path)))
    asked = ["memorize", NAME, "--steps", "384", "--sequences", "0:300", "--prompt", "16,8,8", "--continuation", "4,8"]
    told = json.loads(run(seenat, [*asked, "--json"], catch_exceptions=False).stdout)
    pairs = [(one["protocol"]["prompt"], one["protocol"]["continuation"]) for one in told]
    assert pairs == [(8, 4), (8, 8), (16, 4), (16, 8)]
    assert [one["progress"]["measured"] for one in told] == [300] * 4
    assert [one["progress"] for one in json.loads(run(seenat, [*asked, "--json"]).stdout)] == [
        one["progress"] for one in told
    ]
    refused = run(seenat, [*asked, "--adaptive"])
    assert (refused.exit_code, "one prompt length and one continuation length" in refused.stderr) == (2, True)
    assert run(seenat, ["memorize", NAME, "--prompt", "8,x"]).exit_code == 2


def test_all_are_planned_or_none(catalog):
    made = SyntheticResults.registered(catalog)
    asked = Selection(steps=(20, 40), sequences=made.model.order.sequences)
    fits, too_long = Protocol(prompt=31, continuation=7), Protocol(prompt=31, continuation=40)
    with pytest.raises(InvalidValue, match="ids 0 to 70 of a sequence"):
        plan_jobs(catalog, made.model, [fits, too_long], asked)
    assert list_jobs(catalog) == ()
    first, second = plan_jobs(catalog, made.model, [fits, Protocol(prompt=31, continuation=8)], asked)
    assert [job.id for job in plan_jobs(catalog, made.model, [second.measurement.protocol, fits], asked)] == [2, 1]
    assert first.measurement.protocol == fits


def test_the_command_plans_nothing_where_one_length_does_not_fit(mine_catalog, monkeypatch):
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(mine_catalog.database))
    refused = CliRunner().invoke(seenat, ["memorize", "mine-a", "--prompt", "60", "--continuation", "7,40"])
    assert isinstance(refused.exception, InvalidValue)
    assert list_jobs(mine_catalog) == ()
