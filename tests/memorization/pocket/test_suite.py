"""Building a pocket suite of one tiny model: killed, resumed, repeated and refused; some 20 seconds in all.

Most of them go into starting the training processes, 3 seconds each.
"""

import contextlib
import dataclasses
import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from seenat.memorization.pocket import (
    PocketConfig,
    PocketModel,
    RepetitionClass,
    build_pocket_suite,
    pocket_folder,
    repetitions,
)
from seenat.registry.errors import CorruptFile, InvalidValue, JobFailed, SuiteChanged
from seenat.registry.suites.manifest.manifest import read_manifest

pytestmark = pytest.mark.needs_torch

TINY = PocketConfig(
    models=(PocketModel(name="tiny", size="30k", layers=1, width=64, heads=4, learning_rate=5e-3),),
    repetitions=(RepetitionClass(8, 4), RepetitionClass(2, 16), RepetitionClass(1, 32)),
    saved=(0, 1, 8, 16, 24),
    unseen=16,
    vocab_size=300,
    tokens_per_sequence=33,
    sequences_per_batch=4,
)

KILLED_AT_STEP_9 = """
import json, os, signal, sys
from pathlib import Path
from seenat.memorization.pocket import PocketConfig, build_pocket_suite

def kill(said):
    if said.step >= 9:
        print(sorted({"torch", "transformers"} & set(sys.modules)), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

build_pocket_suite(Path(sys.argv[1]), seed=7, config=PocketConfig.from_json(json.loads(sys.argv[2])), progress=kill)
"""


