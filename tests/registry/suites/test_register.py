"""Registering suites from their files: what is read, what is found, what is refused with nothing written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.checkpoints.files import CONFIG
from seenat.registry.database.engine import Database
from seenat.registry.database.tables.catalog import batches
from seenat.registry.errors import CorruptFile, InvalidManifest, SuiteChanged, UnknownCheckpoint
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

Dump = Callable[[Database], dict[str, list[tuple[Any, ...]]]]
Suite = Any
"""The `SmallSuite` of conftest.py."""


@pytest.fixture
def registered(bare_catalog: Catalog, small_suite: Suite) -> Catalog:
    """A catalog, once of each kind, that holds the small suite."""
    register_suite(bare_catalog, small_suite.manifest)
    return bare_catalog


def changes_of(catalog: Catalog, suite: Suite) -> list[str]:
    """The differences that refuse a suite, a sentence each."""
    with pytest.raises(SuiteChanged) as caught:
        register_suite(catalog, suite.write())
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def kept(path: Path, change: Callable[[], Any]) -> None:
    """Change a file behind the back of its length and time of change."""
    status = path.stat()
    change()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


# -- what is found


def test_a_small_suite(bare_catalog: Catalog, small_suite: Suite) -> None:
    reported: list[tuple[str, int, int]] = []
    done = register_suite(bare_catalog, small_suite.manifest, progress=lambda *what: reported.append(what))
    assert done.to_json() == {
        "suite": "mine",
        "orders": ["mine-order"],
        "models": ["mine-s", "mine-l"],
        "changes": [
            "suite mine",
            "order mine-order: 42 sequences",
            "model mine-s: 4 checkpoints",
            "model mine-l: 4 checkpoints",
        ],
    }
    amounts = [done for _, done, _ in reported]
    assert amounts == sorted(amounts)
    assert {total for _, _, total in reported} == {reported[-1][2]}
    assert 0 < amounts[-1] <= reported[-1][2]

    order, model = bare_catalog.order("mine-order"), bare_catalog.model("mine-l")
    assert np.array_equal(order.source().tokens(SequenceRange(0, 42)), small_suite.rows)
    assert len(order.batch(10).sequences) == 2
    assert model.order == order
    assert (model.schedule.saved, model.schedule.steps, model.schedule.sequences_per_batch) == ((0, 3, 5, 10), 10, 4)
    assert model.hyperparameters == {"learning_rate": 0.001, "betas": [0.9, 0.95]}
    assert model.architecture == {
        "model_type": "gpt_neox", "layers": 1, "width": 4, "heads": 2, "feed_forward": 16, "vocab_size": 50,
        "tied_embeddings": False, "activation": "gelu",
    }  # fmt: skip
    assert model.parameters is not None
    assert model.parameters.to_json() == {"total": 252 + 2 * 50 * 4, "non_embedding": 12 * 16 + 13 * 4 + 2 * 4}
    assert bare_catalog.model("mine-l-a") == bare_catalog.model("mine-l-z") == model


def raw_files(suite: Suite, places: Callable[[int], tuple[int, ...]]) -> Path:
    """The small suite's order as files without an index, cut at these bytes, told those of a sequence."""
    data, tokens = suite.rows.tobytes(), suite.rows.shape[1]
    edges = [0, *places(2 * tokens), len(data)]
    files = [f"from-{start}.bin" for start in edges[:-1]]
    for name, (start, stop) in zip(files, pairwise(edges), strict=True):
        (suite.folder / name).write_bytes(data[start:stop])
    suite.order.pop("index", None)
    suite.order |= {"format": "raw", "files": files, "sequences": 42, "dtype": "uint16", "tokens_per_sequence": tokens}
    return suite.write()


def test_files_that_end_within_a_sequence_are_noted(bare_catalog: Catalog, small_suite: Suite) -> None:
    """As when each was read by itself: two rests that add up to a sequence shift everything after the first file."""
    manifest = raw_files(small_suite, lambda size: (10 * size + 4, 20 * size))
    notes = register_suite(bare_catalog, manifest).notes
    assert notes is not None
    assert notes[0].startswith("Order mine-order: from-0.bin ends 4 bytes into sequence 10, which goes on in from-")
    assert "if the run read each file by itself" in notes[0]


