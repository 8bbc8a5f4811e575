"""The keys that others build on, and what stands under them."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from seenat import BatchAnswer, CheckpointAnswer, ModelAnswer, Models, SequenceAnswer, StepAnswer
from seenat.registry.answer import to_json
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.errors import UnknownOrder, UnknownSequence

STEP = {
    "model", "step", "revision", "order", "batches_seen", "sequences_seen", "tokens_seen", "last_batch", "next_batch",
    "status", "parameters",
}  # fmt: skip
BATCH = {"order", "batch", "sequences", "bytes"}
SEQUENCE = {"order", "sequence", "batch", "position"}
MODELS = {"name", "family", "size", "parameters", "order", "steps", "repository"}


def as_json(answer: Any) -> Any:
    """What a reader of the JSON sees."""
    return json.loads(json.dumps(to_json(answer), allow_nan=False))


def test_step(shared_catalog: Catalog) -> None:
    model = shared_catalog.model("pythia-70m-deduped")
    answer = as_json(StepAnswer.of(model, model.checkpoint(3000)))
    assert answer.keys() >= STEP
    assert {key: answer[key] for key in STEP} == {
        "model": "pythia-70m-deduped",
        "step": 3000,
        "revision": "step3000",
        "order": "pile-deduped",
        "batches_seen": {"start": 0, "stop": 3000},
        "sequences_seen": {"start": 0, "stop": 3_072_000},
        "tokens_seen": 3000 * 2_097_152,
        "last_batch": 2999,
        "next_batch": 3000,
        "status": model.checkpoint(3000).status,
        "parameters": {"total": 70_426_624, "non_embedding": 18_915_328},
    }
    assert (answer["previous_checkpoint"], answer["next_checkpoint"]) == (2000, 4000)


@pytest.mark.parametrize(
    ("step", "last", "following", "stop"), [(0, None, 0, 0), (1, 0, 1, 1024), (143_000, 142_999, None, 146_432_000)]
)
def test_step_at_both_ends(
    shared_catalog: Catalog, step: int, last: int | None, following: int | None, stop: int
) -> None:
    model = shared_catalog.model("pythia-70m")
    answer = as_json(StepAnswer.of(model, model.checkpoint(step)))
    assert (answer["last_batch"], answer["next_batch"]) == (last, following)
    assert answer["sequences_seen"] == {"start": 0, "stop": stop}
    assert answer["tokens_seen"] == step * 2_097_152


def test_step_of_a_run_whose_order_is_not_published(shared_catalog: Catalog) -> None:
    """How much it saw follows from its batch size, what it saw does not."""
    model = shared_catalog.model("pythia-70m-seed1")
    answer = as_json(StepAnswer.of(model, model.checkpoint(2000)))
    assert answer["order"] is None
    assert answer["sequences_seen"] == {"start": 0, "stop": 2_048_000}
    assert answer["tokens_seen"] == 2000 * 2_097_152


def test_batch(shared_catalog: Catalog) -> None:
    order, model = shared_catalog.order_or_model("pythia-70m-deduped")
    assert model is not None
    answer = as_json(BatchAnswer.of(model.batch(71_490), model))
    assert answer.keys() >= BATCH | {"last_checkpoint_before", "first_checkpoint_after"}
    assert answer["sequences"] == {"start": 73_205_760, "stop": 73_206_784}
    assert (answer["last_checkpoint_before"], answer["first_checkpoint_after"]) == (71_000, 72_000)
    assert answer["bytes"] == [
        {"file": "document-00009-of-00020.bin", "offset": 29_997_204_480, "length": 2_795_520},
        {"file": "document-00010-of-00020.bin", "offset": 0, "length": 1_400_832},
    ]
    without = as_json(BatchAnswer.of(order.batch(71_490)))
    assert without.keys() == BATCH
    assert all(without[key] == answer[key] for key in BATCH)


@pytest.mark.parametrize(
    ("batch", "before", "after"), [(0, 0, 1), (1, 1, 2), (512, 512, 1000), (142_999, 142_000, 143_000)]
)
def test_checkpoints_around_a_batch(shared_catalog: Catalog, batch: int, before: int, after: int) -> None:
    model = shared_catalog.model("pythia-70m")
    answer = as_json(BatchAnswer.of(model.batch(batch), model))
    assert (answer["last_checkpoint_before"], answer["first_checkpoint_after"]) == (before, after)


def test_batch_of_a_run_with_larger_batches(shared_catalog: Catalog) -> None:
    """Batch 1,000 of a 4M-token run is what batches 2,000 and 2,001 are to the others."""
    model = shared_catalog.model("pythia-1.4b-v0")
    answer = as_json(BatchAnswer.of(model.batch(1000), model))
    assert answer["sequences"] == {"start": 2_048_000, "stop": 2_050_048}
    assert (answer["last_checkpoint_before"], answer["first_checkpoint_after"]) == (1000, 1500)


def test_sequence(shared_catalog: Catalog) -> None:
    order, model = shared_catalog.order_or_model("pythia-70m")
    assert model is not None
    answer = as_json(SequenceAnswer.of(order, 3_071_999, model))
    assert answer.keys() >= SEQUENCE | {"first_checkpoint_seen", "last_checkpoint_unseen"}
    assert (answer["batch"], answer["position"]) == (2999, 1023)
    assert (answer["first_checkpoint_seen"], answer["last_checkpoint_unseen"]) == (3000, 2000)
    assert answer["bytes"] == [{"file": "document-00000-of-00020.bin", "offset": 3_071_999 * 4098, "length": 4098}]
    following = as_json(SequenceAnswer.of(order, 3_072_000, model))
    assert (following["batch"], following["position"], following["first_checkpoint_seen"]) == (3000, 0, 4000)
    assert following["last_checkpoint_unseen"] == 3000
    without = as_json(SequenceAnswer.of(order, 3_071_999))
    assert without.keys() == SEQUENCE | {"bytes"}


def test_sequence_of_a_run_with_larger_batches(shared_catalog: Catalog) -> None:
    order, model = shared_catalog.order_or_model("pythia-1.4b-v0")
    assert model is not None
    answer = as_json(SequenceAnswer.of(order, 3_071_999, model))
    assert (answer["batch"], answer["position"], answer["first_checkpoint_seen"]) == (1499, 2047, 1500)
    assert (SequenceAnswer.of(order, 3_071_999).batch, SequenceAnswer.of(order, 3_071_999).position) == (2999, 1023)


def test_a_sequence_that_straddles_two_files(shared_catalog: Catalog) -> None:
    order = shared_catalog.order("pile")
    sequence = 30_000_000_000 // 4098
    first, second = SequenceAnswer.of(order, sequence).bytes
    assert (first.file, second.file) == ("document-00000-of-00020.bin", "document-00001-of-00020.bin")
    assert first.length == 30_000_000_000 - sequence * 4098
    assert first.length + second.length == 4098


def test_the_extents_of_an_order_on_a_hub_are_addresses(shared_catalog: Catalog) -> None:
    order = shared_catalog.order("pile")
    (extent,) = order.batch(0).extents()
    assert str(extent.file) == f"{order.location}/document-00000-of-00020.bin"
    assert str(extent.file).startswith("hf://datasets/EleutherAI/pile-standard-pythia-preshuffled@bac79b6820adb34e451f")
    assert os.fspath(extent.file) == str(extent.file)
    assert f"'{extent.file}'" in repr(extent)
    assert (extent.file.name, extent.file.suffix) == ("document-00000-of-00020.bin", ".bin")
    (shown,) = BatchAnswer.of(order.batch(0)).bytes
    assert shown.file == "document-00000-of-00020.bin"


def test_a_sequence_that_is_not_what_the_run_saw(shared_catalog: Catalog) -> None:
    order, model = shared_catalog.order_or_model("pythia-intervention-70m-deduped")
    assert SequenceAnswer.of(order, 133_000 * 1024 - 1, model).batch == 132_999
    with pytest.raises(UnknownOrder, match="altered"):
        SequenceAnswer.of(order, 133_000 * 1024, model)
    with pytest.raises(UnknownSequence):
        SequenceAnswer.of(order, 146_432_000, model)


def test_models(shared_catalog: Catalog) -> None:
    models = shared_catalog.models()
    answer = as_json(Models(models))
    assert [row["name"] for row in answer] == [model.name for model in models]
    assert all(row.keys() >= MODELS for row in answer)
    by_name = {row["name"]: row for row in answer}
    assert {key: by_name["pythia-12b"][key] for key in MODELS} == {
        "name": "pythia-12b",
        "family": "pythia",
        "size": "12b",
        "parameters": {"total": 11_846_072_320, "non_embedding": 11_327_027_200},
        "order": "pile",
        "steps": 154,
        "repository": "EleutherAI/pythia-12b",
    }
    assert by_name["pythia-70m-seed1"]["order"] is None


def test_model_and_checkpoints(shared_catalog: Catalog) -> None:
    for model in shared_catalog.models():
        answer = as_json(ModelAnswer.of(model))
        assert answer.keys() >= MODELS | {"aliases", "schedule", "architecture", "hyperparameters"}
        assert answer["schedule"]["saved"] == list(model.schedule.saved)
        entries = as_json([CheckpointAnswer.of(model, checkpoint) for checkpoint in model.checkpoints])
        assert [entry["step"] for entry in entries] == [checkpoint.step for checkpoint in model.checkpoints]
        assert all(
            entry["sequences_seen"] == {"start": 0, "stop": entry["step"] * model.schedule.sequences_per_batch}
            for entry in entries
        )
