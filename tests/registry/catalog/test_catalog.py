"""Look-ups: names and steps that exist, those that do not, and batches as the database counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import batches, orders
from seenat.registry.errors import (
    NotFound,
    UnknownBatch,
    UnknownCheckpoint,
    UnknownModel,
    UnknownOrder,
    UnknownSequence,
)
from seenat.registry.units import SequenceRange

Dump = Callable[[Database], dict[str, list[tuple[Any, ...]]]]


# -- names


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("pythia-70m", "pythia-70m"),
        ("pythia-v1.1-1b-bf16", "pythia-1b"),
        ("EleutherAI/pythia-12b-deduped", "pythia-12b-deduped"),
        ("pythia-1.4b-v0", "pythia-1.4b-v0"),
    ],
)
def test_a_model_by_any_of_its_names(shared_catalog: Catalog, name: str, model: str) -> None:
    assert shared_catalog.model(name).name == model
    assert shared_catalog.order_or_model(name)[1] == shared_catalog.model(model)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("pythia-70", "pythia-70m"),
        ("PYTHIA-12B-DEDUPE", "pythia-12b-deduped"),
        ("EleutherAI/pythia-70n", "pythia-70m"),
    ],
)
def test_an_unknown_model(shared_catalog: Catalog, name: str, nearest: str) -> None:
    with pytest.raises(UnknownModel, match=f"no model '{name}'; did you mean") as caught:
        shared_catalog.model(name)
    assert nearest in caught.value.nearest
    assert nearest in str(caught.value)


def test_a_name_like_no_other(shared_catalog: Catalog) -> None:
    with pytest.raises(UnknownModel, match="`seenat models` lists all") as caught:
        shared_catalog.model("%")
    assert caught.value.nearest == ()


def test_an_unknown_order(shared_catalog: Catalog) -> None:
    with pytest.raises(UnknownOrder, match="no order 'pile-dedup'; the catalog has pile-deduped") as caught:
        shared_catalog.order("pile-dedup")
    assert caught.value.nearest[0] == "pile-deduped"
    with pytest.raises(UnknownOrder, match="pile, pile-deduped"):
        shared_catalog.models(order="zzz")


def test_an_order_or_a_model(shared_catalog: Catalog) -> None:
    assert shared_catalog.order_or_model("pile") == (shared_catalog.order("pile"), None)
    order, model = shared_catalog.order_or_model("pythia-70m-deduped")
    assert (order.name, model and model.name) == ("pile-deduped", "pythia-70m-deduped")
    with pytest.raises(UnknownModel, match="no model or order 'pile-dedupd'; did you mean pile-deduped"):
        shared_catalog.order_or_model("pile-dedupd")


def test_a_model_whose_order_is_not_published(shared_catalog: Catalog) -> None:
    model = shared_catalog.model("pythia-70m-seed3")
    assert model.training_order is None
    for ask in (lambda: model.order, lambda: model.batch(0), lambda: shared_catalog.order_or_model(model.name)):
        with pytest.raises(UnknownOrder, match="pythia-70m-seed3 is not published"):
            ask()
    checkpoint = model.checkpoint(1000)
    assert checkpoint.sequences_seen == SequenceRange(0, 1_024_000)


def test_listing_models(shared_catalog: Catalog) -> None:
    listed = shared_catalog.models()
    assert [model.name for model in listed[:2]] == ["pythia-70m", "pythia-70m-deduped"]
    assert list(shared_catalog.models(family="pythia")) == [model for model in listed if model.family == "pythia"]
    assert {model.size for model in shared_catalog.models(size="1.4B")} == {"1.4b"}
    of_order = shared_catalog.models(order="pile", size="12b", family="pythia")
    assert [model.name for model in of_order] == ["pythia-12b"]
    assert shared_catalog.models(family="no such") == ()
    assert [shared_catalog.model(model.name) for model in listed[:3]] == list(listed[:3])


# -- steps


def test_a_checkpoint_by_step_and_revision(shared_catalog: Catalog) -> None:
    model = shared_catalog.model("pythia-70m")
    for name in (3000, "3000", "step3000", " step3000 "):
        assert model.checkpoint(name).step == 3000


def test_labels_that_are_not_steps(shared_catalog: Catalog) -> None:
    """The revision step3000 of a run with 4M tokens a batch is the model after 1,500 updates (Pythia README)."""
    model = shared_catalog.model("pythia-1.4b-v0")
    by_label, by_step = model.checkpoint("step3000"), model.checkpoint(3000)
    assert (by_label.step, by_label.revision) == (1500, "step3000")
    assert (by_step.step, by_step.revision) == (3000, "step6000")
    assert by_label.sequences_seen == SequenceRange(0, 3_072_000)
    assert by_label.sequences_seen == shared_catalog.model("pythia-1b-v0").checkpoint("step3000").sequences_seen
    with pytest.raises(UnknownCheckpoint, match=r"at step 1500\.5; the nearest are 1500 and 2000") as caught:
        model.checkpoint("step3001")
    assert caught.value.nearest == (1500, 2000)
    with pytest.raises(UnknownCheckpoint, match="at step 750; the nearest are 500 and 1000"):
        model.checkpoint("step1500")


@pytest.mark.parametrize(
    ("step", "nearest", "words"),
    [
        (1500, (1000, 2000), "the nearest are 1000 and 2000, and batches 1000 to 1999 lie between them."),
        (3, (2, 4), "the nearest are 2 and 4, and batches 2 to 3 lie between them."),
        (999, (512, 1000), "batches 512 to 999 lie between"),
        (143_001, (143_000,), "the nearest is 143000."),
    ],
)
def test_neighbours_of_an_unknown_step(
    shared_catalog: Catalog, step: int, nearest: tuple[int, ...], words: str
) -> None:
    for name in (step, f"step{step}"):
        with pytest.raises(UnknownCheckpoint, match=f"pythia-70m has no checkpoint at step {step};") as caught:
            shared_catalog.model("pythia-70m").checkpoint(name)
        assert caught.value.nearest == nearest
        assert words in str(caught.value)


def test_a_run_without_checkpoints(shared_catalog: Catalog) -> None:
    with pytest.raises(UnknownCheckpoint, match="has no checkpoints"):
        shared_catalog.model("pythia-1b-0.5MtokBS").checkpoint(0)


# -- batches, as the database counts them


@pytest.mark.parametrize("name", ["pile", "pile-deduped"])
def test_rows_of_batches_agree_with_arithmetic(shared_catalog: Catalog, name: str) -> None:
    order = shared_catalog.order(name)
    schedule = shared_catalog.models(order=name, family="pythia" if name == "pile" else "pythia-deduped")[0].schedule
    edges = [0, 1, 511, 512, 1000, 142_999]
    with shared_catalog.database.read() as connection:
        rows = connection.execute(
            select(batches).where(batches.c.order_id == order.id, batches.c.batch.in_(edges)).order_by(batches.c.batch)
        ).all()
    assert [row.batch for row in rows] == edges
    for row in rows:
        sequences = SequenceRange(row.first_sequence, row.first_sequence + row.sequences)
        assert sequences == order.batch(row.batch).sequences == schedule.sequences_of(row.batch)
        assert (row.byte_offset, row.byte_length) == (4_196_352 * row.batch, 4_196_352)
        extents = order.batch(row.batch).extents()
        assert sum(extent.length for extent in extents) == row.byte_length
        assert order.files[row.byte_offset // 30_000_000_000].name == extents[0].file.name
        assert extents[0].offset == row.byte_offset % 30_000_000_000


def test_batches_cover_their_order_once(shared_catalog: Catalog) -> None:
    """Every byte, and every sequence, is in one batch: none left out, none twice."""
    following = batches.alias("following")
    with shared_catalog.database.read() as connection:
        totals = connection.execute(
            select(func.sum(batches.c.byte_length), func.sum(batches.c.sequences), func.max(batches.c.batch)).group_by(
                batches.c.order_id
            )
        ).all()
        gaps = connection.execute(
            select(func.count())
            .select_from(batches)
            .join(
                following,
                (following.c.order_id == batches.c.order_id) & (following.c.batch == batches.c.batch + 1),
            )
            .where(
                (batches.c.byte_offset + batches.c.byte_length != following.c.byte_offset)
                | (batches.c.first_sequence + batches.c.sequences != following.c.first_sequence)
            )
        ).scalar()
    assert [tuple(map(int, row)) for row in totals] == [(600_078_336_000, 146_432_000, 142_999)] * 2
    assert gaps == 0


def test_twenty_batches_straddle_two_files(shared_catalog: Catalog) -> None:
    order = shared_catalog.order("pile-deduped")
    end = batches.c.byte_offset + batches.c.byte_length - 1
    shard = 30_000_000_000
    query = (
        select(batches.c.batch)
        .join(orders, orders.c.id == batches.c.order_id)
        .where(orders.c.name == order.name, batches.c.byte_offset // shard != end // shard)
        .order_by(batches.c.batch)
    )
    with shared_catalog.database.read() as connection:
        straddling = connection.execute(query).scalars().all()
    assert straddling == [shard * number // 4_196_352 for number in range(1, 21)]
    for number, batch in enumerate(straddling):
        first, second = order.batch(batch).extents()
        assert (first.file.name, second.file.name) == tuple(
            f"document-{shard_number:05}-of-00020.bin" for shard_number in (number, number + 1)
        )
        assert first.offset + first.length == shard
        assert (second.offset, first.length + second.length) == (0, 4_196_352)
    assert len(order.batch(straddling[0] + 1).extents()) == 1


def test_beyond_an_order(shared_catalog: Catalog) -> None:
    order = shared_catalog.order("pile")
    for index, nearest in ((143_000, 142_999), (-1, 0)):
        with pytest.raises(UnknownBatch, match=f"no batch {index}: it holds batches 0 to 142999") as caught:
            order.batch(index)
        assert caught.value.nearest == (nearest,)
    for sequence, nearest in ((146_432_000, 146_431_999), (-1, 0)):
        with pytest.raises(UnknownSequence) as error:
            order.batch_of(sequence)
        assert error.value.nearest == (nearest,)


# -- reading


def test_reading_writes_nothing(shared_catalog: Catalog, dump: Dump) -> None:
    before = dump(shared_catalog.database)
    model = shared_catalog.models(order="pile-deduped")[0]
    assert shared_catalog.checkpoint_files(model.checkpoint(1000)) == ()
    assert not shared_catalog.has_measurements(model.order)
    shared_catalog.order_or_model("pile")
    shared_catalog.orders()
    with pytest.raises(NotFound):
        shared_catalog.model("no such model")
    assert dump(shared_catalog.database) == before
