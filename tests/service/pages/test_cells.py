"""A batch by checkpoints, the texts that a protocol reads, and why a cell holds its value: against what else tells the same."""

from __future__ import annotations

import pytest
from support.served import Served

import seenat
from seenat.registry.errors import InvalidValue, NotMeasured, UnknownCheckpoint, UnknownSequence

MODEL = "pocket-230k"


def test_a_batch_holds_the_trajectory_of_each_of_its_sequences(served: Served) -> None:
    found = served.catalog.trajectories(MODEL, 2)
    assert [row.sequence for row in found.sequences] == list(range(16, 24))
    for row in found.sequences:
        alone = served.catalog.trajectory(MODEL, row.sequence)
        assert dict(zip(found.steps, row.values, strict=True)) == {
            point.step: point.values["prefix"] for point in alone.points
        }
        assert row.onset == (alone.onset.step if alone.onset else None)


def test_what_was_not_measured_is_none_and_never_0(served: Served) -> None:
    found = served.catalog.trajectories("pocket-660k", 31)
    assert found.steps == (256, 384)
    with pytest.raises(NotMeasured, match="seenat memorize pocket-660k --sequences 256:264 --unseen"):
        served.catalog.trajectories("pocket-660k", 32)


def test_pieces_are_the_text_cut_at_its_ids(served: Served) -> None:
    found = served.catalog.passages(MODEL, "16:24", step=128)
    for passage in found.passages:
        whole = served.catalog.sequence(MODEL, passage.sequence, tokens=True, decode=True)
        assert whole.tokens is not None
        assert whole.texts is not None
        assert list(passage.ids) == whole.tokens[0][:64].tolist()
        assert len(passage.pieces) == 64
        assert whole.texts[0].startswith("".join(passage.pieces))
    assert served.catalog.passages(MODEL, [20, 3]).passages[1].reproduced is None


def test_a_passage_tells_what_the_step_reproduced(served: Served) -> None:
    [passage] = served.catalog.passages(MODEL, [20], step=128).passages
    assert (passage.reproduced, passage.seen, passage.batch) == (15, True, 2)
    assert served.catalog.passages(MODEL, [20], step=0).passages[0].seen is False
    assert served.catalog.passages(MODEL, [20], step=192).passages[0].reproduced is None


def test_passages_refuse_what_they_cannot_show(served: Served) -> None:
    with pytest.raises(InvalidValue, match="1,025 sequences"):
        served.catalog.passages(MODEL, "0:1025")
    with pytest.raises(UnknownSequence):
        served.catalog.passages(MODEL, [99_999])
    with pytest.raises(UnknownCheckpoint):
        served.catalog.passages(MODEL, [0], step=3)
    with pytest.raises(InvalidValue):
        served.catalog.passages(MODEL, "1,x")


def test_a_cell_leads_back_to_its_job_its_files_and_its_checkpoint(served: Served) -> None:
    found = served.catalog.why(MODEL, 256, 20)
    job = served.catalog.job(found.shards[0].job).job
    step = served.catalog.step(MODEL, 256)
    order = served.catalog.order("pocket-order")
    assert (job.model, job.protocol.id) == (MODEL, found.protocol.id)
    assert 256 in job.selection.steps
    assert found.checkpoint.digest == step.digest
    assert found.order_digest == order.digest
    assert {file.sha256 for file in found.files} <= {file.sha256 for file in order.files}
    assert found.point == served.catalog.trajectory(MODEL, 20).points[3]
    assert found.block.device is not None


def test_a_cell_that_was_not_measured_names_those_that_were(served: Served) -> None:
    with pytest.raises(NotMeasured) as raised:
        served.catalog.why(MODEL, 192, 20)
    assert raised.value.nearest == (0, 64, 128, 256, 384)


def test_a_client_reads_the_same(served: Served) -> None:
    with seenat.connect(served.url) as client:
        assert client.why(MODEL, 256, 20) == served.catalog.why(MODEL, 256, 20)
        assert client.passages(MODEL, "20:22", step=256) == served.catalog.passages(MODEL, "20:22", step=256)
