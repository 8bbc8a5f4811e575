"""Reading a suite's manifest: its values, and every mistake with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seenat.registry.errors import InvalidManifest
from seenat.registry.orders.formats import open as opening
from seenat.registry.suites.manifest.keys import FORMATS, MODEL_KEYS
from seenat.registry.suites.manifest.manifest import ModelManifest, OrderManifest, SuiteManifest, read_manifest
from seenat.registry.suites.manifest.toml_schema import LARGEST_FILE

# The example of the design: one order of 2,400 sequences and one model of 200 steps of 12.
DESIGN = """\
[suite]
name = "mine"

[[order]]
name = "mine-order"
format = "mmididx"
files = ["document-00000-of-00003.bin", "document-00001-of-00003.bin", "document-00002-of-00003.bin", \
"document-00003-of-00003.bin"]
index = "document.idx"
tokens_per_sequence = 97
sequences_per_batch = 12
sequences = 2400
dtype = "uint16"
vocab_size = 700
tokenizer = "tokenizer.json"

[[model]]
name = "mine-small"
order = "mine-order"
steps = [0, 7, 50, 120, 200]
checkpoints = "models/mine-small/step{step}"
"""
FILES = tuple(f"document-0000{shard}-of-00003.bin" for shard in range(4))
ORDER, MODEL = '[[order]] "mine-order"', '[[model]] "mine-small"'


@pytest.fixture(scope="session")
def suite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the examples name; tests add files of their own names only."""
    folder = tmp_path_factory.mktemp("mine")
    for name in (*FILES, "document.idx", "tokenizer.json"):
        (folder / name).touch()
    for step in (0, 7, 50, 120, 200):
        (folder / f"models/mine-small/step{step}").mkdir(parents=True)
    return folder


@pytest.fixture
def folder(suite_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(suite_folder)
    return suite_folder


def read(text: str, *, catalog_orders: tuple[str, ...] | None = None) -> SuiteManifest:
    Path("SUITE.toml").write_text(text, encoding="utf-8")
    return read_manifest(Path("SUITE.toml"), catalog_orders=catalog_orders)


def mistakes(text: str, *, catalog_orders: tuple[str, ...] | None = None) -> list[str]:
    with pytest.raises(InvalidManifest) as refused:
        read(text, catalog_orders=catalog_orders)
    return str(refused.value).splitlines()


def changed(old: str, new: str, text: str = DESIGN) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


# -- valid manifests


def test_the_design_example_is_read_as_written(folder: Path) -> None:
    suite = read(DESIGN)
    assert suite == SuiteManifest(
        name="mine",
        path=folder / "SUITE.toml",
        orders=(
            OrderManifest(
                name="mine-order",
                format="mmididx",
                files=FILES,
                index="document.idx",
                tokens_per_sequence=97,
                sequences_per_batch=12,
                sequences=2400,
                dtype="uint16",
                vocab_size=700,
                eos_id=0,
                tokenizer="tokenizer.json",
            ),
        ),
        models=(
            ModelManifest(
                name="mine-small",
                order="mine-order",
                steps=(0, 7, 50, 120, 200),
                train_steps=200,
                checkpoints="models/mine-small/step{step}",
                family="mine",
            ),
        ),
    )
    assert all(suite.locate(name).is_file() for name in suite.orders[0].files)
    assert suite.locate(suite.models[0].checkpoint(50)) == folder / "models/mine-small/step50"


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [
        ("vocab_size = 700", 'eos_id = "none"', "eos_id", None),
        ("vocab_size = 700", "eos_id = 3", "eos_id", 3),
        ("tokenizer.json", "EleutherAI/gpt-neox-20b", "tokenizer", "EleutherAI/gpt-neox-20b"),
        ('index = "document.idx"\n', "", "index", None),
        ("tokens_per_sequence = 97\n", "", "tokens_per_sequence", None),
    ],
)
def test_an_order_may_leave_things_out(folder: Path, old: str, new: str, key: str, value: object) -> None:
    (order,) = read(changed(old, new)).orders
    assert getattr(order, key) == value


