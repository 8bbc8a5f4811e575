"""What a measurement costs: arithmetic that comes out, operations as they are counted, rates as they were, ways that pay."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seenat
from seenat.memorization.estimate.faster import multiplies_bfloat16, rechecking_does_not_pay
from seenat.memorization.estimate.flop import cell_flop
from seenat.memorization.estimate.missing import check_here
from seenat.memorization.estimate.volumes import Volumes
from seenat.memorization.protocol.protocol import RECHECKED, Protocol


@pytest.fixture
def catalog(tmp_path: Path, pocket_file: Path) -> seenat.Catalog:
    return seenat.open(str(shutil.copy(pocket_file, tmp_path)))


def test_a_whole_study_of_pythia_comes_out_of_the_arithmetic(catalog: seenat.Catalog) -> None:
    seen, every = (catalog.estimate("pythia-70m", unseen=unseen, workers=[1, 512])[0] for unseen in (False, True))
    assert (seen.cells, every.cells) == (10_544_151_552, 22_550_528_000)
    assert seen.checkpoints == 154
    assert seen.bytes.largest == 70_426_624 * 2 + 6 * 2048 * 2048  # What the hub lists, but for 10 kB of headers.
    assert seen.bytes.columns == 146_432_000 * 64 * 2
    assert seen.flop is not None
    assert seen.flop == pytest.approx(10_544_151_552 * 0.95e9, rel=0.01)
    first, last = seen.gpus[:2]
    assert first.compute_hours == pytest.approx(seen.flop / (67e12 * 0.4) / 3600)
    assert (first.bottleneck, last.bottleneck) == ("compute", "catalog")
    assert last.compute_hours == pytest.approx(first.compute_hours / 512)
    assert seen.is_large
    assert not catalog.estimate("pythia-70m", steps=[143000], sample=1000)[0].is_large


def test_a_price_is_only_told_where_one_is_given(catalog: seenat.Catalog) -> None:
    (one,) = catalog.estimate("pythia-1.4b", gpus=["a100"], price_per_hour=2.0, share_of_peak=0.5)
    assert one.gpus[0].price == pytest.approx(2 * one.gpus[0].gpu_hours)
    assert "price" not in catalog.estimate("pythia-1.4b")[0].gpus[0].to_json()
    with pytest.raises(seenat.InvalidValue, match="H200, H100"):
        catalog.estimate("pythia-1.4b", gpus=["H20"])


def test_time_here_is_what_earlier_jobs_took(catalog: seenat.Catalog) -> None:
    assert catalog.estimate("pocket-230k")[0].here.rate is None
    job = catalog.memorize("pocket-230k", steps=[384], sequences="0:512").job
    here = catalog.estimate("pocket-230k")[0].here
    assert here.rate is not None
    assert here.rate.cells_per_second == pytest.approx(job.progress.measured / job.progress.seconds, rel=1e-3)
    assert not here.rate.scaled
    models = {name: catalog.model(name) for name in ("pocket-230k", "pocket-660k")}
    flop = [cell_flop(model, [Protocol()]) for model in models.values()]
    scaled = catalog.estimate("pocket-660k")[0].here.rate
    assert scaled is not None
    assert flop[0] is not None
    assert flop[1] is not None
    assert scaled.cells_per_second == pytest.approx(here.rate.cells_per_second * flop[0] / flop[1], rel=1e-3)
    assert (
        catalog.estimate("pythia-70m")[0].here.rate is None
    )  # Too unlike, to tell from a model of 230,000 parameters.


def test_operations_are_those_that_the_engine_issues(catalog: seenat.Catalog) -> None:
    from benchmarks.limit import counted_flop

    from seenat.memorization.engine.scorer import JointScorer
    from seenat.memorization.engine.transformers.loading import load_checkpoint
    from seenat.registry.hub.location import CheckpointLocation

    model = catalog.model("pocket-2m")
    rows = np.random.default_rng(0).integers(1, 1024, (2, 256, 64))
    place = CheckpointLocation.local(Path(model.schedule.expand(str(model.folder), 64)))
    for measure in ("prefix", "score", "loss"):
        protocol = Protocol.default_for(0, measure)
        scorer = JointScorer(load_checkpoint(place), [protocol])
        scorer.measure(rows[0])  # Fills the table of the first layer.
        counted = counted_flop(lambda: scorer.measure(rows[1])) / len(rows[1])  # noqa: B023 - called before the next one.
        assert cell_flop(model, [protocol]) == pytest.approx(counted, rel=0.1), measure


def test_ways_that_do_not_pay_are_left(catalog: seenat.Catalog, tmp_path: Path) -> None:
    hears, said = seenat.MemorizeObserver(), list[str]()
    hears.does_not_pay = said.append  # type: ignore[method-assign]
    few = {"steps": [320, 384], "sequences": "0:64", "adaptive": True}
    answer = catalog.memorize("pocket-230k", faster=True, observer=hears, **few)
    assert answer.adaptive is None
    assert "exact job" in said[0]
    with pytest.raises(seenat.InvalidValue, match="grid"):
        catalog.memorize("pocket-230k", **few)
    estimates = [catalog.estimate("pocket-2m", adaptive=True, audit=size)[0] for size in (100, 3072)]
    assert estimates[0].cells < 0.5 * estimates[0].exact_cells < estimates[1].cells
    old = tmp_path / "cpuinfo"
    old.write_text("processor : 0\nflags : fpu avx2 avx512f\n")
    assert not multiplies_bfloat16(old)
    old.write_text("flags : fpu avx512_bf16\n")
    assert multiplies_bfloat16(old)
    rechecked = [Protocol(dtype=RECHECKED)]
    assert (rechecking_does_not_pay(rechecked, "cpu") is None) == multiplies_bfloat16()
    assert rechecking_does_not_pay(rechecked, "cuda") is None
    assert rechecking_does_not_pay([Protocol()], "cpu") is None


def test_a_full_disk_is_told_before_a_job_exists(catalog: seenat.Catalog) -> None:
    model, registry = catalog.model("pocket-230k"), catalog._registry
    volumes = Volumes(checkpoints=1, largest=1, recorded=0, order=0, columns=0, results=0, fetched=0)
    check_here(registry, model, volumes, None)
    with pytest.raises(seenat.NoRoom, match="bytes more"):
        check_here(registry, model, replace(volumes, results=10**18), None)
