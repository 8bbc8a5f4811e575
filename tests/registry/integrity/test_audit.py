"""The audit finds what lies under wrong names, and nothing where names are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.specs import CheckpointSpec, ModelSpec, SuiteSpec
from seenat.registry.catalog.status import Evidence
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.checkpoints.storage_dtype import StorageDtype, infer_storage_dtype
from seenat.registry.database.tables.catalog import checkpoints, evidence, revisions
from seenat.registry.integrity.audit import audit
from seenat.registry.integrity.audit_rules import StoredCheckpoint, StoredFile, StoredModel, WeightIndex, check_model
from seenat.registry.integrity.findings import findings as findings_in
from seenat.registry.schedule import Schedule, pythia_steps
from seenat.registry.suites.write import write_suite

SINGLE = "model.safetensors"
SHARDS = tuple(f"pytorch_model-{number:05}-of-00003.bin" for number in (1, 2, 3))


def stored(step: int | None, files: str | Mapping[str, str], id_: int | None = None, **more: Any) -> StoredCheckpoint:
    """What lies at a step; a file's content is named by a word."""
    named = {SINGLE: files} if isinstance(files, str) else files
    facts = {
        "checkpoint_id": step if id_ is None and step is not None else id_,
        "revision": "main" if step is None else f"step{step}",
        "commit": f"commit of {step} {sorted(named.items())}",
        "weights": {name: StoredFile(bytes=10**6, sha256=f"sha256:{content}") for name, content in named.items()},
        "is_whole": bool(named),
    }
    return StoredCheckpoint(step=step, **(facts | more))


def model(
    *checkpoints_: StoredCheckpoint, name: str = "m", main: str | Mapping[str, str] | None = None, **more: Any
) -> StoredModel:
    facts = {"suite": "s", "repository": f"org/{name}", "is_known": True} | more
    return StoredModel(name=name, checkpoints=checkpoints_, main=None if main is None else stored(None, main), **facts)


def findings_of(*models: StoredModel) -> dict[str, list[tuple[str | None, str]]]:
    """Status and statement of every finding, by `model@step`."""
    index = WeightIndex(models)
    answer = {}
    for one in models:
        by_id = check_model(one, index)
        for checkpoint in one.checkpoints:
            assert checkpoint.checkpoint_id is not None
            answer[f"{one.name}@{checkpoint.step}"] = [
                (some.status, some.statement) for some in by_id[checkpoint.checkpoint_id]
            ]
    return answer


def statuses(*models: StoredModel) -> dict[str, set[str | None]]:
    return {place: {status for status, _ in some} for place, some in findings_of(*models).items()}


# -- one model


def test_weights_of_their_own_are_ok() -> None:
    assert statuses(model(stored(0, "a"), stored(2, "b"), stored(8, "c"), main="c")) == {
        "m@0": {"ok"},
        "m@2": {"ok"},
        "m@8": {"ok"},
    }


def test_a_step_with_the_last_ones_weights_is_wrong_and_the_last_is_not() -> None:
    findings = findings_of(model(stored(0, "a"), stored(2, "c"), stored(8, "c"), main="c"))
    assert findings["m@2"] == [
        ("wrong", "Its weights (model.safetensors, sha256 c) are those of main and step 8 (the last).")
    ]
    assert [status for status, _ in findings["m@8"]] == ["ok"]


def test_a_step_with_the_weights_of_main_is_wrong_where_the_last_has_others() -> None:
    findings = findings_of(model(stored(0, "a"), stored(2, "x"), stored(4, "x"), stored(8, "c"), main="x"))
    assert {status for status, _ in (*findings["m@2"], *findings["m@4"])} == {"wrong"}
    assert "main and 1 other step" in findings["m@2"][0][1]
    assert findings["m@8"] == [
        ("suspect", "Its weights are not those of main, and 2 earlier steps hold one or the other.")
    ]


def test_another_main_alone_is_no_fault() -> None:
    findings = findings_of(model(stored(0, "a"), stored(8, "c"), main="tuned"))
    assert {status for status, _ in findings["m@8"]} == {None, "ok"}


def test_two_earlier_steps_that_are_equal_are_both_suspect() -> None:
    findings = findings_of(model(stored(0, "a"), stored(2, "b"), stored(4, "b"), stored(8, "c"), main="c"))
    assert findings["m@2"] == [("suspect", "Its weights (model.safetensors, sha256 b) are those of step 4.")]
    assert findings["m@4"] == [("suspect", "Its weights (model.safetensors, sha256 b) are those of step 2.")]


