"""Pythia-14m's shape, trained on real text: what `equality`, `engine` and `job` measure instead of random weights.

The text is what lies on the machine: the documentation of torch.distributed and the standard library's sources, some 30 MB. A
byte-level BPE of 50,277 ids is trained on it, as many as Pythia's has; the model's vocabulary is 50,304, as Pythia's is. The
order has three kinds of sequences of 65 ids, all of them text:

    hot         136 sequences, repeated 24, 48 or 96 times: the model learns most of them by heart
    once        4,096 sequences, each trained on once
    evaluated   16,384 sequences that follow the trained ones; no step sees them, but every 24th is a hot one, so that among
                them all lengths of prefixes occur

640 updates of 16 sequences take two minutes of one core, because an update's softmax goes over the batch's own ids and 2,048
drawn ones, weighted for those that were not drawn (sampled softmax, arXiv 1412.2007); measured it is with all 50,304. One
seed, machine and set of versions give the same bytes. The suite is kept in `.cache`, in a folder named by a digest of all
that decides it, and is written once; its SUITE.toml comes last.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.machine import CACHE, say
from seenat.memorization.pocket.config import PocketConfig, PocketModel, RepetitionClass
from seenat.memorization.pocket.plan import versions
from seenat.memorization.pocket.text.corpus import corpus_digest, documents
from seenat.memorization.pocket.text.order import distinct_sequences, draw_order, repetitions
from seenat.memorization.pocket.text.tokenizer import train_tokenizer
from seenat.memorization.pocket.training.architecture import new_network
from seenat.registry.orders.formats.megatron_idx import write_order
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.storage.local import write_atomic
from seenat.registry.storage.locks import exclusive

__all__ = ["CONFIG", "NAME", "build", "checkpoint", "evaluated"]

NAME = "text-14m"
_MODEL = PocketModel(name=NAME, size="14m", layers=6, width=128, heads=4, learning_rate=3e-3)
CONFIG = PocketConfig(
    models=(_MODEL,),
    repetitions=(RepetitionClass(96, 24), RepetitionClass(48, 48), RepetitionClass(24, 64), RepetitionClass(1, 4096)),
    saved=(0, 1, 4, 16, *range(40, 641, 40)),
    unseen=16_384,
    vocab_size=50_304,
    sequences_per_batch=16,
)
_SEED = 1234
_RECIPE = 1
"""Raised when the same text and configuration would give another suite than before."""
_TOKENS = 50_277
_DRAWN = 2048
_HOT_EVERY = 24
_HOT = 48
"""Sequences repeated so often stand among the evaluated ones too."""
_MANIFEST = """[suite]
name = "text"

[[order]]
name = "text-order"
format = "mmididx"
files = ["document.bin"]
index = "document.idx"
tokens_per_sequence = {length}
sequences_per_batch = {batch}
sequences = {sequences}
dtype = "uint16"
vocab_size = {vocabulary}
eos_id = 0
tokenizer = "tokenizer.json"

[[model]]
name = "{name}"
order = "text-order"
steps = {steps}
checkpoints = "step{{step}}"
"""

_Rows = npt.NDArray[np.uint16]


def build() -> Path:
    """The suite's SUITE.toml, after two minutes where it is not there yet."""
    texts = _texts()
    folder = CACHE / f"{NAME}-{_digest(texts)}"
    manifest = folder / "SUITE.toml"
    if not manifest.exists():
        with exclusive(folder):
            if not manifest.exists():
                _write(folder, texts)
    return manifest


def checkpoint(manifest: Path, step: int) -> Path:
    """The folder of a step's checkpoint."""
    return manifest.parent / f"step{step}"


def evaluated(manifest: Path) -> npt.NDArray[np.int64]:
    """The window of every evaluated sequence, int64 [16,384, 64]."""
    rows = np.fromfile(manifest.parent / "document.bin", "<u2").reshape(-1, CONFIG.tokens_per_sequence)
    return rows[CONFIG.trained :, :-1].astype(np.int64)