def test_files_that_end_with_a_sequence_or_within_an_id_are_not_noted(
    bare_catalog: Catalog, small_suite: Suite
) -> None:
    assert register_suite(bare_catalog, raw_files(small_suite, lambda size: (10 * size, 20 * size))).notes is None
    cut_anywhere = raw_files(small_suite, lambda size: (10 * size + 4, 20 * size + 3))
    assert register_suite(bare_catalog, cut_anywhere, replace_changed=True).notes is None


def test_digests_are_those_of_the_files(registered: Catalog, small_suite: Suite) -> None:
    order, rows = registered.order("mine-order"), small_suite.rows
    for file in order.files:
        assert file.sha256 == sha256((small_suite.folder / file.name).read_bytes())
    with registered.database.read() as connection:
        read = connection.execute(
            select(batches.c.batch, batches.c.digest, batches.c.eos_count).order_by(batches.c.batch)
        ).all()
    assert [tuple(row) for row in read] == [
        (batch, sha256(rows[4 * batch : 4 * batch + 4].tobytes()), int((rows[4 * batch : 4 * batch + 4] == 0).sum()))
        for batch in range(11)
    ]
    assert sum(row.eos_count for row in read) > 0
    for model in registered.models():
        for checkpoint in model.checkpoints:
            folder = small_suite.folder / model.name / f"step{checkpoint.step}"
            files = registered.checkpoint_files(checkpoint)
            assert [(file.name, file.sha256, file.bytes) for file in files] == [
                (name, sha256((folder / name).read_bytes()), (folder / name).stat().st_size)
                for name in (CONFIG, "model.safetensors")
            ]
            assert (checkpoint.status, checkpoint.revision) == ("ok", f"step{checkpoint.step}")
    digests = [checkpoint.digest for model in registered.models() for checkpoint in model.checkpoints]
    assert len(set(digests)) == 8


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_the_pocket_suite(bare_catalog: Catalog, pocket_manifest: Path, dump: Dump) -> None:
    done = register_suite(bare_catalog, pocket_manifest)
    before = dump(bare_catalog.database)
    assert register_suite(bare_catalog, pocket_manifest).changes == ()
    assert dump(bare_catalog.database) == before
    assert len(done.models) == 3
    rows = np.fromfile(pocket_manifest.with_name("document.bin"), "<u2").reshape(-1, 65)
    for name in done.models:
        model = bare_catalog.model(name)
        parameters = model.parameters
        assert parameters is not None
        assert parameters.total == model.hyperparameters["parameters"]
        assert parameters.non_embedding == model.hyperparameters["non_embedding_parameters"]
        assert {checkpoint.status for checkpoint in model.checkpoints} == {"ok"}
        assert len(model.checkpoints) == 13
        assert np.array_equal(model.batch(383).tokens(), rows[383 * 8 : 384 * 8])
    with bare_catalog.database.read() as connection:
        read = connection.execute(select(batches.c.digest, batches.c.eos_count).order_by(batches.c.batch)).all()
    assert [row.digest for row in read] == [sha256(rows[8 * batch : 8 * batch + 8].tobytes()) for batch in range(448)]
    assert sum(row.eos_count for row in read) == int((rows == 0).sum())


