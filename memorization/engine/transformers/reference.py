"""The published procedure, with transformers' own `generate`: what tests and benchmarks compare the engine with.

It follows `predictable-memorization/eval_memorization.py` of https://github.com/EleutherAI/pythia (arXiv 2304.11158):
greedy generation from the prompt, `max_length` and `min_length` both prompt + continuation, no attention mask, and a
score that counts the positions at which the generated id is the true one. transformers would take whatever is left out from
the model's files, so here every setting is given: the id that `min_length` bans is the protocol's (a default `GPTNeoXConfig`
says 2, the order's end-of-document id is 0), and nothing but the largest logit decides.

Losses have no published procedure; `reference_losses` is their definition in `protocol`, step by step: transformers' forward
pass, all logits, and the rest in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from seenat.memorization.protocol.protocol import Protocol

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = [
    "ReferenceLosses",
    "ReferenceScores",
    "generate_continuations",
    "generate_logits",
    "generating_by",
    "reference_losses",
    "reference_scores",
]


class ReferenceScores(NamedTuple):
    """The results of the published procedure for n sequences."""

    score: npt.NDArray[np.uint8]
    """[n]: positions at which the freely generated id is the true one, 0 to `continuation`."""
    prefix: npt.NDArray[np.uint8]
    """[n]: how many of these positions come before the first mistake."""
    memorized: npt.NDArray[np.bool_]
    """[n]: whether the score is all of the continuation."""


def reference_scores(
    model: PreTrainedModel,
    tokens: npt.NDArray[np.integer[Any]],
    protocol: Protocol,
    *,
    batch: int = 64,
    use_cache: bool = True,
) -> ReferenceScores:
    """Score integer ids [n, prompt + continuation], the columns `protocol.window` of an order, on the model's device."""
    truth = tokens[:, protocol.prompt :].astype(np.int64)
    prompts = tokens[:, : protocol.prompt].astype(np.int64)
    generated = generate_continuations(model, prompts, protocol, batch=batch, use_cache=use_cache)
    right = generated == truth
    prefix = np.cumprod(right, axis=1).sum(axis=1).astype(np.uint8)
    return ReferenceScores(right.sum(axis=1).astype(np.uint8), prefix, right.all(axis=1))


class ReferenceLosses(NamedTuple):
    """Losses of n sequences by transformers' forward pass, id by id."""

    surprisals: npt.NDArray[np.float64]
    """[n, prompt + continuation - 1]: -ln p of every id but the first."""
    ranks: npt.NDArray[np.int64]
    """[n, prompt + continuation - 1]: how many ids have a larger logit, or an equal one and a lower id."""
    quantities: npt.NDArray[np.float64]
    """[n, 4]: `prompt`, `continuation`, `min_k` and `rank`."""


@torch.inference_mode()
def reference_losses(
    model: PreTrainedModel, tokens: npt.NDArray[np.integer[Any]], protocol: Protocol, *, batch: int = 64
) -> ReferenceLosses:
    """Losses of integer ids [n, prompt + continuation], the columns `protocol.window` of an order."""
    module: Any = model
    surprisals = np.empty((len(tokens), protocol.length - 1))
    ranks = np.empty(surprisals.shape, np.int64)
    for start in range(0, len(tokens), batch):
        ids = torch.from_numpy(tokens[start : start + batch].astype(np.int64)).to(module.device)
        logits, truth = module(ids[:, :-1], use_cache=False).logits, ids[:, 1:, None]
        own = logits.gather(2, truth)
        lower = torch.arange(logits.shape[2], device=module.device) < truth
        above = (logits > own) | ((logits == own) & lower)
        likelihood = logits.double().log_softmax(dim=-1).gather(2, truth)[..., 0]
        surprisals[start : start + batch] = -likelihood.cpu().numpy()
        ranks[start : start + batch] = above.sum(dim=-1).cpu().numpy()
    return ReferenceLosses(surprisals, ranks, _quantities(surprisals, ranks, protocol))


def _quantities(
    surprisals: npt.NDArray[np.float64], ranks: npt.NDArray[np.int64], protocol: Protocol
) -> npt.NDArray[np.float64]:
    given = protocol.prompt - 1
    least_likely = -np.sort(-surprisals, axis=1)[:, : max(1, surprisals.shape[1] // 5)]
    prompt, continuation = surprisals[:, :given].sum(axis=1), surprisals[:, given:].sum(axis=1)
    return np.stack([prompt, continuation, least_likely.mean(axis=1), ranks[:, given:].mean(axis=1)], axis=1)


@torch.inference_mode()
def generate_continuations(
    model: PreTrainedModel,
    prompts: npt.NDArray[np.int64],
    protocol: Protocol,
    *,
    batch: int = 64,
    use_cache: bool = True,
) -> npt.NDArray[np.int64]:
    """Generate ids [n, continuation] greedily from prompts [n, prompt], `batch` at a time."""
    module: Any = model
    settings = _settings(protocol, len(module.get_input_embeddings().weight), use_cache)
    result = np.empty((len(prompts), protocol.continuation), dtype=np.int64)
    with generating_by(module, settings):
        for start in range(0, len(prompts), batch):
            ids = torch.from_numpy(prompts[start : start + batch]).to(module.device)
            made = module.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
            result[start : start + batch] = made[:, protocol.prompt :].cpu().numpy()
    return result


@torch.inference_mode()
def generate_logits(
    model: PreTrainedModel, prompts: torch.Tensor, protocol: Protocol
) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts [n, prompt] with what is generated from them, [n, prompt + continuation], and the logits that chose it.

    They are float32 [n, continuation, vocabulary], of before any id is banned.
    """
    module: Any = model
    settings = _settings(protocol, len(module.get_input_embeddings().weight), use_cache=True)
    settings.return_dict_in_generate = settings.output_logits = True
    with generating_by(module, settings):
        made = module.generate(prompts, attention_mask=torch.ones_like(prompts), generation_config=settings)
    return made.sequences, torch.stack(made.logits, dim=1)


@contextmanager
def generating_by(module: Any, settings: Any) -> Iterator[None]:
    """Replace the model's own settings: `generate` takes from them whatever the given ones leave out.

    Such are a forced last id (BART's decoders), guidance, watermarks, words to stop at, and a time limit.
    """
    own = module.generation_config
    module.generation_config = settings
    try:
        yield
    finally:
        module.generation_config = own


def _settings(protocol: Protocol, vocab_size: int, use_cache: bool) -> Any:
    """Greedy decoding of exactly `continuation` ids, and nothing else."""
    import transformers

    # An allowed end-of-document id must not end the generation, so the ending id is then one outside the vocabulary.
    settings: Any = transformers.GenerationConfig
    banned = protocol.eos == "banned"
    return settings(
        max_length=protocol.length,
        min_length=protocol.length if banned else 0,
        eos_token_id=protocol.eos_id if banned else vocab_size,
        pad_token_id=protocol.eos_id,
        do_sample=False,
        num_beams=1,
        use_cache=use_cache,
    )