class Interrupted(Exception):
    """What a test raises from within a building."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished suite, and what was told while it was built."""
    folder, said = tmp_path_factory.mktemp("pocket") / "undisturbed", []
    assert build_pocket_suite(folder, seed=7, config=TINY, progress=said.append) == folder / "SUITE.toml"
    return folder, said


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def processes_of(folder):
    """Command lines of the processes that name a folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes())
    return [line for line in lines if bytes(folder) in line]


def interrupt_at(step):
    def report(said):
        if said.step >= step:
            raise Interrupted

    return report


def test_a_finished_suite_is_a_suite_like_any_other(undisturbed):
    folder, _ = undisturbed
    manifest = read_manifest(folder / "SUITE.toml")
    (order,), (model,) = manifest.orders, manifest.models
    assert (manifest.name, order.sequences, order.eos_id, order.vocab_size) == ("pocket", 112, 0, 300)
    assert (model.name, model.size, model.steps, model.train_steps) == ("tiny", "30k", TINY.saved, 24)
    assert model.hyperparameters["learning_rate"] == 5e-3
    assert manifest.provenance["seed"] == 7
    assert len(manifest.provenance["corpus_sha256"]) == 64
    assert manifest.provenance["torch"]


def test_a_finished_suite_holds_nothing_but_what_it_names(undisturbed):
    folder, _ = undisturbed
    assert {path.name for path in folder.iterdir()} == {
        "SUITE.toml",
        "document.bin",
        "document.idx",
        "models",
        "tokenizer.json",
    }
    steps = list((folder / "models" / "tiny").iterdir())
    assert {path.name for path in steps} == {f"step{step}" for step in TINY.saved}
    assert all(path.stat().st_mode & 0o777 == 0o644 for step in steps for path in step.iterdir())


def test_the_order_on_disk_has_the_planted_repetitions(undisturbed):
    folder, _ = undisturbed
    rows = np.fromfile(folder / "document.bin", "<u2").reshape(112, 33)
    counts = repetitions(rows, trained=TINY.trained)
    assert np.bincount(counts).tolist() == [16, 32, 32, 0, 0, 0, 0, 0, 32]


def test_checkpoints_load_as_any_hugging_face_folder(undisturbed):
    from tokenizers import Tokenizer
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, _ = undisturbed
    checkpoints = folder / "models" / "tiny"
    networks = [AutoModelForCausalLM.from_pretrained(checkpoints / f"step{step}") for step in TINY.saved]
    embeddings = [network.get_output_embeddings().weight for network in networks]
    assert all(str(embedding.dtype) == "torch.float16" for embedding in embeddings)
    assert not any(one.equal(next_) for one, next_ in itertools.pairwise(embeddings))
    tokenizer = AutoTokenizer.from_pretrained(checkpoints / "step24")
    text = "The with statement  is used\n\tto wrap <|endoftext|> naïve code."
    assert tokenizer(text)["input_ids"] == Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (0, 1)


def test_progress_tells_every_step_and_the_loss_falls(undisturbed):
    _, said = undisturbed
    assert [progress.stage for progress in said] == ["data", *["training"] * 25, "finished"]
    training = said[1:-1]
    assert [progress.step for progress in training] == list(range(25))
    assert {(progress.model, progress.steps) for progress in training} == {("tiny", 24)}
    assert training[-1].loss < training[1].loss - 0.5


def test_a_finished_suite_is_recognised_at_once(undisturbed):
    folder, _ = undisturbed
    said, before = [], files_of(folder)
    began = time.monotonic()
    assert build_pocket_suite(folder, seed=7, config=TINY, progress=said.append) == folder / "SUITE.toml"
    assert time.monotonic() - began < 1
    assert [progress.stage for progress in said] == ["finished"]
    assert files_of(folder) == before


@pytest.mark.parametrize("change", [{"seed": 8}, {"config": dataclasses.replace(TINY, weight_decay=0.0)}])
def test_a_finished_suite_is_never_replaced_by_another(undisturbed, change):
    folder, _ = undisturbed
    before = files_of(folder)
    with pytest.raises(SuiteChanged, match="choose another folder"):
        build_pocket_suite(folder, **{"seed": 7, "config": TINY} | change)
    assert files_of(folder) == before


def test_a_finished_suite_that_lost_a_checkpoint_says_so(undisturbed, tmp_path):
    folder = shutil.copytree(undisturbed[0], tmp_path / "copy")
    shutil.rmtree(folder / "models" / "tiny" / "step8")
    with pytest.raises(CorruptFile, match="step8"):
        build_pocket_suite(folder, seed=7, config=TINY)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(InvalidValue, match=r"thesis\.tex"):
        build_pocket_suite(tmp_path, seed=7, config=TINY)
    assert files_of(tmp_path) == {"thesis.tex": b"all of it"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_building_that_was_killed_goes_on_to_the_same_bytes(undisturbed, tmp_path):
    folder = tmp_path / "killed"
    with pytest.raises(Interrupted):  # Begun with another seed: none of that may remain.
        build_pocket_suite(folder, seed=8, config=TINY, progress=interrupt_at(2))
    assert processes_of(folder) == []

    command = [sys.executable, "-c", KILLED_AT_STEP_9, str(folder), json.dumps(TINY.to_json())]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "[]\n")
    deadline = time.monotonic() + 5
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_of(folder) == []
    assert not (folder / "SUITE.toml").exists()

    # What a kill within a write leaves, and a checkpoint that no state vouches for.
    half = folder / "models" / "tiny" / "step16.1.partial"
    half.mkdir()
    (half / "config.json").write_text("{")
    (folder / "document.bin.1.partial").write_bytes(b"half")
    said = []
    build_pocket_suite(folder, seed=7, config=TINY, progress=said.append)
    assert said[1].step >= 8
    assert files_of(folder) == files_of(undisturbed[0])


def test_a_model_that_cannot_be_trained_ends_in_one_clear_error(tmp_path):
    odd = dataclasses.replace(TINY.models[0], name="odd", heads=3)
    with pytest.raises(JobFailed, match=r"^Training odd failed with exit code 1: .*hidden size.*odd\.log") as raised:
        build_pocket_suite(tmp_path, seed=7, config=dataclasses.replace(TINY, models=(odd,)))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "SUITE.toml").exists()


def test_folders_are_named_by_seed_corpus_and_format(tmp_path, undisturbed):
    corpus = tomllib.loads((undisturbed[0] / "SUITE.toml").read_text())["suite"]["provenance"]["corpus_sha256"]
    assert pocket_folder(tmp_path, 7) == tmp_path / f"pocket-7-{corpus[:8]}-v1"
    assert pocket_folder(tmp_path) == pocket_folder(tmp_path, 1234)