def test_steps_0_and_1_are_equal_as_the_first_update_changes_nothing() -> None:
    findings = findings_of(model(stored(0, "a"), stored(1, "a"), stored(2, "b"), main="b"))
    assert {status for status, _ in (*findings["m@0"], *findings["m@1"])} == {None, "ok"}
    assert "nothing was learned in between" in findings["m@0"][0][1]


@pytest.mark.parametrize(
    ("contents", "bad"),
    [(("a", "b", "a", "z"), {0, 2}), (("a", "a", "a", "z"), {0, 1, 2}), (("a", "b", "b", "z"), {1, 2})],
)
def test_step_2_is_not_equal_to_steps_before_it(contents: tuple[str, ...], bad: set[int]) -> None:
    findings = statuses(model(*(stored(step, word) for step, word in zip((0, 1, 2, 8), contents, strict=True))))
    assert {step for step in (0, 1, 2, 8) if "suspect" in findings[f"m@{step}"]} == bad


def test_steps_0_and_1_are_not_equal_where_the_first_update_counts() -> None:
    findings = statuses(model(stored(0, "a"), stored(1, "a"), stored(8, "b"), first_update_is_idle=False))
    assert findings["m@0"] == findings["m@1"] == {"suspect"}


def test_one_equal_shard_is_enough_and_is_named() -> None:
    def shards(*words: str) -> dict[str, str]:
        return dict(zip(SHARDS, words, strict=True))

    findings = findings_of(
        model(stored(4, shards("z1", "a2", "a3")), stored(5, shards("b1", "b2", "b3")), stored(6, shards("c1", "b2", "c3")),
              stored(8, shards("z1", "z2", "z3")), main=shards("z1", "z2", "z3"))
    )  # fmt: skip
    assert findings["m@4"] == [
        ("wrong", f"Of the 3 files of its weights, {SHARDS[0]} (sha256 z1) lies also at main and step 8 (the last).")
    ]
    assert findings["m@5"] == [
        ("suspect", f"Of the 3 files of its weights, {SHARDS[1]} (sha256 b2) lies also at step 6.")
    ]
    assert [status for status, _ in findings["m@6"]] == ["suspect"]
    assert [status for status, _ in findings["m@8"]] == ["ok"]


def test_only_what_is_loaded_condemns() -> None:
    both = {SINGLE: "a", "pytorch_model.bin": "old"}
    findings = findings_of(model(stored(2, both), stored(8, {SINGLE: "c", "pytorch_model.bin": "old"})))
    assert "ok" in {status for status, _ in findings["m@2"]}
    assert len(findings["m@2"]) == 2
    assert "pytorch_model.bin, of which nothing is loaded, lies also at step 8" in findings["m@2"][0][1]


def test_other_forms_that_are_right_are_pointed_out() -> None:
    wrong = stored(2, {SINGLE: "z", "pytorch_model.bin": "of 2"})
    findings = findings_of(model(wrong, stored(8, {SINGLE: "z", "pytorch_model.bin": "of 8"})))
    assert findings["m@2"][0][1].endswith("; no other step holds its pytorch_model.bin, of which nothing is loaded.")


def test_revisions_that_are_not_there_or_empty_are_missing_and_half_ones_wrong() -> None:
    findings = findings_of(
        model(
            stored(1, {}, is_listed=False, commit=None), stored(2, {}), stored(3, "a", is_whole=False),
            stored(4, {}, commit=None), stored(8, "b"),
        )
    )  # fmt: skip
    assert findings["m@1"] == [("missing", "org/m has no such revision.")]
    assert findings["m@2"] == [("missing", "Its revision in org/m holds no weights.")]
    assert [status for status, _ in findings["m@3"]] == ["wrong"]
    assert findings["m@4"] == [], "its files were not listed yet"


