"""Small models, trained here until they know some rows by heart, and the pocket suite, measured."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.measuring import measure
from support.once import copied_once

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.open import open_catalog
from seenat.registry.units import SequenceRange

LEARNT = 20
LENGTH = 72


@dataclass(frozen=True)
class Trained:
    """A model and rows of ids: the first `LEARNT` it was trained on, the others are those with one id changed."""

    model: Any
    rows: npt.NDArray[np.uint16]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def neox_97() -> Trained:
    """GPT-NeoX, vocabulary 97, every third row with end-of-document ids in it."""
    return _train(_neox(97), _rows(97, zeros=True))


@pytest.fixture(scope="session")
def neox_700() -> Trained:
    """GPT-NeoX, vocabulary 700, no end-of-document id in its rows."""
    return _train(_neox(700), _rows(700, zeros=False))


@pytest.fixture(scope="session")
def llama() -> Trained:
    """Llama, whose body and output matrix can be used apart."""
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=97, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=192, pad_token_id=5
    )
    return _train(lambda: transformers.LlamaForCausalLM(config), _rows(97, zeros=True))


@pytest.fixture(scope="session")
def bert() -> Trained:
    """BERT as a decoder, which has a layer between body and output matrix."""
    import transformers

    config = transformers.BertConfig(
        vocab_size=97,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=192,
        is_decoder=True,
    )
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    return _train(lambda: transformers.BertLMHeadModel(config), _rows(97, zeros=True))


@pytest.fixture(scope="session")
def measured_pocket(pocket_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """A catalog in which every model of the pocket suite is measured: at each checkpoint what it had seen.

    The smallest model is measured everywhere, the others at three checkpoints over the controls too. 72,176 values; 40
    seconds of one core.
    """

    def make(folder: Path) -> None:
        with open_catalog(str(shutil.copy(pocket_file, folder))) as catalog:
            for name in ("pocket-230k", "pocket-660k", "pocket-2m"):
                measure(catalog, name)
                if name == "pocket-230k":
                    measure(catalog, name, unseen=True)
                else:
                    measure(catalog, name, steps=(0, 64, 384), sequences=SequenceRange(3072, 3584), unseen=True)

    with open_catalog(str(copied_once(tmp_path_factory, "measured-pocket", make) / "catalog.sqlite")) as catalog:
        yield catalog


def _neox(vocab_size: int) -> Callable[[], Any]:
    import transformers

    config = transformers.GPTNeoXConfig(
        vocab_size=vocab_size, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        max_position_embeddings=128,
    )  # fmt: skip
    return lambda: transformers.GPTNeoXForCausalLM(config)


def _rows(vocab_size: int, *, zeros: bool) -> npt.NDArray[np.uint16]:
    generator = np.random.default_rng(vocab_size)
    learnt = generator.integers(1, vocab_size, (LEARNT, LENGTH))
    if zeros:
        learnt[::3, 40::11] = 0
    changed = np.repeat(learnt, 4, axis=0)
    place = generator.integers(33, LENGTH, len(changed))
    chosen = (np.arange(len(changed)), place)
    changed[chosen] = changed[chosen] % (vocab_size - 1) + 1
    return np.concatenate([learnt, changed]).astype(np.uint16)


def _train(make: Callable[[], Any], rows: npt.NDArray[np.uint16]) -> Trained:
    import torch

    torch.manual_seed(0)
    model = make()
    ids = torch.from_numpy(rows[:LEARNT].astype(np.int64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    for _ in range(70):
        optimizer.zero_grad()
        model(ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return Trained(model.eval(), rows)
