"""Suites on their way into the catalog: what is new, what differs, what was learned and stays, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from seenat.checkpoints import broken_checkpoints
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import AliasSpec
from seenat.registry.catalog.specs import BatchContent, CheckpointSpec, ModelSpec, OrderSpec, SuiteSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import batches, checkpoints, orders
from seenat.registry.errors import InvalidValue, SuiteChanged, UnknownCheckpoint, UnknownOrder
from seenat.registry.orders.geometry import ID_BYTES
from seenat.registry.schedule import Schedule
from seenat.registry.suites.builtin import builtin_suites
from seenat.registry.suites.diff import diff_suites
from seenat.registry.suites.read import stored_suite
from seenat.registry.suites.write import write_suite

Dump = Callable[[Database], dict[str, list[tuple[Any, ...]]]]

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")

FILES = (
    FileRecord(name="a.bin", bytes=60, sha256=A, modified_ns=1),
    FileRecord(name="b.bin", bytes=48, sha256=B, modified_ns=2, data_offset=8),
    FileRecord(name="i.idx", bytes=162, sha256=C, modified_ns=3, role="index"),
)
ORDER = OrderSpec(
    name="mine-order",
    sequences=10,
    tokens_per_sequence=5,
    sequences_per_batch=4,
    dtype="uint16",
    vocab_size=50,
    eos_id=0,
    format="mmididx",
    location="/data/mine",
    files=FILES,
    tokenizer="/data/mine/tokenizer.json",
    batches=tuple(BatchContent(batch=batch, digest=f"sha256:{batch}", eos_count=batch) for batch in range(3)),
)
WEIGHTS = (
    FileRecord(name="config.json", bytes=9, sha256=A, modified_ns=4),
    FileRecord(name="model.safetensors", bytes=90, sha256=B, modified_ns=5),
)
MODEL = ModelSpec(
    name="mine-small",
    order="mine-order",
    schedule=Schedule(sequences_per_batch=4, steps=2, saved=(0, 1, 2)),
    family="mine",
    size="1k",
    folder="/data/mine/step{step}",
    parameters=ParameterCount(total=10, non_embedding=4),
    aliases=(AliasSpec(name="tiny"), AliasSpec(name="little", valid_until="2024-01-01")),
    architecture={"layers": 1, "tied_embeddings": False},
    hyperparameters={"betas": [0.9, 0.95], "learning_rate": 1e-3, "seed": 2**63 - 1},
    checkpoints=tuple(
        CheckpointSpec(step=step, status="ok", reason="read", digest=A, files=WEIGHTS) for step in (0, 1, 2)
    ),
)
SUITE = SuiteSpec(
    name="mine", origin="/data/mine/SUITE.toml", orders=(ORDER,), models=(MODEL,), provenance={"seed": 1, "by": "me"}
)
HUB_MODEL = replace(
    MODEL,
    folder=None,
    repository="me/small",
    checkpoints=tuple(CheckpointSpec(step=step) for step in (0, 1, 2)),
)


def with_order(**changes: Any) -> SuiteSpec:
    return replace(SUITE, orders=(replace(ORDER, **changes),))


def with_model(model: ModelSpec = MODEL, **changes: Any) -> SuiteSpec:
    return replace(SUITE, models=(replace(model, **changes),))


def with_steps(*saved: int, model: ModelSpec = MODEL) -> SuiteSpec:
    """The same model saved at other steps, each of which changes nothing of the others."""
    schedule = replace(model.schedule, saved=saved, steps=max(saved))
    before = {checkpoint.step: checkpoint for checkpoint in model.checkpoints}
    stated = tuple(before.get(step, replace(model.checkpoints[0], step=step)) for step in saved)
    return with_model(model, schedule=schedule, checkpoints=stated)


def record(catalog: Catalog, suite: SuiteSpec, *, change: bool = False) -> tuple[str, ...]:
    with catalog.database.write() as connection:
        return write_suite(connection, suite, replace=change)


def stored(catalog: Catalog, name: str = "mine") -> SuiteSpec:
    with catalog.database.read() as connection:
        suite = stored_suite(connection, name)
    assert suite is not None
    return suite


# -- in and out


def test_what_is_recorded_is_read_back(bare_catalog: Catalog) -> None:
    assert record(bare_catalog, SUITE) == (
        "suite mine",
        "order mine-order: 10 sequences",
        "model mine-small: 3 checkpoints",
    )
    suite = stored(bare_catalog)
    assert suite.orders == (replace(ORDER, batches=()),)
    assert suite.models == (replace(MODEL, aliases=MODEL.aliases[::-1]),)  # By name.
    assert (suite.name, suite.origin, suite.provenance) == (SUITE.name, SUITE.origin, SUITE.provenance)
    order = bare_catalog.order("mine-order")
    assert order.digest == ORDER.digest
    assert order.files == FILES
    model = bare_catalog.model("tiny")
    assert (model.order, model.parameters, model.hyperparameters) == (order, MODEL.parameters, MODEL.hyperparameters)
    assert bare_catalog.checkpoint_files(model.checkpoint(2)) == WEIGHTS


def test_recording_again_writes_nothing(bare_catalog: Catalog, dump: Dump) -> None:
    record(bare_catalog, SUITE)
    before = dump(bare_catalog.database)
    for change in (False, True):
        assert record(bare_catalog, SUITE, change=change) == ()
        assert record(bare_catalog, with_model(aliases=MODEL.aliases[::-1]), change=change) == ()
    assert dump(bare_catalog.database) == before


def test_the_built_in_suites_are_read_back(shared_catalog: Catalog) -> None:
    for suite in builtin_suites():
        assert diff_suites(stored(shared_catalog, suite.name), suite) == ()


@pytest.mark.parametrize("dtype", list(ID_BYTES))
@pytest.mark.parametrize(("sequences", "batch"), [(1, 4), (3, 4), (4, 4), (9, 4), (7, 1), (1000, 7)])
def test_batches_are_counted_by_the_database(sqlite_catalog: Catalog, sequences: int, batch: int, dtype: str) -> None:
    order = replace(ORDER, sequences=sequences, sequences_per_batch=batch, dtype=dtype, batches=())
    record(sqlite_catalog, replace(SUITE, orders=(order,), models=()))
    rows = batch_rows(sqlite_catalog)
    size = 5 * ID_BYTES[dtype]
    starts = range(0, sequences, batch)
    assert rows == [
        (number, start, min(batch, sequences - start), start * size, min(batch, sequences - start) * size, None, None)
        for number, start in enumerate(starts)
    ]


def batch_rows(catalog: Catalog, name: str = "mine-order") -> list[tuple[Any, ...]]:
    columns = [column for column in batches.c if column.name != "order_id"]
    query = select(*columns).join(orders).where(orders.c.name == name).order_by(batches.c.batch)
    with catalog.database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_large_orders_are_counted_without_overflow(bare_catalog: Catalog) -> None:
    """10^12 sequences in 100 batches of 41 TB each: beyond 32 bits in every column that can be."""
    order = replace(ORDER, sequences=10**12, tokens_per_sequence=2049, sequences_per_batch=10**10 // 8, batches=())
    record(bare_catalog, replace(SUITE, orders=(order,), models=()))
    *_, last = batch_rows(bare_catalog)
    size = 10**10 // 8
    assert last[:5] == (799, 799 * size, size, 799 * size * 4098, size * 4098)


def test_what_was_read_of_batches(bare_catalog: Catalog) -> None:
    record(bare_catalog, SUITE)
    assert [row[5:] for row in batch_rows(bare_catalog)] == [("sha256:0", 0), ("sha256:1", 1), ("sha256:2", 2)]
    assert [row[0:5] for row in batch_rows(bare_catalog)] == [(0, 0, 4, 0, 40), (1, 4, 4, 40, 40), (2, 8, 2, 80, 20)]


# -- additions


def test_what_is_new_is_added(bare_catalog: Catalog) -> None:
    record(bare_catalog, SUITE)
    other = replace(MODEL, name="mine-large", aliases=())
    longer = replace(with_steps(0, 1, 2, 3), orders=(ORDER, replace(ORDER, name="second-order")))
    added = record(bare_catalog, replace(longer, models=(*with_steps(0, 1, 2).models, other)))
    assert added == ("order second-order: 10 sequences", "model mine-large: 3 checkpoints")
    with pytest.raises(SuiteChanged, match="model mine-small: steps 2 -> 3"):
        record(bare_catalog, with_steps(0, 1, 2, 3))
    saved_between = replace(MODEL.schedule, saved=(0, 2))
    fewer = with_model(name="third", aliases=(), schedule=saved_between, checkpoints=MODEL.checkpoints[::2])
    assert record(bare_catalog, fewer) == ("model third: 2 checkpoints",)
    assert record(bare_catalog, with_model(name="third", aliases=())) == ("model third: 1 checkpoint",)
    assert bare_catalog.model("third").schedule.saved == (0, 1, 2)


def test_what_a_suite_leaves_out_stays(bare_catalog: Catalog, dump: Dump) -> None:
    """An order or model that its suite no longer names may have results, and other suites' models."""
    record(bare_catalog, SUITE)
    before = dump(bare_catalog.database)
    assert record(bare_catalog, replace(SUITE, models=()), change=True) == ()
    assert record(bare_catalog, replace(SUITE, orders=()), change=True) == ()
    assert dump(bare_catalog.database) == before


