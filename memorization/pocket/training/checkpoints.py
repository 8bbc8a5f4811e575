"""What a training run leaves on disk: a checkpoint folder at each saved step, and the state to go on from.

    models/NAME/step{N}/               config, float16 weights and tokenizer, as transformers saves and loads them
    building/NAME/state.safetensors    float32 weights and Adam moments after the last saved step; gone with `building`

* A checkpoint folder appears whole, by a rename; what carries another name does not count and is removed.
* The state of step N is written after the checkpoint of step N. So a state says: everything up to here is saved, and a
  run that goes on from it writes the bytes that an undisturbed one would have written.
"""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from seenat.memorization.pocket.text.tokenizer import END_OF_TEXT, PADDING
from seenat.registry.storage.local import PARTIAL, sync_folder, write_atomic

if TYPE_CHECKING:
    import torch
    from transformers import GPTNeoXForCausalLM, PreTrainedTokenizerFast

__all__ = ["CheckpointFolder", "checkpoint_path", "workspace"]

_MOMENTS = ("exp_avg", "exp_avg_sq")


def checkpoint_path(folder: Path, name: str, step: int | str) -> Path:
    """Where the checkpoint of a model at a step lies within a suite's folder."""
    return folder / "models" / name / f"step{step}"


def workspace(folder: Path) -> Path:
    """What is needed only while a suite is being built: its plan, logs and training states."""
    return folder / "building"


class CheckpointFolder:
    """The checkpoints of one run, and its training state."""

    def __init__(self, folder: Path, name: str, saved: tuple[int, ...]) -> None:
        self._folder = folder
        self._name = name
        self._saved = saved
        self._state = workspace(folder) / name / "state.safetensors"

    def save(self, step: int, network: GPTNeoXForCausalLM, optimizer: torch.optim.Optimizer) -> None:
        """Write the checkpoint of a step, then the state to go on from; both survive a power cut once this returns."""
        _write_checkpoint(checkpoint_path(self._folder, self._name, step), network, self._folder / "tokenizer.json")
        if step:  # Step 0 is drawn anew at no cost, and Adam has no moments yet.
            write_atomic(self._state, _state_bytes(step, network, optimizer))

    def restore(self, network: GPTNeoXForCausalLM, optimizer: torch.optim.Optimizer) -> int | None:
        """Load the last state and return its step; None where the run must begin.

        Checkpoints that the state does not vouch for are removed.
        """
        step = self._last_step()
        kept = set() if step is None else {f"step{saved}" for saved in self._saved if saved <= step}
        models = checkpoint_path(self._folder, self._name, 0).parent
        if step is not None and any(not (models / name).is_dir() for name in kept):
            step, kept = None, set()
        for path in models.glob("*/"):
            if path.name not in kept:
                shutil.rmtree(path)
        if step is not None:
            _load_state(self._state, step, network, optimizer)
        return step

    def _last_step(self) -> int | None:
        from safetensors import safe_open

        if not self._state.is_file():
            return None
        with safe_open(self._state, "np") as state:
            return int(state.metadata()["step"])


def _write_checkpoint(target: Path, network: GPTNeoXForCausalLM, tokenizer: Path) -> None:
    partial = target.with_name(f"{target.name}.{os.getpid()}{PARTIAL}")
    half = copy.deepcopy(network).half()  # type: ignore[no-untyped-call]
    half.save_pretrained(partial)
    _hugging_face_tokenizer(tokenizer).save_pretrained(partial)
    for path in partial.iterdir():
        _publish_file(path)
    sync_folder(partial)
    partial.rename(target)
    sync_folder(target.parent)


def _publish_file(path: Path) -> None:
    path.chmod(0o644)  # transformers 5 writes weights that only their owner may read.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hugging_face_tokenizer(tokenizer: Path) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(tokenizer),
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        pad_token=PADDING,
    )


def _state_bytes(step: int, network: GPTNeoXForCausalLM, optimizer: torch.optim.Optimizer) -> bytes:
    from safetensors.torch import save

    tensors = {}
    for name, parameter in network.named_parameters():
        tensors[f"weight.{name}"] = parameter.detach()
        for moment in _MOMENTS:
            tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment]
    return bytes(save(tensors, {"step": str(step)}))


def _load_state(path: Path, step: int, network: GPTNeoXForCausalLM, optimizer: torch.optim.Optimizer) -> None:
    import torch
    from safetensors.torch import load_file

    tensors = load_file(path)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(tensors[f"weight.{name}"])
            # Copied, not taken over: a mapped file is aligned otherwise, which may change the last bit of a product.
            moments = {moment: torch.zeros_like(parameter).copy_(tensors[f"{moment}.{name}"]) for moment in _MOMENTS}
            optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}
