"""The suites that ship with seenat, against numbers that were not computed by it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.specs import ModelSpec
from seenat.registry.database.tables.catalog import batches, checkpoints, models, orders
from seenat.registry.open import open_catalog
from seenat.registry.suites.builtin import builtin_suites

# Layers, width, heads, feed-forward, vocabulary, parameters in all and without embeddings. The last two of the eight
# published sizes are those of the model cards' table; those of 14m and 31m were counted on a built model.
SIZES = {
    "14m": (6, 128, 4, 512, 50304, 14_067_712, 1_189_888),
    "31m": (6, 256, 8, 1024, 50304, 30_494_720, 4_739_072),
    "70m": (6, 512, 8, 2048, 50304, 70_426_624, 18_915_328),
    "160m": (12, 768, 12, 3072, 50304, 162_322_944, 85_056_000),
    "410m": (24, 1024, 16, 4096, 50304, 405_334_016, 302_311_424),
    "1b": (16, 2048, 8, 8192, 50304, 1_011_781_632, 805_736_448),
    "1.4b": (24, 2048, 16, 8192, 50304, 1_414_647_808, 1_208_602_624),
    "2.8b": (32, 2560, 32, 10240, 50304, 2_775_208_960, 2_517_652_480),
    "6.9b": (32, 4096, 32, 16384, 50432, 6_857_302_016, 6_444_163_072),
    "12b": (36, 5120, 40, 20480, 50688, 11_846_072_320, 11_327_027_200),
}
LEARNING_RATES = {
    "70m": 1e-3, "160m": 6e-4, "410m": 3e-4, "1.4b": 2e-4, "2.8b": 1.6e-4, "6.9b": 1.2e-4, "12b": 1.2e-4,
}  # fmt: skip
MAIN = [f"pythia-{size}{corpus}" for size in list(SIZES)[2:] for corpus in ("", "-deduped")]
MODELS = {model.name: model for suite in builtin_suites() for model in suite.models}
ORDERS = {order.name: order for suite in builtin_suites() for order in suite.orders}


def test_a_new_catalog_is_made_in_seconds(tmp_path: Path) -> None:
    start = time.monotonic()
    open_catalog(str(tmp_path / "catalog.sqlite")).close()
    assert time.monotonic() - start < 10


def test_what_a_new_catalog_holds(shared_catalog: Catalog) -> None:
    with shared_catalog.database.read() as connection:
        counted = dict(
            connection.execute(
                select(orders.c.name, func.count())
                .join(batches, batches.c.order_id == orders.c.id)
                .group_by(orders.c.name)
            ).all()
        )
        saved = dict(
            connection.execute(
                select(models.c.name, func.count())
                .join(checkpoints, checkpoints.c.model_id == models.c.id)
                .where(models.c.name.in_(MAIN))
                .group_by(models.c.name)
            ).all()
        )
    assert counted == {"pile": 143_000, "pile-deduped": 143_000}
    assert saved == dict.fromkeys(MAIN, 154)


def test_results_on_the_pile_stay_results_on_it() -> None:
    """Catalogs named its commit by 7 digits once."""
    (pile,) = (order for suite in builtin_suites() for order in suite.orders if order.name == "pile")
    assert pile.location.endswith("@bac79b6820adb34e451f9a02cc1dc7cd920febf0")
    assert pile.digest == "sha256:94b9dc9b30ec8d258072e33084ea6b2600df96f45d8a24ff016057ac428d6c47"


@pytest.mark.parametrize("name", MAIN)
def test_the_sixteen_main_models(name: str) -> None:
    model, size = MODELS[name], name.split("-")[1]
    assert model.size == size
    assert model.order == ("pile-deduped" if name.endswith("-deduped") else "pile")
    assert model.repository == f"EleutherAI/{name}"
    assert (model.schedule.sequences_per_batch, model.schedule.steps) == (1024, 143_000)
    assert model.schedule.saved == (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(1000, 144_000, 1000))
    assert [checkpoint.step for checkpoint in model.checkpoints] == list(model.schedule.saved)
    assert size == "1b" or model.hyperparameters["learning_rate"] == LEARNING_RATES[size]  # Sources disagree on 1b's.
    assert model.hyperparameters["warmup_steps"] == 1430
    assert model.hyperparameters["adam_betas"] == [0.9, 0.95]
    assert model.hyperparameters["seed"] == 1234


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_sizes(model: ModelSpec) -> None:
    """By the table, and by arithmetic: L (12 d^2 + 13 d) + 2 d without embeddings, and 2 V d with them."""
    assert model.size is not None
    assert model.parameters is not None
    layers, width, heads, feed_forward, vocabulary, total, non_embedding = SIZES[model.size]
    of_architecture = ("layers", "width", "heads", "feed_forward", "vocab_size")
    assert [model.architecture[key] for key in of_architecture] == [layers, width, heads, feed_forward, vocabulary]
    assert (model.parameters.total, model.parameters.non_embedding) == (total, non_embedding)
    assert non_embedding == layers * (12 * width**2 + 13 * width) + 2 * width
    assert total == non_embedding + 2 * vocabulary * width


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_every_run_is_as_long_as_its_order(model: ModelSpec) -> None:
    """All variants see the same 146,432,000 sequences of 2,048 targets, whatever their batch size."""
    schedule = model.schedule
    assert schedule.steps * schedule.sequences_per_batch == 146_432_000
    assert model.hyperparameters["tokens_per_batch"] == schedule.sequences_per_batch * 2048
    assert [checkpoint.step for checkpoint in model.checkpoints] == list(schedule.saved)
    assert model.order is None or ORDERS[model.order].sequences == 146_432_000


def test_runs_of_four_million_tokens_count_labels() -> None:
    """Their revisions carry twice the number of updates (Pythia README)."""
    for size in ("160m", "410m", "1.4b"):
        schedule = MODELS[f"pythia-{size}-v0"].schedule
        assert (schedule.labels_per_step, schedule.steps, schedule.sequences_per_batch) == (2, 71_500, 2048)
        assert [schedule.revision_of(step) for step in schedule.saved[:2]] == ["step1000", "step2000"]
        assert schedule.revision_of(schedule.saved[-1]) == "step143000"
    for size in ("70m", "1b", "2.8b", "6.9b", "12b"):
        assert MODELS[f"pythia-{size}-v0"].schedule.labels_per_step == 1
    assert all(len(model.schedule.saved) == 143 for name, model in MODELS.items() if name.endswith("-v0"))


def test_seeds_have_no_order_of_their_own() -> None:
    """Their orders are not published as token files, and another seed's order is not theirs."""
    reordered = [model for name, model in MODELS.items() if "-seed" in name or "-data-seed" in name]
    orders_of = {model.name: model.order for model in reordered if "-weight-seed" not in model.name}
    assert len(orders_of) == 48
    assert set(orders_of.values()) == {None}