def test_a_model_of_the_hub_needs_no_network(bare_catalog: Catalog, small_suite: Suite, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    small_suite.models = {
        "mine-h": {
            "order": "mine-order", "steps": [1, 2], "train_steps": 10, "repository": "me/mine", "labels_per_step": 1000,
        }
    }  # fmt: skip
    register_suite(bare_catalog, small_suite.write())
    model = bare_catalog.model("me/mine")
    assert (model.name, model.repository, model.folder, model.parameters) == ("mine-h", "me/mine", None, None)
    assert [(checkpoint.revision, checkpoint.status) for checkpoint in model.checkpoints] == [
        ("step1000", "unknown"),
        ("step2000", "unknown"),
    ]
    assert model.checkpoint("step2000").sequences_seen == SequenceRange(0, 8)


def test_a_model_over_an_order_of_another_suite(registered: Catalog, small_suite: Suite, tmp_path: Path) -> None:
    shutil.copytree(small_suite.folder / "mine-s", tmp_path / "other" / "mine-s")
    small_suite.folder, small_suite.name, small_suite.order = tmp_path / "other", "other", {}
    keys = {"order": "mine-order", "steps": [0, 3], "checkpoints": "mine-s/step{step}"}
    small_suite.models = {"theirs": keys}
    assert register_suite(registered, small_suite.write()).orders == ()
    assert registered.model("theirs").order == registered.order("mine-order")
    assert registered.model("theirs").schedule.sequences_per_batch == 4
    small_suite.models = {"theirs": {**keys, "train_steps": 11}}
    with pytest.raises(InvalidManifest, match=r"11 x 4 = 44 sequences.*mine-order has 42"):
        register_suite(registered, small_suite.write())
    small_suite.models = {"theirs": {**keys, "order": "mine-ordre"}}
    with pytest.raises(InvalidManifest, match="did you mean mine-order"):
        register_suite(registered, small_suite.write())


def test_orders_of_arrays(bare_catalog: Catalog, small_suite: Suite) -> None:
    rows = small_suite.rows.astype(np.int32)
    for number, part in enumerate((rows[:13], rows[13:])):
        np.save(small_suite.folder / f"{number}.npy", part)
    for key in ("index", "sequences", "tokens_per_sequence", "dtype"):
        del small_suite.order[key]
    small_suite.order |= {"format": "npy", "files": ["0.npy", "1.npy"], "eos_id": "none"}
    register_suite(bare_catalog, small_suite.write())
    order = bare_catalog.order("mine-order")
    assert np.array_equal(order.source().tokens(SequenceRange(0, 42)), rows)
    assert order.eos_id is None
    assert [file.data_offset for file in order.files] == [128, 128]
    with bare_catalog.database.read() as connection:
        read = connection.execute(select(batches.c.digest, batches.c.eos_count).order_by(batches.c.batch)).all()
    assert {row.eos_count for row in read} == {None}
    assert read[3].digest == sha256(rows[12:16].tobytes())


# -- again


def test_again_changes_nothing(registered: Catalog, small_suite: Suite, dump: Dump) -> None:
    before = dump(registered.database)
    for change in (False, True):
        assert register_suite(registered, small_suite.write(), replace_changed=change).changes == ()
    assert dump(registered.database) == before


def test_again_by_another_path(
    registered: Catalog, small_suite: Suite, dump: Dump, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(registered.database)
    monkeypatch.chdir(small_suite.folder / "mine-s")
    for path in (Path("../SUITE.toml"), small_suite.folder / "mine-l" / ".." / "SUITE.toml"):
        assert register_suite(registered, path).changes == ()
    monkeypatch.chdir(small_suite.folder)
    assert register_suite(registered, Path("SUITE.toml")).changes == ()
    assert dump(registered.database) == before


def test_unchanged_files_are_not_read_again(registered: Catalog, small_suite: Suite) -> None:
    """Same length, same time of change: taken for the same. One that was touched is read, and found to be the same."""
    read: list[str] = []
    register_suite(registered, small_suite.manifest, progress=lambda what, *_: read.append(what))
    assert read == []
    (small_suite.folder / "b.bin").touch()
    (small_suite.folder / "mine-s" / "step5" / "model.safetensors").touch()
    done = register_suite(registered, small_suite.manifest, progress=lambda what, *_: read.append(what))
    assert read == ["hashing mine-order", "hashing mine-s at step 5"]
    assert done.changes == ()


def test_touched_files_change_no_row(registered: Catalog, small_suite: Suite, dump: Dump) -> None:
    before = dump(registered.database)
    for path in small_suite.folder.rglob("*.*"):
        path.touch()
    assert register_suite(registered, small_suite.manifest, replace_changed=True).changes == ()
    assert dump(registered.database) == before


def test_a_suite_that_moved(registered: Catalog, small_suite: Suite, dump: Dump) -> None:
    before, old = dump(registered.database), small_suite.folder
    small_suite.folder = old.rename(old.with_name("moved"))
    assert changes_of(registered, small_suite) == [
        f"suite mine: registered from {old}/SUITE.toml before, now from {old.with_name('moved')}/SUITE.toml",
        f"order mine-order: location {old} -> {old.with_name('moved')}",
        f"model mine-s: folder {old}/mine-s/step{{step}} -> {old.with_name('moved')}/mine-s/step{{step}}",
        f"model mine-l: folder {old}/mine-l/step{{step}} -> {old.with_name('moved')}/mine-l/step{{step}}",
    ]
    assert dump(registered.database) == before
    digest = registered.order("mine-order").digest
    register_suite(registered, small_suite.manifest, replace_changed=True)
    order = registered.order("mine-order")
    assert order.digest == digest
    assert np.array_equal(order.batch(0).tokens(), small_suite.rows[:4])
    assert {checkpoint.status for checkpoint in registered.model("mine-s").checkpoints} == {"ok"}


# -- edited


def test_every_edit_is_told_and_nothing_written(registered: Catalog, small_suite: Suite, dump: Dump) -> None:
    before = dump(registered.database)
    rows = small_suite.rows.copy()
    rows[-1, -1] = (rows[-1, -1] + 1) % 50
    small_suite.write_tokens(rows)
    small_suite.write_checkpoint("mine-s", 5, seed=999)
    small_suite.order["sequences_per_batch"] = 2
    small_suite.models["mine-s"]["hyperparameters"]["betas"] = [0.9, 0.99]
    small_suite.models["mine-s"]["aliases"] = ["mine-s-a"]
    small_suite.models["mine-l"]["steps"] = [0, 3, 10]
    reported = changes_of(registered, small_suite)
    short = [line.split(" sha256:")[0] for line in reported]
    assert short == [
        "order mine-order: sequences_per_batch 4 -> 2",
        "order mine-order: b.bin: sha256",
        "model mine-s: aliases mine-s-a, mine-s-z -> mine-s-a",
        "model mine-s: hyperparameters.betas [0.9, 0.95] -> [0.9, 0.99]",
        "model mine-s: sequences_per_batch 4 -> 2",
        "model mine-s, step 5: model.safetensors: sha256",
        "model mine-l: sequences_per_batch 4 -> 2",
        "model mine-l: step 5 is no longer in it",
    ]
    assert dump(registered.database) == before

    done = register_suite(registered, small_suite.manifest, replace_changed=True)
    assert list(done.changes) == reported
    order = registered.order("mine-order")
    assert order.batches.stop == 21
    assert np.array_equal(order.batch(20).tokens(), rows[40:])
    assert registered.model("mine-l").schedule.saved == (0, 3, 10)
    assert registered.model("mine-s").checkpoint(10).sequences_seen == SequenceRange(0, 20)
    with registered.database.read() as connection:
        digest = connection.execute(select(batches.c.digest).where(batches.c.batch == 20)).scalar()
    assert digest == sha256(rows[40:].tobytes())
    assert register_suite(registered, small_suite.manifest).changes == ()


def test_token_files_in_another_sequence_are_another_order(bare_catalog: Catalog, small_suite: Suite) -> None:
    """The names and the bytes of the files are the same, and every sequence is another one."""
    rows = small_suite.rows
    (small_suite.folder / "a.bin").write_bytes(rows[:20].tobytes())
    (small_suite.folder / "b.bin").write_bytes(rows[20:].tobytes())
    register_suite(bare_catalog, small_suite.write())
    digest = bare_catalog.order("mine-order").digest
    small_suite.order["files"] = ["b.bin", "a.bin"]
    assert changes_of(bare_catalog, small_suite) == [
        "order mine-order: its files follow one another as a.bin, b.bin, document.idx -> b.bin, a.bin, document.idx"
    ]
    register_suite(bare_catalog, small_suite.manifest, replace_changed=True)
    order = bare_catalog.order("mine-order")
    assert order.digest != digest
    assert np.array_equal(order.batch(0).tokens(), rows[20:24])
    with bare_catalog.database.read() as connection:
        assert connection.execute(select(batches.c.digest).where(batches.c.batch == 0)).scalar() == sha256(
            rows[20:24].tobytes()
        )


def test_an_end_of_document_that_is_none(registered: Catalog, small_suite: Suite) -> None:
    small_suite.order["eos_id"] = "none"
    assert changes_of(registered, small_suite) == ["order mine-order: eos_id 0 -> none"]
    register_suite(registered, small_suite.manifest, replace_changed=True)
    assert registered.order("mine-order").eos_id is None
    with registered.database.read() as connection:
        assert set(connection.execute(select(batches.c.eos_count)).scalars()) == {None}
    assert register_suite(registered, small_suite.manifest).changes == ()


def test_what_is_new_is_added_beside_the_old(registered: Catalog, small_suite: Suite, dump: Dump) -> None:
    before = dump(registered.database)
    small_suite.write_checkpoint("mine-s", 7, seed=7)
    small_suite.models["mine-s"]["steps"] = [0, 3, 5, 7, 10]
    small_suite.write_checkpoint("mine-x", 0, seed=8)
    small_suite.models["mine-x"] = {"order": "mine-order", "steps": [0], "checkpoints": "mine-x/step{step}"}
    done = register_suite(registered, small_suite.write())
    assert done.changes == ("model mine-s: 1 checkpoint", "model mine-x: 1 checkpoint")
    after = dump(registered.database)
    del before["generations"]  # It counts changes.
    for table, rows in before.items():
        assert set(map(repr, rows)) <= set(map(repr, after[table])), table
    assert registered.model("mine-s").schedule.saved == (0, 3, 5, 7, 10)


def test_a_shorter_run_can_be_registered_again(registered: Catalog, small_suite: Suite) -> None:
    """Its last step is gone and beyond its end, and stays a row that results may point to."""
    small_suite.models["mine-s"] |= {"steps": [0, 3, 5], "train_steps": 5}
    register_suite(registered, small_suite.write(), replace_changed=True)
    assert register_suite(registered, small_suite.manifest).changes == ()
    assert registered.model("mine-s").checkpoint(10).status == "missing"
    small_suite.models["mine-s"] |= {"steps": [0, 3, 5, 10], "train_steps": 10}
    register_suite(registered, small_suite.write(), replace_changed=True)
    assert registered.model("mine-s").checkpoint(10).status == "ok"


def test_checkpoints_that_moved_to_the_hub(registered: Catalog, small_suite: Suite) -> None:
    keys = small_suite.models["mine-s"]
    del keys["checkpoints"]
    keys["repository"] = "me/mine-s"
    reported = changes_of(registered, small_suite)
    folder = small_suite.folder / "mine-s" / "step{step}"
    assert reported == ["model mine-s: repository none -> me/mine-s", f"model mine-s: folder {folder} -> none"]
    register_suite(registered, small_suite.manifest, replace_changed=True)
    model = registered.model("me/mine-s")
    assert model.folder is None
    assert model.architecture["layers"] == 1
    assert {(checkpoint.status, checkpoint.digest) for checkpoint in model.checkpoints} == {("unknown", None)}


# -- refused


def damage_weights(suite: Suite) -> None:
    path = suite.folder / "mine-l" / "step5" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-2])