def test_pythia_2p8b_as_it_was_found_in_august_2026() -> None:
    of_main = {0, *(2**power for power in range(10)), *range(1000, 53_001, 1000)}
    of_main |= {55000, 60000, 65000, 70000, 80000, 90000, 100_000, 103_000, 110_000, 120_000, 130_000, 140_000}
    second = {54000, *range(56000, 59_001, 1000), *range(61000, 64_001, 1000), 143_000}

    def content(step: int) -> str:
        return "ab496f1c" if step in of_main else "462f2b96" if step in second else f"own{step}"

    findings = findings_of(model(*(stored(step, content(step)) for step in pythia_steps()), main="ab496f1c"))
    by_status = Counter(next(status for status, _ in some if status) for some in findings.values())
    assert by_status == {"wrong": 76 + 9, "suspect": 1, "ok": 68}
    assert findings["m@54000"][0][1].endswith("are those of step 143000 (the last) and 8 other steps.")
    assert findings["m@0"][0][1].endswith("are those of main and 75 other steps.")
    assert [status for status, _ in findings["m@143000"]] == ["suspect"]
    assert all(len(some) == 1 for some in findings.values())


# -- several models


def test_two_models_with_the_same_weights_are_both_suspect() -> None:
    findings = findings_of(
        model(stored(4, "same", 1), stored(8, "x", 2), name="a"),
        model(stored(4, "y", 3), stored(8, "same", 4), name="b"),
    )
    assert findings["a@4"] == [("suspect", "Its weights (model.safetensors, sha256 same) are those of b at step 8.")]
    assert findings["b@8"] == [("suspect", "Its weights (model.safetensors, sha256 same) are those of a at step 4.")]
    assert [status for status, _ in findings["a@8"]] == ["ok"]


def test_models_may_begin_alike() -> None:
    findings = statuses(
        model(stored(0, "init", 1), stored(1, "init", 2), stored(8, "x", 3), name="a"),
        model(stored(0, "init", 4), stored(1, "init", 5), stored(8, "y", 6), name="b"),
    )
    assert "suspect" not in {status for some in findings.values() for status in some}


@pytest.mark.parametrize(("step", "status"), [(4, "ok"), (5, "suspect")])
def test_a_run_whose_batches_were_altered_equals_its_base_until_then(step: int, status: str) -> None:
    findings = statuses(
        model(stored(step, "same", 1), stored(8, "x", 2), name="base", order_id=1),
        model(stored(step, "same", 3), stored(8, "y", 4), name="altered", order_id=1, altered_from_step=4),
    )
    assert status in findings[f"base@{step}"] & findings[f"altered@{step}"]


def test_copies_in_another_suite_and_the_same_commit_are_no_fault() -> None:
    theirs = model(stored(4, "a", 1), stored(8, "b", 2), name="theirs")
    copy = model(stored(4, "a", 3), stored(8, "b", 4), name="copy", suite="mine", repository=None)
    findings = findings_of(theirs, copy)
    assert {status for some in findings.values() for status, _ in some} == {None, "ok"}
    assert "theirs at step 4, in another suite" in findings["copy@4"][0][1]
    again = model(stored(4, "a", 5), stored(8, "b", 6), name="again", repository="org/theirs")
    assert findings_of(theirs, again)["again@4"] == [
        ("ok", "Nothing else in the catalog holds its weights that should not.")
    ]


# -- lengths: sizes of files as they are on the hub, parameters and layers as the architectures have them

PYTHIA = {
    "14m": (14_067_712, 6, 39_233_536),
    "31m": (30_494_720, 6, 55_660_544),
    "70m": (70_426_624, 6, 95_592_448),
    "160m": (162_322_944, 12, 212_654_592),
    "410m": (405_334_016, 24, 505_997_312),
    "1b": (1_011_781_632, 16, 1_078_890_496),
    "1.4b": (1_414_647_808, 24, 1_515_311_104),
    "2.8b": (2_775_208_960, 32, 2_909_426_688),
    "6.9b": (6_857_302_016, 32, 6_991_519_744),
    "12b": (11_846_072_320, 36, 11_997_067_264),
}


@pytest.mark.parametrize(
    ("size", "length", "form"),
    [
        ("14m", 28_143_920, StorageDtype(16, False)),
        ("31m", 121_987_544, StorageDtype(32, False)),
        ("160m", 649_308_728, StorageDtype(32, False)),
        ("410m", 1_621_370_224, StorageDtype(32, False)),
    ],
)
def test_files_on_the_hub_have_a_form(size: str, length: int, form: StorageDtype) -> None:
    parameters, layers, _ = PYTHIA[size]
    assert infer_storage_dtype(length, parameters, layers, 2048) == form