# -- differences

CHANGED_FILE = (replace(FILES[0], sha256=C), *FILES[1:])

FOUND_WRONG = with_model(
    checkpoints=(*MODEL.checkpoints[:2], replace(MODEL.checkpoints[2], status="wrong", reason="a mistake"))
)
CHANGES = {
    "suite mine: registered from /data/mine/SUITE.toml before, now from /elsewhere/SUITE.toml": replace(
        SUITE, origin="/elsewhere/SUITE.toml"
    ),
    "suite mine: provenance.seed 1 -> 2": replace(SUITE, provenance={"seed": 2, "by": "me"}),
    "suite mine: provenance.by me -> none": replace(SUITE, provenance={"seed": 1}),
    "order mine-order: sequences_per_batch 4 -> 2": with_order(sequences_per_batch=2),
    "order mine-order: sequences 10 -> 11": with_order(sequences=11),
    "order mine-order: tokens_per_sequence 5 -> 6": with_order(tokens_per_sequence=6),
    "order mine-order: dtype uint16 -> int32": with_order(dtype="int32"),
    "order mine-order: vocab_size 50 -> 51": with_order(vocab_size=51),
    "order mine-order: eos_id 0 -> 2": with_order(eos_id=2),
    "order mine-order: eos_id 0 -> none": with_order(eos_id=None),
    "order mine-order: format mmididx -> raw": with_order(format="raw"),
    "order mine-order: location /data/mine -> /data/yours": with_order(location="/data/yours"),
    "order mine-order: tokenizer /data/mine/tokenizer.json -> me/tokenizer": with_order(tokenizer="me/tokenizer"),
    "order mine-order: a.bin: sha256 sha256:aaaaaaaaaaaa -> sha256:cccccccccccc": with_order(files=CHANGED_FILE),
    "order mine-order: b.bin: data_offset 8 -> 0": with_order(
        files=(FILES[0], replace(FILES[1], data_offset=0), FILES[2])
    ),
    "order mine-order: the file i.idx is gone": with_order(files=FILES[:2]),
    "order mine-order: the file c.bin is new": with_order(files=(*FILES, FileRecord(name="c.bin", bytes=0))),
    "order mine-order: its files follow one another as a.bin, b.bin, i.idx -> b.bin, a.bin, i.idx": with_order(
        files=(FILES[1], FILES[0], FILES[2])
    ),
    "model mine-small: order mine-order -> none": with_model(order=None),
    "model mine-small: family mine -> yours": with_model(family="yours"),
    "model mine-small: size 1k -> 2k": with_model(size="2k"),
    "model mine-small: folder /data/mine/step{step} -> /new/step{step}": with_model(folder="/new/step{step}"),
    "model mine-small: parameters.total 10 -> 11": with_model(parameters=ParameterCount(total=11, non_embedding=4)),
    "model mine-small: aliases little until 2024-01-01, tiny -> tiny": with_model(aliases=MODEL.aliases[:1]),
    "model mine-small: aliases little until 2024-01-01, tiny -> none": with_model(aliases=()),
    "model mine-small: architecture.layers 1 -> 2": with_model(architecture={"layers": 2, "tied_embeddings": False}),
    "model mine-small: hyperparameters.betas [0.9, 0.95] -> [0.9, 0.99]": with_model(
        hyperparameters={**MODEL.hyperparameters, "betas": [0.9, 0.99]}
    ),
    "model mine-small: hyperparameters.note none -> new": with_model(
        hyperparameters={**MODEL.hyperparameters, "note": "new"}
    ),
    "model mine-small: steps 2 -> 3": with_model(schedule=replace(MODEL.schedule, steps=3)),
    "model mine-small: sequences_per_batch 4 -> 2": with_model(schedule=replace(MODEL.schedule, sequences_per_batch=2)),
    "model mine-small: labels_per_step 1 -> 2": with_model(schedule=replace(MODEL.schedule, labels_per_step=2)),
    "model mine-small: revision step{label} -> {step}": with_model(schedule=replace(MODEL.schedule, revision="{step}")),
    "model mine-small, step 1: model.safetensors: sha256 sha256:bbbbbbbbbbbb -> sha256:cccccccccccc": with_model(
        checkpoints=(
            MODEL.checkpoints[0],
            replace(MODEL.checkpoints[1], digest=C, files=(WEIGHTS[0], replace(WEIGHTS[1], sha256=C))),
            MODEL.checkpoints[2],
        )
    ),
    "model mine-small, step 2: status ok -> wrong": FOUND_WRONG,
    "model mine-small: step 1 is no longer in it": with_steps(0, 2),
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_each_change_is_told_alone(sentence: str) -> None:
    assert diff_suites(SUITE, CHANGES[sentence]) == (sentence,)


def test_all_changes_are_told_and_nothing_written(bare_catalog: Catalog, dump: Dump) -> None:
    record(bare_catalog, SUITE)
    before = dump(bare_catalog.database)
    for sentence, changed in CHANGES.items():
        with pytest.raises(SuiteChanged, match="1 thing changed since; nothing was written") as caught:
            record(bare_catalog, changed)
        assert str(caught.value).splitlines()[1:] == [f"  {sentence}"]
    several = replace(with_order(eos_id=2, vocab_size=51), models=with_steps(0, 2).models)
    with pytest.raises(SuiteChanged, match="3 things changed") as caught:
        record(bare_catalog, several)
    assert len(str(caught.value).splitlines()) == 4
    assert dump(bare_catalog.database) == before


def test_changes_are_written_when_asked(bare_catalog: Catalog, dump: Dump) -> None:
    """One after the other and back again: each is told, and told no more once it is there."""
    record(bare_catalog, SUITE)
    before = dump(bare_catalog.database)
    for sentence, changed in CHANGES.items():
        if changed == FOUND_WRONG:
            continue
        assert record(bare_catalog, changed, change=True)[0] == sentence
        assert record(bare_catalog, changed) == ()
        record(bare_catalog, SUITE, change=True)
        assert diff_suites(stored(bare_catalog), SUITE) == ()
    assert without_history(dump(bare_catalog.database)) == without_history(before)


def without_history(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows without the dates of statuses and the number of changes."""
    place = list(checkpoints.c).index(checkpoints.c.status_date)
    dated = [(*row[:place], *row[place + 1 :]) for row in rows["checkpoints"]]
    return {**rows, "checkpoints": dated, "generations": []}


def test_results_keep_their_checkpoints(bare_catalog: Catalog) -> None:
    """Rows change in place: what points to an order, a model or a checkpoint still points to it."""
    record(bare_catalog, SUITE)
    ids = rows_of_mine(bare_catalog)
    for changed in CHANGES.values():
        record(bare_catalog, changed, change=True)
        assert rows_of_mine(bare_catalog) == ids


def rows_of_mine(catalog: Catalog) -> tuple[Any, ...]:
    model, order = catalog.model("mine-small"), catalog.order("mine-order")
    return order.id, model.id, [(checkpoint.id, checkpoint.step) for checkpoint in model.checkpoints]


# -- what was learned, and of what


def test_what_is_not_stated_is_not_forgotten(bare_catalog: Catalog) -> None:
    """A suite of the hub states no digests; what was learned of its files stays through every other change."""
    record(bare_catalog, SUITE)
    unread = replace(
        ORDER, batches=(), tokenizer=None, files=tuple(replace(file, sha256=None, modified_ns=None) for file in FILES)
    )
    unseen = replace(
        MODEL, checkpoints=tuple(CheckpointSpec(step=step) for step in (0, 1, 2)), size=None, parameters=None
    )
    assert diff_suites(SUITE, replace(SUITE, orders=(unread,), models=(unseen,))) == ()
    less = replace(SUITE, orders=(unread,), models=(replace(unseen, family="yours"),))
    assert record(bare_catalog, less, change=True) == ("model mine-small: family mine -> yours",)
    kept = stored(bare_catalog)
    assert kept.orders == (replace(ORDER, batches=()),)
    assert kept.models[0].checkpoints == MODEL.checkpoints
    assert (kept.models[0].size, kept.models[0].parameters) == (MODEL.size, MODEL.parameters)
    assert [row[5:] for row in batch_rows(bare_catalog)] == [("sha256:0", 0), ("sha256:1", 1), ("sha256:2", 2)]


def test_what_was_learned_of_other_content_is_forgotten(bare_catalog: Catalog) -> None:
    record(bare_catalog, SUITE)
    longer = (replace(FILES[0], bytes=62, sha256=None, modified_ns=None), *FILES[1:])
    record(bare_catalog, with_order(files=longer, batches=()), change=True)
    assert bare_catalog.order("mine-order").digest is None
    assert [file.sha256 for file in bare_catalog.order("mine-order").files] == [None, B, C]
    assert [row[5:] for row in batch_rows(bare_catalog)] == [(None, None)] * 3


def test_checkpoints_in_another_place_are_other_checkpoints(bare_catalog: Catalog) -> None:
    record(bare_catalog, SUITE)
    changes = record(bare_catalog, with_model(HUB_MODEL), change=True)
    assert changes == (
        "model mine-small: repository none -> me/small",
        "model mine-small: folder /data/mine/step{step} -> none",
    )
    model = bare_catalog.model("me/small")
    assert (model.name, model.folder) == ("mine-small", None)
    for checkpoint in model.checkpoints:
        assert (checkpoint.status, checkpoint.reason, checkpoint.digest) == ("unknown", None, None)
        assert bare_catalog.checkpoint_files(checkpoint) == ()
    record(bare_catalog, SUITE, change=True)
    assert bare_catalog.model("mine-small").repository is None
    assert stored(bare_catalog).models[0].checkpoints == MODEL.checkpoints


def test_reading_the_same_files_again_is_no_acquittal(bare_catalog: Catalog) -> None:
    """`ok` says that files were read: it stands against nothing that was found of the same files, but of others."""
    record(bare_catalog, SUITE)
    record(bare_catalog, FOUND_WRONG, change=True)
    assert record(bare_catalog, SUITE) == ()
    record(bare_catalog, with_model(size="2k"), change=True)
    assert bare_catalog.model("tiny").checkpoint(2).status == "wrong"
    mended = replace(MODEL.checkpoints[2], digest=C, files=(WEIGHTS[0], replace(WEIGHTS[1], sha256=C)))
    record(bare_catalog, with_model(checkpoints=(*MODEL.checkpoints[:2], mended)), change=True)
    assert [checkpoint.status for checkpoint in bare_catalog.model("tiny").checkpoints] == ["ok"] * 3


def test_the_date_of_a_status_is_that_of_its_last_change(bare_catalog: Catalog) -> None:
    record(bare_catalog, SUITE)
    with bare_catalog.database.write() as connection:
        connection.execute(update(checkpoints).values(status_date="2020-01-01T00:00:00Z"))
    changed = (*MODEL.checkpoints[:2], replace(MODEL.checkpoints[2], digest=C, files=(replace(WEIGHTS[0], sha256=C),)))
    record(bare_catalog, with_model(checkpoints=changed, size="2k"), change=True)
    dates = [str(checkpoint.status_date)[:4] for checkpoint in bare_catalog.model("tiny").checkpoints]
    assert dates[:2] == ["2020", "2020"]
    assert dates[2] > "2020"


# -- steps that go and come


@pytest.mark.parametrize("model", [MODEL, HUB_MODEL], ids=["local", "hub"])
def test_a_step_that_goes_and_comes_back(bare_catalog: Catalog, model: ModelSpec) -> None:
    whole = with_model(model)
    record(bare_catalog, whole)
    statuses = [checkpoint.status for checkpoint in bare_catalog.model("tiny").checkpoints]
    fewer = with_steps(0, 1, model=model)
    changes = record(bare_catalog, fewer, change=True)
    assert changes == ("model mine-small: steps 2 -> 1", "model mine-small: step 2 is no longer in it")
    without = bare_catalog.model("tiny")
    assert (without.schedule.saved, without.schedule.steps) == ((0, 1), 1)
    assert (without.checkpoint(2).status, without.checkpoint(2).reason) == ("missing", "no longer in its suite")
    assert not broken_checkpoints([without])  # Nothing is wrong with it.
    with pytest.raises(UnknownCheckpoint, match="nearest is 1"):
        without.checkpoint(3)
    assert record(bare_catalog, fewer) == ()
    assert record(bare_catalog, whole, change=True) == (
        "model mine-small: steps 1 -> 2",
        "model mine-small: 1 checkpoint",
    )
    back = bare_catalog.model("tiny")
    assert back.schedule.saved == (0, 1, 2)
    assert [checkpoint.status for checkpoint in back.checkpoints] == statuses
    assert back.checkpoint(2).id == without.checkpoint(2).id


def test_a_step_found_missing_stays_missing(bare_catalog: Catalog) -> None:
    """Its suite states it, an audit did not find it: the suite's `unknown` is no finding."""
    record(bare_catalog, with_model(HUB_MODEL))
    with bare_catalog.database.write() as connection:
        connection.execute(update(checkpoints).where(checkpoints.c.step == 1).values(status="missing", reason="404"))
    assert record(bare_catalog, with_model(HUB_MODEL)) == ()
    record(bare_catalog, with_model(HUB_MODEL, size="2k"), change=True)
    model = bare_catalog.model("tiny")
    assert (model.checkpoint(1).status, model.checkpoint(1).reason) == ("missing", "404")
    assert model.schedule.saved == (0, 2)
    assert model.schedule.first_checkpoint_after_batch(0) == 2


# -- what cannot be recorded


def test_names_of_other_suites_are_taken(bare_catalog: Catalog, dump: Dump) -> None:
    record(bare_catalog, SUITE)
    before = dump(bare_catalog.database)
    for yours in (replace(SUITE, name="yours", models=()), replace(SUITE, name="yours", orders=())):
        with pytest.raises(InvalidValue, match="is taken by the suite mine"):
            record(bare_catalog, yours)
    assert dump(bare_catalog.database) == before


def test_an_order_that_nobody_knows(bare_catalog: Catalog, dump: Dump) -> None:
    before = dump(bare_catalog.database)
    with pytest.raises(InvalidValue, match=r"names the order 'lost'.*the catalog has mine-order\."):
        record(bare_catalog, with_model(order="lost"))
    assert dump(bare_catalog.database) == before


def test_a_model_without_an_order(bare_catalog: Catalog) -> None:
    record(bare_catalog, replace(SUITE, orders=(), models=(replace(MODEL, order=None, order_note="never published"),)))
    model = bare_catalog.model("tiny")
    assert model.training_order is None
    assert model.checkpoint(2).sequences_seen.stop == 8
    with pytest.raises(UnknownOrder, match=r"mine-small .* never published"):
        _ = model.order


def test_labels_of_a_run_are_not_its_steps(bare_catalog: Catalog) -> None:
    schedule = Schedule(sequences_per_batch=4, steps=2, saved=(0, 1, 2), labels_per_step=500)
    record(bare_catalog, with_model(schedule=schedule))
    model = bare_catalog.model("tiny")
    assert [checkpoint.revision for checkpoint in model.checkpoints] == ["step0", "step500", "step1000"]
    assert (model.checkpoint("step500").step, model.checkpoint(1).revision) == (1, "step500")
    with pytest.raises(UnknownCheckpoint, match=r"step 0\.5; the nearest are 0 and 1"):
        model.checkpoint("step250")


def test_revisions_that_are_no_labels(bare_catalog: Catalog) -> None:
    """A revision is found as it is spelled, even where its number would be another step's label."""
    schedule = Schedule(sequences_per_batch=4, steps=4, saved=(2, 4), labels_per_step=2, revision="step{step}")
    stated = tuple(CheckpointSpec(step=step) for step in (2, 4))
    record(bare_catalog, with_model(HUB_MODEL, schedule=schedule, checkpoints=stated))
    model = bare_catalog.model("tiny")
    assert (model.checkpoint("step4").step, model.checkpoint("step2").step, model.checkpoint(4).step) == (4, 2, 4)
    named = replace(schedule, labels_per_step=1, revision="iter-{label}")
    record(bare_catalog, with_model(HUB_MODEL, schedule=named, checkpoints=stated), change=True)
    assert bare_catalog.model("tiny").checkpoint("iter-4").step == 4


def test_a_failure_leaves_nothing_of_a_suite(bare_catalog: Catalog, dump: Dump) -> None:
    """The third model's order is unknown; what was written before it in the same transaction is undone."""
    before = dump(bare_catalog.database)
    models = (MODEL, replace(MODEL, name="second", aliases=()), replace(MODEL, name="third", aliases=(), order="lost"))
    with pytest.raises(InvalidValue):
        record(bare_catalog, replace(SUITE, models=models))
    assert dump(bare_catalog.database) == before
    with bare_catalog.database.write() as connection:
        connection.execute(insert(orders.metadata.tables["suites"]).values(name="still", origin="works", provenance={}))