def test_steps_may_be_written_in_any_order(folder: Path) -> None:
    (model,) = read(changed("[0, 7, 50, 120, 200]", "[200, 0, 50]")).models
    assert (model.steps, model.train_steps) == ((0, 50, 200), 200)


def test_labels_name_the_revisions(folder: Path) -> None:
    hub = 'labels_per_step = 2\nrepository = "my-lab/mine"'
    (model,) = read(changed('checkpoints = "models/mine-small/step{step}"', hub)).models
    assert (model.checkpoint(50), model.repository) == ("step100", "my-lab/mine")


def test_absolute_paths_and_a_byte_order_mark_are_fine(folder: Path) -> None:
    text = changed('index = "document.idx"', f"index = {json.dumps(str(folder / 'document.idx'))}")
    (order,) = read("\ufeff" + text).orders
    assert order.index == str(folder / "document.idx")


def test_a_model_may_use_an_order_of_the_catalog(folder: Path) -> None:
    text = changed('order = "mine-order"', 'order = "pile-deduped"')
    assert read(text).models[0].order == "pile-deduped"
    assert read(text, catalog_orders=("pile-deduped",)).models[0].order == "pile-deduped"


def test_a_fact_may_be_called_like_a_key_that_the_model_has(folder: Path) -> None:
    (model,) = read(f'{DESIGN}size = "1m"\n[model.hyperparameters]\nsize = 64\nbetas = [0.9, 0.95]\n').models
    assert (model.size, model.hyperparameters) == ("1m", {"size": 64, "betas": (0.9, 0.95)})


NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,12}", fullmatch=True)
FACTS = st.one_of(
    st.text(), st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)


@st.composite
def suites(draw: st.DrawFn) -> dict[str, Any]:
    """What a manifest may say, as the keys of its tables."""
    names = draw(st.lists(NAMES, min_size=4, max_size=4, unique=True))
    steps = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=5, unique=True).map(sorted))
    batch = draw(st.integers(1, 4096))
    train_steps = steps[-1] + draw(st.integers(0, 10))
    order = {
        "name": names[0],
        "format": draw(st.sampled_from(["mmididx", "raw", "npy"])),
        "files": list(FILES),
        "tokens_per_sequence": draw(st.integers(2, 2**40)),
        "sequences_per_batch": batch,
        "sequences": max(1, batch * train_steps),
        "dtype": draw(st.sampled_from(["uint8", "uint16", "int32"])),
        "eos_id": draw(st.integers(0, 99)),
        "vocab_size": draw(st.integers(100, 10**6)),
    }
    model = {
        "name": names[1],
        "order": names[0],
        "steps": steps,
        "train_steps": train_steps,
        "labels_per_step": draw(st.integers(1, 4)),
        "repository": "my-lab/mine",
        "revision": draw(st.sampled_from(["step{step}", "{label}-of-mine"])),
        "family": names[2],
        "aliases": [names[3]],
        "hyperparameters": draw(
            st.dictionaries(st.text().filter(lambda key: key not in MODEL_KEYS), FACTS, max_size=3)
        ),
    }
    return {
        "name": names[2],
        "provenance": draw(st.dictionaries(st.text(), FACTS, max_size=3)),
        "order": order,
        "model": model,
    }


def written(key: str, value: object) -> str:
    return f"{spelt(key)} = {spelt(value)}\n"