@pytest.mark.parametrize("size", PYTHIA)
def test_stored_masks_are_4194304_bytes_a_layer(size: str) -> None:
    parameters, layers, elements = PYTHIA[size]
    assert elements == parameters + layers * 4_194_304
    header = 130 * (15 * layers + 4)
    for bits in (16, 32):
        plain = parameters * bits // 8
        masked = plain + layers * 4_194_304
        assert infer_storage_dtype(plain + header, parameters, layers, 2048) == StorageDtype(bits, False)
        assert infer_storage_dtype(masked + header, parameters, layers, 2048) == StorageDtype(bits, True)
        assert infer_storage_dtype(plain - 1, parameters, layers, 2048) != StorageDtype(bits, False)
    assert infer_storage_dtype(parameters * 3, parameters, layers, 2048) is None


def test_the_files_of_1p4b_and_2p8b_hold_masks() -> None:
    for size, gigabytes in (("1.4b", 2.93), ("2.8b", 5.68)):
        parameters, layers, _ = PYTHIA[size]
        assert round((2 * parameters + layers * 4_194_304) / 1e9, 2) == gigabytes


def test_models_too_small_for_their_headers_have_no_form() -> None:
    assert infer_storage_dtype(4096, 1000, 2, 128) is None


def sized(length: int, **more: Any) -> StoredCheckpoint:
    step = more.pop("step", 4)
    return stored(step, f"w{step}", weights={SINGLE: StoredFile(bytes=length, sha256=f"sha256:w{step}")}, **more)


def pythia_70m(*checkpoints_: StoredCheckpoint) -> StoredModel:
    return model(*checkpoints_, parameters=70_426_624, layers=6, positions=2048)


