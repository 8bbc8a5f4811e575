"""All of Pythia as it ships: counts recomputed, schedules that differ, names over time, claims with their sources."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from seenat import ModelAnswer, StepAnswer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Model
from seenat.registry.checkpoints.parameters import ParameterCount, parameters_of_config
from seenat.registry.database.engine import Database, parse_url
from seenat.registry.errors import InvalidValue, UnknownOrder
from seenat.registry.learning_rate import learning_rate
from seenat.registry.open import open_catalog, upgrade
from seenat.registry.suites.claims import claims_of, disputed

# size: layers, width, heads, padded vocabulary, parameters, non-embedding; the model cards' table, and for 14m and 31m the
# published configurations.
SIZES = {
    "14m": (6, 128, 4, 50_304, 14_067_712, 1_189_888),
    "31m": (6, 256, 8, 50_304, 30_494_720, 4_739_072),
    "70m": (6, 512, 8, 50_304, 70_426_624, 18_915_328),
    "160m": (12, 768, 12, 50_304, 162_322_944, 85_056_000),
    "410m": (24, 1024, 16, 50_304, 405_334_016, 302_311_424),
    "1b": (16, 2048, 8, 50_304, 1_011_781_632, 805_736_448),
    "1.4b": (24, 2048, 16, 50_304, 1_414_647_808, 1_208_602_624),
    "2.8b": (32, 2560, 32, 50_304, 2_775_208_960, 2_517_652_480),
    "6.9b": (32, 4096, 32, 50_432, 6_857_302_016, 6_444_163_072),
    "12b": (36, 5120, 40, 50_688, 11_846_072_320, 11_327_027_200),
}
FAMILIES = {
    "pythia": 8,
    "pythia-deduped": 8,
    "pythia-small": 4,
    "polypythias": 45,
    "polypythias-decoupled": 6,
    "pythia-v0": 16,
    "pythia-intervention": 5,
    "pythia-batch-size": 5,
    "pythia-dropout": 3,
}


@pytest.fixture(scope="module")
def pythia(tmp_path_factory: pytest.TempPathFactory, catalog_file: Path) -> Iterator[Catalog]:
    """One catalog for all tests of this module, which only read it."""
    with open_catalog(str(shutil.copy(catalog_file, tmp_path_factory.mktemp("pythia")))) as catalog:
        yield catalog


@pytest.fixture(scope="module")
def models(pythia: Catalog) -> dict[str, Model]:
    return {model.name: model for model in pythia.models()}


def test_every_model_and_checkpoint_is_there(models: dict[str, Model]) -> None:
    assert Counter(model.family for model in models.values()) == FAMILIES
    assert len(models) == 100
    # 74 models of 154 checkpoints, 16 of 143, 5 of one.
    assert sum(len(model.checkpoints) for model in models.values()) == 74 * 154 + 16 * 143 + 5


def test_each_size_has_its_shape_and_counts(models: dict[str, Model]) -> None:
    for model in models.values():
        assert model.size is not None
        layers, width, heads, vocab_size, total, non_embedding = SIZES[model.size]
        shape = model.architecture
        assert (shape["layers"], shape["width"], shape["heads"], shape["vocab_size"]) == (
            layers,
            width,
            heads,
            vocab_size,
        )
        assert model.parameters == ParameterCount(total=total, non_embedding=non_embedding), model.name


def test_counts_follow_from_each_shape_by_arithmetic(models: dict[str, Model]) -> None:
    for model in models.values():
        shape = model.architecture
        counted = parameters_of_config(
            {
                "model_type": shape["model_type"],
                "num_hidden_layers": shape["layers"],
                "hidden_size": shape["width"],
                "intermediate_size": shape["feed_forward"],
                "vocab_size": shape["vocab_size"],
                "tie_word_embeddings": shape["tied_embeddings"],
            }
        )
        assert counted == model.parameters, model.name


@pytest.mark.needs_torch
@pytest.mark.parametrize("size", SIZES)
def test_counts_are_those_of_an_instantiated_model(models: dict[str, Model], size: str) -> None:
    import torch
    import transformers

    shape = next(model.architecture for model in models.values() if model.size == size)
    config = transformers.GPTNeoXConfig(
        num_hidden_layers=shape["layers"],
        hidden_size=shape["width"],
        num_attention_heads=shape["heads"],
        intermediate_size=shape["feed_forward"],
        vocab_size=shape["vocab_size"],
        tie_word_embeddings=shape["tied_embeddings"],
    )
    with torch.device("meta"):
        module = transformers.GPTNeoXForCausalLM(config)
    named = {name: parameter.numel() for name, parameter in module.named_parameters()}
    embedding = sum(count for name, count in named.items() if "embed_in" in name or "lm_head" in name)
    assert (sum(named.values()), sum(named.values()) - embedding) == SIZES[size][4:]


def test_v0_runs_of_4m_tokens_have_labels_of_twice_the_step(models: dict[str, Model]) -> None:
    for size in ("160m", "410m", "1.4b"):
        for suffix in ("", "-deduped"):
            model = models[f"pythia-{size}{suffix}-v0"]
            checkpoint = model.checkpoint("step3000")
            assert (checkpoint.step, checkpoint.revision) == (1500, "step3000")
            assert model.checkpoint(1500) == checkpoint
            # The label still counts batches of 1,024 sequences.
            assert checkpoint.sequences_seen.stop == 3000 * 1024
            assert model.checkpoints[-1].sequences_seen.stop == 146_432_000
    assert models["pythia-70m-v0"].checkpoint("step3000").step == 3000


def test_every_run_consumes_the_same_number_of_sequences(models: dict[str, Model]) -> None:
    for model in models.values():
        assert model.schedule.steps * model.schedule.sequences_per_batch == 146_432_000, model.name


def test_interventions_know_their_order_up_to_where_it_was_altered(pythia: Catalog) -> None:
    model = pythia.model("pythia-intervention-long-1.4b-deduped")
    assert model.batch(112_999).sequences.stop == 113_000 * 1024
    with pytest.raises(UnknownOrder, match="altered batches from step 113000"):
        model.batch(113_000)
    assert [checkpoint.revision for checkpoint in model.checkpoints] == ["main"]


def test_an_order_without_token_files_is_never_replaced_by_another(models: dict[str, Model]) -> None:
    for seed in range(1, 10):
        with pytest.raises(UnknownOrder, match=rf"seed {seed}; the index maps are at"):
            _ = models[f"pythia-14m-seed{seed}"].order
    with pytest.raises(UnknownOrder, match="corrupt"):
        _ = models["pythia-70m-seed2"].order
    assert models["pythia-160m-weight-seed1"].order.name == "pile"
    answer = StepAnswer.of(models["pythia-14m-seed3"], models["pythia-14m-seed3"].checkpoint(1000))
    assert answer.order is None
    assert answer.tokens_seen == 1000 * 2_097_152


def test_names_resolve_by_their_time(pythia: Catalog) -> None:
    assert pythia.model("pythia-19m").name == "pythia-70m-v0"
    assert pythia.model("pythia-13b-deduped").name == "pythia-12b-deduped-v0"
    assert pythia.model("pythia-v1.1-1b-bf16").name == "pythia-1b"
    assert pythia.model("EleutherAI/pythia-410m-seed3").name == "pythia-410m-seed3"
    meaning = pythia.model("pythia-160m").earlier_meanings
    assert [(one.model, one.valid_from, one.valid_until) for one in meaning] == [
        ("pythia-160m-v0", "2023-01-20", "2023-04-03")
    ]
    assert [one.model for one in pythia.model("pythia-14m").earlier_meanings] == ["pythia-14m-deduped"]
    answer = ModelAnswer.of(pythia.model("pythia-70m-v0"))
    assert {alias.name: alias.valid_until for alias in answer.former_names} == {
        "pythia-19m": "2023-01-20",
        "pythia-70m": "2023-04-03",
    }


def test_learning_rates_at_the_edges(models: dict[str, Model]) -> None:
    facts = models["pythia-70m"].hyperparameters
    assert learning_rate(facts, 0) == 0
    assert learning_rate(facts, 1430) == pytest.approx(1e-3)
    assert learning_rate(facts, 71_500) == pytest.approx(0.5157e-3, abs=5e-8)
    assert learning_rate(facts, 115_138) > 1e-4
    assert learning_rate(facts, 115_139) == learning_rate(facts, 143_000) == 1e-4
    # The largest v0 models decayed to 0 instead of a tenth; they warmed up alike.
    assert learning_rate(models["pythia-12b-v0"].hyperparameters, 141_570) < 1e-6
    with pytest.raises(InvalidValue, match="learning_rate"):
        learning_rate(models["pythia-70m-0.25MtokBS"].hyperparameters, 10)


def test_disputes_keep_both_sides_and_one_is_primary(pythia: Catalog) -> None:
    with pythia.database.read() as connection:
        claims = claims_of(connection, "model", "pythia-1b")
        disputes = disputed(connection)
    rates = [claim for claim in claims if claim.field == "learning_rate"]
    assert [(claim.value, claim.is_primary) for claim in rates] == [(2.5e-4, True), (3.0e-4, False)]
    fields = {(claim.subject, claim.field) for claim in disputes}
    assert {
        ("pythia-1b", "precision"),
        ("pythia-12b-deduped", "layers_and_heads"),
        ("pythia-31m", "corpus"),
        ("pile-deduped", "epoch_boundary"),
        ("pile", "document_separator"),
        ("pythia", "memorization_results_of"),
        ("pythia", "recitation_threshold"),
    } <= fields
    assert ("pythia-70m", "parameters_total") not in fields  # Two sources, one value.
    for subject, field in fields:
        with pythia.database.read() as connection:
            claims = disputed(connection, subject)
        primary = [claim for claim in claims if claim.field == field and claim.is_primary]
        assert len(primary) == 1, (subject, field)
        assert primary[0].source


def test_primary_claims_agree_with_the_columns(pythia: Catalog, models: dict[str, Model]) -> None:
    for model in models.values():
        with pythia.database.read() as connection:
            claims = claims_of(connection, "model", model.name)
        for claim in claims:
            if claim.is_primary and claim.field in model.hyperparameters and claim.field != "initialization":
                assert model.hyperparameters[claim.field] == claim.value, (model.name, claim.field)


def test_published_digests_of_batches_wait_for_the_first_read(pythia: Catalog) -> None:
    from sqlalchemy import text

    with pythia.database.read() as connection:
        known = connection.execute(
            text(
                "SELECT batch, batches.digest FROM batches JOIN orders ON orders.id = order_id "
                "WHERE name = 'pile-deduped' AND batches.digest IS NOT NULL ORDER BY batch"
            )
        ).all()
    assert [row[0] for row in known] == [0, 1, 511]
    assert known[0][1].startswith("sha256:7b5299e7ed77")


def test_a_new_catalog_is_made_in_seconds_and_again_in_none(tmp_path: Path) -> None:
    database = Database(parse_url(str(tmp_path / "catalog.sqlite")))
    began = time.process_time()
    assert upgrade(database).changes
    assert time.process_time() - began < 10  # Of CPU; 2 to 3 on the machine where this was written.
    began = time.process_time()
    assert upgrade(database).changes == ()
    assert time.process_time() - began < 2
    database.close()