def other_width(suite: Suite) -> None:
    suite.write_checkpoint("mine-l", 5, seed=1, hidden_size=8, intermediate_size=32)


def wrong_config(suite: Suite) -> None:
    for step in (0, 3, 5, 10):
        path = suite.folder / "mine-l" / f"step{step}" / CONFIG
        path.write_text(json.dumps({**json.loads(path.read_text()), "num_hidden_layers": 2}))


def small_vocabulary(suite: Suite) -> None:
    for step in (0, 3, 5, 10):
        suite.write_checkpoint("mine-l", step, seed=step, vocab_size=49)


def id_beyond_vocabulary(suite: Suite) -> None:
    rows = suite.rows.copy()
    rows[17, 3] = 50
    suite.write_tokens(rows)


def corrupt_index(suite: Suite) -> None:
    path = suite.folder / "document.idx"
    content = bytearray(path.read_bytes())
    content[34 + 4 * 20] ^= 1
    path.write_bytes(content)


def documents_in_index(suite: Suite) -> None:
    path = suite.folder / "document.idx"
    content = bytearray(path.read_bytes())
    content[-8:] = (43).to_bytes(8, "little")
    path.write_bytes(content)


def no_weights(suite: Suite) -> None:
    (suite.folder / "mine-l" / "step5" / "model.safetensors").unlink()