def test_lengths_that_no_form_explains_are_suspect_and_too_short_ones_wrong() -> None:
    half = 2 * 70_426_624 + 10_000
    findings = findings_of(
        pythia_70m(sized(half, step=4), sized(half - 20_000, step=5), sized(3 * half // 2, step=6), sized(half, step=8))
    )
    assert findings["m@4"][-1][0] == "ok"
    assert "as long as 70,426,624 parameters of 16 bits" in findings["m@4"][-1][1]
    assert [status for status, _ in findings["m@5"]] == ["wrong"]
    assert [status for status, _ in findings["m@6"]] == ["suspect"]


def test_another_form_than_most_steps_is_told() -> None:
    half = 2 * 70_426_624 + 10_000
    findings = findings_of(pythia_70m(sized(half, step=4), sized(2 * half, step=5), sized(half, step=8)))
    assert findings["m@5"][0] == (None, "Its parameters are stored in 32 bits, those of most steps in 16 bits.")
    assert findings["m@5"][-1][0] == "ok"


@pytest.mark.parametrize(
    ("elements", "status"),
    [({"F16": 70_426_624}, "ok"), ({"F16": 70_426_660, "U8": 6 * 4_194_304}, "ok"), ({"F16": 162_322_944}, "wrong")],
)
def test_the_hubs_count_of_numbers_is_that_of_the_parameters(elements: dict[str, int], status: str) -> None:
    findings = findings_of(pythia_70m(sized(2 * 70_426_624 + 10_000, elements=elements)))
    assert findings["m@4"][-1][0] == status


# -- from the catalog and back


def facts(name: str, files: Mapping[int, str], **more: Any) -> ModelSpec:
    """A model in a folder, whose checkpoints hold a file each."""
    schedule = Schedule(sequences_per_batch=4, steps=max(files), saved=tuple(files))
    checkpoints_ = tuple(
        CheckpointSpec(
            step=step, status="ok", reason="read when it was registered", digest=f"sha256:{name}{word}",
            files=(FileRecord(name=SINGLE, bytes=200_000, sha256=f"sha256:{word}"),),
        )
        for step, word in files.items()
    )  # fmt: skip
    return ModelSpec(
        name=name, order=None, schedule=schedule, folder=f"/{name}/step{{step}}", checkpoints=checkpoints_,
        parameters=ParameterCount(total=100_000, non_embedding=50_000), **more,
    )  # fmt: skip


def register(catalog: Catalog, *models: ModelSpec) -> None:
    with catalog.database.write() as connection:
        write_suite(connection, SuiteSpec(name="mine", origin="here", orders=(), models=models), replace=True)


def test_an_audit_writes_what_it_finds_and_takes_back_what_no_longer_holds(bare_catalog: Catalog) -> None:
    register(bare_catalog, facts("mine", {0: "a", 1: "a", 2: "z", 4: "b", 8: "z"}))
    first = audit(bare_catalog)
    assert {one.step: one.status for one in bare_catalog.model("mine").checkpoints} == {
        0: "ok", 1: "ok", 2: "wrong", 4: "ok", 8: "ok",
    }  # fmt: skip
    wrong = bare_catalog.model("mine").checkpoint(2)
    assert (wrong.source, wrong.reason) == (
        "seenat audit of local files",
        "Its weights (model.safetensors, sha256 z) are those of step 8 (the last).",
    )
    assert first.models[0].statuses == {"ok": 4, "wrong": 1}
    assert {one.step for one in first.models[0].evidence} == {0, 1, 2}

    with bare_catalog.database.read() as connection:
        before = connection.execute(select(evidence).order_by(evidence.c.id)).all()
    again = audit(bare_catalog)
    assert (again.added, again.withdrawn) == (0, 0)
    assert findings_in(bare_catalog) == findings_in(bare_catalog, {"mine"}) == again
    assert findings_in(bare_catalog, {"other"}).models == ()
    with bare_catalog.database.read() as connection:
        assert connection.execute(select(evidence).order_by(evidence.c.id)).all() == before

    register(bare_catalog, facts("mine", {0: "a", 1: "a", 2: "c", 4: "b", 8: "z"}))
    assert bare_catalog.model("mine").checkpoint(2).status == "ok", "its files are others now"
    audit(bare_catalog)
    assert {one.status for one in bare_catalog.model("mine").checkpoints} == {"ok"}


def test_registering_the_same_files_again_does_not_acquit_them(sqlite_catalog: Catalog) -> None:
    mine = facts("mine", {2: "z", 8: "z"})
    register(sqlite_catalog, mine)
    audit(sqlite_catalog, ["mine"])
    suite = SuiteSpec(name="mine", origin="here", orders=(), models=(mine,))
    with sqlite_catalog.database.write() as connection:
        assert write_suite(connection, suite) == ()
    assert sqlite_catalog.model("mine").checkpoint(2).status == "wrong"


def test_only_the_models_that_were_asked_for_are_told(sqlite_catalog: Catalog) -> None:
    register(sqlite_catalog, facts("mine", {2: "y", 8: "z"}), facts("other", {2: "y", 8: "q"}))
    audited = audit(sqlite_catalog, {"mine"})
    assert [model.model for model in audited.models] == ["mine"]
    assert sqlite_catalog.model("other").checkpoint(2).status == "suspect"
    assert audited.models[0].to_json()["statuses"] == {"suspect": 1, "ok": 1}


def test_what_the_hub_was_not_asked_for_stays_unknown(sqlite_catalog: Catalog) -> None:
    audited = audit(sqlite_catalog, {"pythia-70m"})
    assert audited.models[0].statuses == {"unknown": 154}
    assert not audited.models[0].listed


def test_a_listing_tells_what_is_missing(sqlite_catalog: Catalog) -> None:
    model_ = sqlite_catalog.model("pythia-70m")
    listed = [one for one in model_.checkpoints if one.step != 4000]
    with sqlite_catalog.database.write() as connection:
        connection.execute(
            insert(revisions),
            [{"model_id": model_.id, "name": one.revision, "commit_id": "c", "seen_at": "now"} for one in listed],
        )
        is_512 = (checkpoints.c.model_id == model_.id) & (checkpoints.c.step == 512)
        connection.execute(update(checkpoints).where(is_512).values(commit_id="c"))
    audited = audit(sqlite_catalog, {"pythia-70m"}).models[0]
    assert {piece.step: piece.status for piece in audited.evidence if piece.status} == {
        512: "missing",
        4000: "missing",
    }
    after = sqlite_catalog.model("pythia-70m")
    assert after.schedule.neighbours_of(4000) == (3000, 5000)
    assert after.checkpoint(4000).reason == "EleutherAI/pythia-70m has no such revision."
    assert after.checkpoint(4000).sequences_seen.stop == 4000 * 1024


def test_findings_are_of_the_listing_or_of_local_files() -> None:
    listed = model(stored(2, "a"), stored(8, "b"))
    local = model(stored(2, "a"), stored(8, "b"), repository=None)
    sources = [
        {some.source for some_findings in check_model(one, WeightIndex([one])).values() for some in some_findings}
        for one in (listed, local)
    ]
    assert sources == [{"seenat audit of hub listing"}, {"seenat audit of local files"}]
    assert all(isinstance(one, Evidence) for one in check_model(listed, WeightIndex([listed]))[2])