def _texts() -> list[str]:
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(path for path in root.rglob("*.py") if not {"site-packages", "dist-packages"} & set(path.parts))
    return [*documents().values(), *(text for path in files if (text := _text(path)))]


def _text(path: Path) -> str:
    """A source file, or nothing where it is not UTF-8: some test of an encoding."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def _digest(texts: list[str]) -> str:
    recipe = {
        "recipe": _RECIPE,
        "seed": _SEED,
        "texts": corpus_digest(texts),
        "configuration": CONFIG.to_json(),
        "softmax": [_TOKENS, _DRAWN],
        "evaluated": [_HOT_EVERY, _HOT],
        "versions": versions(),
    }
    return sha256_of_bytes(json.dumps(recipe, sort_keys=True).encode()).removeprefix("sha256:")[:12]


def _write(folder: Path, texts: list[str]) -> None:
    for left in folder.glob("step*"):
        shutil.rmtree(left)
    say(f"{NAME}: a tokenizer of {sum(map(len, texts)) / 1e6:.0f} MB of text")
    tokenizer = train_tokenizer(texts, _TOKENS)
    rows = _order(distinct_sequences(texts, tokenizer, CONFIG.tokens_per_sequence))
    write_atomic(folder / "tokenizer.json", tokenizer.to_str().encode())
    write_order(folder / "document.bin", folder / "document.idx", rows)
    _train(folder, rows)
    text = _MANIFEST.format(
        length=CONFIG.tokens_per_sequence,
        batch=CONFIG.sequences_per_batch,
        sequences=CONFIG.sequences,
        vocabulary=CONFIG.vocab_size,
        name=NAME,
        steps=list(CONFIG.saved),
    )
    write_atomic(folder / "SUITE.toml", text.encode())


def _order(distinct: _Rows) -> _Rows:
    rows = draw_order(distinct, CONFIG, _SEED)
    trained = rows[: CONFIG.trained]
    hot = np.unique(trained[repetitions(trained, CONFIG.trained) >= _HOT], axis=0)
    among = rows[CONFIG.trained :: _HOT_EVERY]
    among[:] = hot[np.arange(len(among)) % len(hot)]
    return rows


def _train(folder: Path, rows: _Rows) -> None:
    """One pass over the trained sequences, float16 checkpoints on the way, as Pythia's are stored."""
    network: Any = new_network(_MODEL, CONFIG, _SEED)
    matrices = [parameter for parameter in network.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in network.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": CONFIG.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=CONFIG.betas, eps=CONFIG.epsilon, fused=True)
    generator = np.random.default_rng(_SEED)
    shape = CONFIG.steps, CONFIG.sequences_per_batch, CONFIG.tokens_per_sequence
    batches = torch.from_numpy(rows[: CONFIG.trained].astype(np.int64)).view(shape)
    for step in range(CONFIG.steps + 1):
        if step in CONFIG.saved:
            copy.deepcopy(network).half().save_pretrained(folder / f"step{step}")
            say(f"{NAME}: step {step} of {CONFIG.steps}")
        if step == CONFIG.steps:
            break
        for group in optimizer.param_groups:
            group["lr"] = CONFIG.learning_rate(_MODEL, step)
        optimizer.zero_grad()
        _loss(network, batches[step], generator).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CONFIG.gradient_clipping)
        optimizer.step()


def _loss(network: Any, batch: torch.Tensor, generator: np.random.Generator) -> Any:
    """The sampled softmax's cross-entropy over a batch of [sequences, ids]."""
    states = network.base_model(input_ids=batch[:, :-1], use_cache=False).last_hidden_state.flatten(0, 1)
    own, targets = torch.unique(batch[:, 1:].flatten(), return_inverse=True)
    drawn = torch.from_numpy(generator.choice(CONFIG.vocab_size, _DRAWN, replace=False))
    drawn = drawn[~torch.isin(drawn, own)]
    logits = states @ network.lm_head.weight[torch.cat([own, drawn])].T
    logits[:, len(own) :] += math.log(CONFIG.vocab_size / _DRAWN)
    return torch.nn.functional.cross_entropy(logits, targets)