def cut_tokens(suite: Suite) -> None:
    path = suite.folder / "b.bin"
    path.write_bytes(path.read_bytes()[:-2])


REFUSED = [
    (damage_weights, CorruptFile, r"step5/model\.safetensors is not a whole safetensors file"),
    (other_width, CorruptFile, r"mine-l/step5 holds 1,688 parameters, 888 without .* mine-l should have 652 and 252"),
    (wrong_config, CorruptFile, r"mine-l/step0 holds 652 parameters.*should have 896"),
    (small_vocabulary, CorruptFile, "mine-l has a vocabulary of 49 and its order one of 50"),
    (id_beyond_vocabulary, CorruptFile, "id 50 at position 3 of sequence 17 .* vocabulary of 50"),
    (corrupt_index, CorruptFile, "sequence 20 has size 8"),
    (documents_in_index, CorruptFile, "document index is 43"),
    (no_weights, UnknownCheckpoint, "step5 holds no weights"),
    (cut_tokens, CorruptFile, "too short"),
]


@pytest.mark.parametrize(("damage", "error", "words"), REFUSED, ids=[damage.__name__ for damage, *_ in REFUSED])
def test_what_is_wrong_is_refused(
    bare_catalog: Catalog,
    small_suite: Suite,
    dump: Dump,
    damage: Callable[[Suite], None],
    error: type[Exception],
    words: str,
) -> None:
    """At first, and of a suite that was registered, even where changes are to be recorded: nothing is written."""
    empty = dump(bare_catalog.database)
    intact = small_suite.folder.with_name("intact")
    shutil.copytree(small_suite.folder, intact)
    damage(small_suite)
    with pytest.raises(error, match=words):
        register_suite(bare_catalog, small_suite.manifest)
    assert dump(bare_catalog.database) == empty
    shutil.rmtree(small_suite.folder)
    intact.rename(small_suite.folder)
    register_suite(bare_catalog, small_suite.manifest)
    before = dump(bare_catalog.database)
    damage(small_suite)
    with pytest.raises(error, match=words):
        register_suite(bare_catalog, small_suite.manifest, replace_changed=True)
    assert dump(bare_catalog.database) == before


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_act": "\ud800"}, {"hidden_act": "\x00"}, {"hidden_act": "a" * 10**6}, {"hidden_act": {"a": [1]}},
        {"max_position_embeddings": float("nan")}, {"max_position_embeddings": float("inf")},
        {"max_position_embeddings": 10**400}, {"num_attention_heads": 2**63}, {"model_type": ["gpt_neox"]},
    ],
    ids=lambda values: ascii(values)[:60],
)  # fmt: skip
def test_a_configuration_that_no_catalog_can_hold_is_refused(
    bare_catalog: Catalog, small_suite: Suite, dump: Dump, values: dict[str, Any]
) -> None:
    """It is described by single numbers and words; the message is one short line."""
    empty = dump(bare_catalog.database)
    path = small_suite.folder / "mine-s" / "step0" / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    (name,) = values
    with pytest.raises(CorruptFile, match=rf"step0/config\.json says {name} is ") as caught:
        register_suite(bare_catalog, small_suite.manifest)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert dump(bare_catalog.database) == empty


