"""Training one model of a pocket suite, in a process of its own: `python -m seenat.memorization.pocket.training.train_model FOLDER MODEL`.

One thread, float32, no random number after the first weights: the bytes of every checkpoint follow from the plan, the
order, the machine and the versions. The process says nothing on stdout but progress, and ends with whoever started it:
its stdin is a pipe that nobody writes to, and its end means that the other end is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from seenat.memorization.pocket.config import PocketConfig, PocketModel
from seenat.memorization.pocket.plan import Plan
from seenat.memorization.pocket.progress import PocketProgress
from seenat.memorization.pocket.training.checkpoints import CheckpointFolder, workspace
from seenat.registry.storage.locks import exclusive

if TYPE_CHECKING:
    import torch
    from transformers import GPTNeoXForCausalLM

__all__ = ["main", "new_optimizer", "train"]


def train(folder: Path, plan: Plan, model: PocketModel, report: Callable[[int, float | None], None]) -> None:
    """Train a model from its last saved step, or from the start, to the end; `report` is told each step and its loss."""
    from seenat.memorization.pocket.training.architecture import new_network

    config = plan.config
    network = new_network(model, config, plan.seed)
    optimizer = new_optimizer(network, config)
    checkpoints = CheckpointFolder(folder, model.name, config.saved)
    step = checkpoints.restore(network, optimizer)
    if step is None:
        step = 0
        if step in config.saved:
            checkpoints.save(step, network, optimizer)
    report(step, None)
    batches = _batches(folder, config)
    for batch in range(step, config.steps):
        loss = _update(network, optimizer, batches[batch], config.learning_rate(model, batch), config.gradient_clipping)
        if batch + 1 in config.saved:
            checkpoints.save(batch + 1, network, optimizer)
        report(batch + 1, loss)


def _batches(folder: Path, config: PocketConfig) -> torch.Tensor:
    """The trained part of the order: int64 [steps, sequences per batch, ids]."""
    import torch

    ids = np.fromfile(folder / "document.bin", "<u2", config.trained * config.tokens_per_sequence).astype(np.int64)
    return torch.from_numpy(ids).view(config.steps, config.sequences_per_batch, config.tokens_per_sequence)


def new_optimizer(network: GPTNeoXForCausalLM, config: PocketConfig) -> torch.optim.Optimizer:
    """AdamW as all pocket models are trained with: matrices decay, biases and norms do not."""
    import torch

    matrices = [parameter for parameter in network.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in network.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=config.betas, eps=config.epsilon, fused=True)


def _update(
    network: GPTNeoXForCausalLM, optimizer: torch.optim.Optimizer, batch: torch.Tensor, rate: float, clip: float
) -> float:
    """One optimizer update on a batch of [sequences, ids]; returns its loss before the update."""
    import torch

    for group in optimizer.param_groups:
        group["lr"] = rate
    logits = network(input_ids=batch[:, :-1], use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def main(arguments: Sequence[str]) -> None:
    """Train the model named by `FOLDER MODEL`, as one process of `workers.train_models`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A Ctrl-C reaches the whole terminal; the parent ends this process.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    progress = _claim_stdout()
    folder, name = Path(arguments[0]), arguments[1]
    plan = Plan.read(workspace(folder))
    steps = plan.config.steps

    def report(step: int, loss: float | None) -> None:
        progress.write(PocketProgress("training", name, step, steps, loss).to_line())
        progress.flush()

    _prepare_libraries()
    # A process whose parent was killed may still live for an instant when the next one starts.
    with exclusive(workspace(folder) / name):
        train(folder, plan, plan.config.model(name), report)


def _end_with_parent() -> None:
    os.read(0, 1)  # Not sys.stdin, whose lock a thread must not hold when the interpreter ends.
    os._exit(1)


def _claim_stdout() -> TextIO:
    """Keep stdout for progress alone: whatever else is printed, by whichever library, goes to stderr."""
    progress = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return progress


def _prepare_libraries() -> None:
    # Two threads that share a busy core spin at every barrier and cost 4 to 13 times as much; and one thread always
    # adds in the same order.
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(sys.argv[1:])