@pytest.mark.parametrize("name", ["pile", "pile-deduped"])
def test_orders(name: str) -> None:
    order = ORDERS[name]
    tokens = [file for file in order.files if file.role == "tokens"]
    assert (order.sequences, order.tokens_per_sequence, order.dtype) == (146_432_000, 2049, "uint16")
    assert [file.name for file in tokens] == [f"document-{number:05}-of-00020.bin" for number in range(21)]
    assert [file.bytes for file in tokens] == [30_000_000_000] * 20 + [78_336_000]
    assert sum(file.bytes for file in tokens) == 600_078_336_000
    (index,) = (file for file in order.files if file.role == "index")
    assert index.bytes == 34 + 12 * order.sequences + 8


def test_a_name_means_one_thing() -> None:
    taken = [*ORDERS, *MODELS, *(model.repository for model in MODELS.values() if model.repository)]
    current = [alias.name for model in MODELS.values() for alias in model.aliases if alias.valid_until is None]
    assert len({*taken, *current}) == len([*taken, *current])


def test_former_names_lead_to_what_they_meant(shared_catalog: Catalog) -> None:
    """Before 20 January 2023 sizes were told by other counts, and all that existed was what is now v0 (README)."""
    for name, now in {"pythia-19m": "pythia-70m-v0", "pythia-13b-deduped": "pythia-12b-deduped-v0"}.items():
        assert shared_catalog.model(name).name == now
    assert shared_catalog.model("pythia-v1.1-70m").name == "pythia-70m"
    assert shared_catalog.model("pythia-70m").name == "pythia-70m"
    assert [meaning.model for meaning in shared_catalog.model("pythia-70m").earlier_meanings] == ["pythia-70m-v0"]