def test_names_that_are_taken(shared_catalog: Catalog, small_suite: Suite) -> None:
    """By any order, model, former name or suite that the catalog has; told before any file is read."""
    rows, plain = small_suite.folder / "a.bin", dict(small_suite.models["mine-s"])
    kept(rows, lambda: rows.write_bytes(b"\xff" * rows.stat().st_size))
    for table, keys, words in (
        ("order", {"name": "pile"}, "pile is taken by an order of the suite pythia"),
        ("order", {"name": "pythia-70m"}, "pythia-70m is taken by a model of the suite pythia"),
        ("model", {"pythia-160m": plain}, "pythia-160m is taken by a model of the suite pythia"),
        ("model", {"pile-deduped": plain}, "pile-deduped is taken by an order of the suite pythia"),
        ("model", {"mine-s": {**plain, "aliases": ["pythia-160m"]}}, "taken by a model of the suite pythia"),
        ("model", {"mine-s": {**plain, "aliases": ["pythia-19m"]}}, "pythia-19m is taken by the model pythia-70m-v0"),
        ("model", {"pythia-v1.1-70m": plain}, "pythia-v1.1-70m is taken by the model pythia-70m"),
    ):
        suite = type(small_suite)(small_suite.folder, dict(small_suite.order), {"mine-s": plain})
        suite.order |= keys if table == "order" else {}
        suite.models = keys if table == "model" else {"mine-s": {**plain, "order": suite.order["name"]}}
        with pytest.raises(InvalidManifest, match=words):
            register_suite(shared_catalog, suite.write())
    small_suite.name = "pythia"
    with pytest.raises(InvalidManifest, match="the suite pythia ships with seenat"):
        register_suite(shared_catalog, small_suite.write(), replace_changed=True)


def test_names_of_two_suites(registered: Catalog, small_suite: Suite, dump: Dump) -> None:
    before = dump(registered.database)
    small_suite.name = "yours"
    with pytest.raises(InvalidManifest, match="mine-order is taken by an order of the suite mine"):
        register_suite(registered, small_suite.write(), replace_changed=True)
    assert dump(registered.database) == before