def spelt(value: object) -> str:
    """A value as TOML, which spells all but DEL, tables and floats as JSON does."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spelt(key)} = {spelt(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(suite=suites())
def test_what_is_written_is_what_is_read(folder: Path, suite: dict[str, Any]) -> None:
    head = written("name", suite["name"]) + written("provenance", suite["provenance"])
    tables = "".join(
        f"[[{kind}]]\n" + "".join(written(key, value) for key, value in suite[kind].items())
        for kind in ("order", "model")
    )
    assert read(f"[suite]\n{head}{tables}") == SuiteManifest(
        name=suite["name"],
        path=folder / "SUITE.toml",
        provenance=suite["provenance"],
        orders=(OrderManifest(**frozen(suite["order"])),),
        models=(ModelManifest(**frozen(suite["model"])),),
    )


def test_formats_are_those_that_orders_can_be_opened_in() -> None:
    assert set(FORMATS) == set(opening.FORMATS)


# -- one mistake each: the change, the line, the key and a part of the sentence


# Lines of DESIGN: 1 [suite], 4 [[order]], 5 name, 6 format, 7 files, 8 index, 9 tokens_per_sequence,
# 10 sequences_per_batch, 11 sequences, 12 dtype, 13 vocab_size, 14 tokenizer, 16 [[model]], 17 name, 18 order, 19 steps,
# 20 checkpoints.
CHECKPOINTS = 'checkpoints = "models/mine-small/step{step}"'
MISTAKES = [
    ('name = "mine"\n', "", 1, '[suite]: name: missing; write name = "mine"'),
    ('name = "mine"\n', "name = 7\n", 2, "[suite]: name: 7 is a whole number, not text; write name"),
    ('name = "mine"\n', 'name = "my suite"\n', 2, '[suite]: name: "my suite" has more than 96 characters, or others'),
    ('name = "mine"\n', 'name = ""\n', 2, '[suite]: name: "" is empty; write name'),
    ('name = "mine"\n', 'name = "a\\nb"\n', 2, '[suite]: name: "a\\nb" holds a line end'),
    ('name = "mine"\n', f'name = "{"a" * 97}"\n', 2, "has more than 96 characters"),
    ("[[order]]", "[suite.provenance]\nfrom = 2024-01-01\n\n[[order]]", 5, "[suite]: provenance.from: "),
    ("[[order]]", "[suite.provenance]\na = inf\n\n[[order]]", 5, "provenance.a: inf is not a finite number"),
    ("[[order]]", "[suite.provenance]\na = [1]\n\n[[order]]", 5, "provenance.a: [1] is a list, not a single value"),
    ("[[order]]", f"[suite.provenance]\na = {2**63}\n\n[[order]]", 5, f"{2**63} is more than a signed number"),
    ("[[order]]", "provenance = 1\n\n[[order]]", 4, "[suite]: provenance: 1 is a whole number, not a table"),
    ("[suite]", "[[suite]]", 1, "suite: a manifest has one; write [suite], then its keys"),
    ("[[order]]", "[[orders]]", 4, "orders: unknown table; did you mean [[order]]?"),
    ("[[order]]", "[order]", 4, "order: not a list of tables; write [[order]] with two brackets"),
    ("[suite]", "title = 1\n[suite]", 1, "title: unknown table; write [suite], [[order]] and [[model]] only"),
    ('name = "mine-order"\n', "", 4, '[[order]] 1: name: missing; write name = "mine-order"'),
    ("tokens_per_sequence", "tokens_per_sequnce", 9, f"{ORDER}: tokens_per_sequnce: unknown key; did you mean tok"),
    ("tokens_per_sequence", '"tokens per\\tsequence"', 9, f'{ORDER}: "tokens per\\tsequence": unknown key; did you'),
    ("vocab_size", "colour", 13, f"{ORDER}: colour: unknown key; write name, format, files, index, "),
    ('"mmididx"', '"bin"', 6, f'{ORDER}: format: "bin" is no format of token files; write format = "mmididx", "raw"'),
    ('"mmididx"', '"parquet"', 8, f"{ORDER}: index: only mmididx and neox-index-map have an index, not parquet; leave"),
    ('"mmididx"', '"npy"', 8, f"{ORDER}: index: only mmididx and neox-index-map have an index, not npy; leave it out"),
    ("vocab_size", 'doc_idx = "document.idx"\nvocab_size', 13, "doc_idx: only neox-index-map has index maps, not mm"),
    ("vocab_size", 'pack_impl = "packed"\nvocab_size', 13, "pack_impl: only neox-index-map has index maps, not mm"),
    (
        "vocab_size",
        'pack_impl = "unpacked"\nvocab_size',
        13,
        'pack_impl: "unpacked" cuts and fills up documents, which',
    ),
    ('"document-00000-of-00003.bin"', '"absent.bin"', 7, f"{ORDER}: files: there is no file FOLDER/absent.bin; write"),
    ('"document-00000-of-00003.bin"', '"models"', 7, f"{ORDER}: files: there is no file FOLDER/models; write its"),
    ('"document-00000-of-00003.bin"', f'"{"a" * 300}"', 7, f"{ORDER}: files: there is no file FOLDER/aaa"),
    ('"document-00000-of-00003.bin"', '"s3://b/x.bin"', 7, f'{ORDER}: files: "s3://b/x.bin" is remote, and this vers'),
    ('"document-00000-of-00003.bin"', '"hf://b/x.bin"', 7, 'files: "hf://b/x.bin" is remote, and this version reads'),
    ('"document-00000-of-00003.bin"', '"gs://b/x.bin"', 7, 'files: "gs://b/x.bin" has a scheme that is not known'),
    ('"document-00000-of-00003.bin"', "\n\n7", 9, f"{ORDER}: files: 7 is a whole number, not text; write files = ["),
    ('"document.idx"', '"absent.idx"', 8, f"{ORDER}: index: there is no file FOLDER/absent.idx; write its path"),
    ("tokens_per_sequence = 97", "tokens_per_sequence = 1", 9, "tokens_per_sequence: 1 is below 2; write tokens_per_s"),
    ("sequences_per_batch = 12\n", "", 4, f"{ORDER}: sequences_per_batch: missing; write sequences_per_batch = "),
    ("= 12\n", "= true\n", 10, f"{ORDER}: sequences_per_batch: true is a boolean, not a whole number; write sequ"),
    ("= 12\n", "= 12.0\n", 10, f"{ORDER}: sequences_per_batch: 12.0 is a decimal number, not a whole number"),
    ("sequences = 2400", 'sequences = "2400"', 11, f'{ORDER}: sequences: "2400" is text, not a whole number; write'),
    ("sequences = 2400", f"sequences = {2**63}", 11, f"{2**63} is more than a signed number of 64 bits holds"),
    ("sequences = 2400", f"sequences = 0x{'f' * 9000}", 11, "sequences: a number too long to show is more than a sig"),
    ('"uint16"', '"float32"', 12, f'{ORDER}: dtype: "float32" is no type of token ids; write dtype = "uint8",'),
    ("= 700", "= 700\neos_id = 700", 14, f"{ORDER}: eos_id: 700 is not below vocab_size, 700; write an id of"),
    ("= 700", "= 700\neos_id = -1", 14, f'{ORDER}: eos_id: -1 is below 0; write eos_id = 0, another id, or "none"'),
    ('"tokenizer.json"', '"absent.json"', 14, f"{ORDER}: tokenizer: there is no file or folder FOLDER/absent.json"),
    ('"tokenizer.json"', '"./absent"', 14, f"{ORDER}: tokenizer: there is no file or folder FOLDER/absent; write"),
    ('"tokenizer.json"', '"hf://a/b"', 14, f'{ORDER}: tokenizer: "hf://a/b" is remote, and this version'),
    ('"mine-small"', '"mine-order"', 17, '[[model]] "mine-order": name: "mine-order" is taken by [[order]] "mine-or'),
    ('order = "mine-order"\n', "", 16, f'{MODEL}: order: missing; write order = "mine-order"'),
    ("steps = [0, 7, 50, 120, 200]\n", "", 16, f"{MODEL}: steps: missing; write steps = [0, 1000, 2000]"),
    ("[0, 7, 50, 120, 200]", "[]", 19, f"{MODEL}: steps: empty; write steps = [0, 1000, 2000]"),
    ("[0, 7, 50, 120, 200]", "200", 19, f"{MODEL}: steps: 200 is a whole number, not a list; write steps = ["),
    ("[0, 7, 50, 120, 200]", "[0,\n 7,\n 7]", 21, f"{MODEL}: steps: 7 is written twice; write each step once"),
    ("[0, 7, 50, 120, 200]", "[0,\n -7]", 20, f"{MODEL}: steps: -7 is below 0; write steps = ["),
    ("[0, 7, 50, 120, 200]", '[0,\n "7"]', 20, f'{MODEL}: steps: "7" is text, not a whole number; write steps'),
    (CHECKPOINTS, f"{CHECKPOINTS}\ntrain_steps = 199", 21, f"{MODEL}: train_steps: 199 is before the last saved step"),
    (CHECKPOINTS, f"{CHECKPOINTS}\ntrain_steps = 201", 21, f"{MODEL}: train_steps: 201 steps x 12 sequences per batch"),
    (CHECKPOINTS, f"{CHECKPOINTS}\nsequences_per_batch = 13", 19, f"{MODEL}: steps: 200 steps x 13 sequences per"),
    (CHECKPOINTS, "labels_per_step = 1", 16, f'{MODEL}: checkpoints: missing; write checkpoints = "checkpoints/step'),
    (CHECKPOINTS, f'{CHECKPOINTS}\nrepository = "a/b"', 21, f"{MODEL}: repository: checkpoints says where they are"),
    (CHECKPOINTS, f'{CHECKPOINTS}\nrevision = "a{{step}}"', 21, f"{MODEL}: revision: the folders of checkpoints have"),
    (CHECKPOINTS, 'repository = "a/b/c"', 20, f'{MODEL}: repository: "a/b/c" is no repository of the hub; write repo'),
    (
        CHECKPOINTS,
        'repository = "a/b"\nrevision = "bac79b6"',
        21,
        f'{MODEL}: revision: "bac79b6" is a part of a commit, and',
    ),
    (CHECKPOINTS, 'repository = "a/b"\nrevision = "main"', 21, f'{MODEL}: revision: 5 steps cannot share "main";'),
    ("/step{step}", "/step0", 20, f'{MODEL}: checkpoints: 5 steps cannot share "models/mine-small/step0"; write check'),
    ("/step{step}", "/step{step:06d}", 20, f"{MODEL}: checkpoints: {{step:06d}} cannot be filled in; write {{step}}"),
    ("models/mine-small/", "s3://b/", 20, f'{MODEL}: checkpoints: "s3://b/step{{step}}" is remote, and this version'),
    ("/step{step}", "/of-{step}", 20, f"{MODEL}: checkpoints: steps 0, 7, 50, 120, 200 have no folder"),
    ("[0, 7, 50,", "[0, 8, 50,", 20, f"{MODEL}: checkpoints: step 8 has no folder"),
    ("[0, 7, 50,", f"{[*range(20)]}\n".replace("]\n", ", 50,"), 20, "steps 1, 2, 3, 4, 5, 6, 8, 9 and 10 more have no"),
    (CHECKPOINTS, f"{CHECKPOINTS}\nlabels_per_step = 0", 21, f"{MODEL}: labels_per_step: 0 is below 1; write labels_p"),
    (CHECKPOINTS, f'{CHECKPOINTS}\naliases = ["a",\n"mine-small"]', 22, f'{MODEL}: aliases: "mine-small" is taken by'),
    (CHECKPOINTS, f"{CHECKPOINTS}\nlr = 1", 21, f"{MODEL}: lr: unknown key; write name, order, steps, "),
    (CHECKPOINTS, f"[model.hyperparameters]\nlr = 1\n{CHECKPOINTS}", 22, f"{MODEL}: hyperparameters.checkpoints:"),
    (CHECKPOINTS, f"{CHECKPOINTS}\n[model.hyperparameters]\nx.y = 1", 22, f"{MODEL}: hyperparameters.x: "),
]


@pytest.mark.parametrize(("old", "new", "line", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_line(folder: Path, old: str, new: str, line: int, told: str) -> None:
    (message,) = mistakes(changed(old, new))
    assert message.startswith(f"SUITE.toml:{line}: ")
    assert told.replace("FOLDER", str(folder)) in message


def test_an_index_map_needs_its_four_files(folder: Path) -> None:
    text = changed('index = "document.idx"\n', "", changed('"mmididx"', '"neox-index-map"'))
    keys = {"index": "document.idx"} | {name: f"{name}.npy" for name in ("doc_idx", "sample_idx", "shuffle_idx")}
    advice = [f'SUITE.toml:4: {ORDER}: {key}: missing; write {key} = "{name}"' for key, name in keys.items()]
    assert mistakes(text) == [f"{line}, since the format neox-index-map needs it" for line in advice]
    maps = "".join(f'{key} = "{name}"\n' for key, name in keys.items())
    told = mistakes(text.replace("vocab_size", f"{maps}vocab_size"))
    assert [line.partition("; ")[0] for line in told] == [
        f"SUITE.toml:{11 + place}: {ORDER}: {name}: there is no file {folder / f'{name}.npy'}"
        for place, name in enumerate(("doc_idx", "sample_idx", "shuffle_idx"), 2)
    ]
    for name in ("doc_idx", "sample_idx", "shuffle_idx"):
        (folder / f"{name}.npy").touch()
    (order,) = read(text.replace("vocab_size", f"{maps}vocab_size")).orders
    assert (order.index, order.doc_idx, order.sample_idx, order.shuffle_idx) == tuple(keys.values())


@pytest.mark.parametrize("key", ["tokens_per_sequence", "sequences", "dtype"])
@pytest.mark.parametrize("format_name", ["raw", "mmididx"])
def test_geometry_is_required_without_a_header(folder: Path, key: str, format_name: str) -> None:
    text = changed('index = "document.idx"\n', "", changed('"mmididx"', f'"{format_name}"'))
    (told,) = mistakes(re.sub(rf"(?m)^{key} = .*\n", "", text))
    assert told.startswith(f"SUITE.toml:4: {ORDER}: {key}: missing; write ")
    assert ('index = "document.idx"' in told) == (format_name == "mmididx")


def test_an_order_that_nobody_has(folder: Path) -> None:
    text = changed('order = "mine-order"', 'order = "pile-dedupd"')
    (told,) = mistakes(text, catalog_orders=("pile", "pile-deduped"))
    assert told.startswith(
        f'SUITE.toml:18: {MODEL}: order: neither this manifest nor the catalog has an order "pile-dedupd"'
    )
    assert told.endswith("did you mean pile-deduped?")


def test_every_mistake_is_told_by_line(folder: Path) -> None:
    text = changed("[suite]\n", "[suite]\ncolour = 1\n", changed('"uint16"', '"half"', changed("[0, 7,", '[0, "7",')))
    assert [line.split(": ")[0] for line in mistakes(text)] == ["SUITE.toml:2", "SUITE.toml:13", "SUITE.toml:20"]


def test_a_manifest_must_register_something(folder: Path) -> None:
    assert mistakes('\n[suite]\nname = "mine"') == [
        "SUITE.toml:1: nothing to register; write at least one [[order]] or [[model]]"
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b'[suite]\nname = "mine',
            "SUITE.toml:2: not TOML: Unterminated string (at end of document); something is left open",
        ),
        (b"[suite]\nname = mine\n", "SUITE.toml:2:8: not TOML: Invalid value; check the quotes"),
        (b"[suite]\n\n[suite]\n", "SUITE.toml:3:"),
        (b'[suite]\nname = "\xff"', "SUITE.toml:2: byte 16 is not UTF-8; save the file as UTF-8."),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "SUITE.toml: not TOML that can be read: a value is nested too deeply"),
        (b"x = " + b"9" * 5000, "SUITE.toml: not TOML that can be read: a value is nested too deeply or has thousands"),
        (b"#" * (LARGEST_FILE + 1), f"SUITE.toml has more than {LARGEST_FILE} bytes"),
    ],
)
def test_what_is_not_toml(folder: Path, content: bytes, told: str) -> None:
    Path("SUITE.toml").write_bytes(content)
    with pytest.raises(InvalidManifest) as refused:
        read_manifest(Path("SUITE.toml"))
    assert str(refused.value).startswith(told)


def test_what_is_no_file(folder: Path) -> None:
    with pytest.raises(InvalidManifest, match=r"^absent\.toml does not exist; give the path"):
        read_manifest(Path("absent.toml"))
    with pytest.raises(
        InvalidManifest, match=r"^models is a folder; give the manifest itself, for example models/SUITE\.toml"
    ):
        read_manifest(Path("models"))
    with pytest.raises(InvalidManifest, match=r"cannot be read: File name too long"):
        read_manifest(Path("a" * 300))
