"""Loading one checkpoint as the model its files describe, or not at all.

Files come from a folder, or from a hub into its cache, and from there on both are the same: the network is touched by
`CheckpointLocation.fetch` alone (`seenat.registry.hub.location`). Only the determining files of `seenat.registry.checkpoints.files` are read, so what the checkpoint
digest covers is exactly what is measured; a generation_config.json, an adapter or a second set of weights in the folder
changes nothing. No code from a checkpoint is run: safetensors are preferred, pickles are read as weights only, custom
model code is refused.

transformers fills what a checkpoint lacks with random numbers and a warning. Here every tensor of the model must be there and
fit, and no other may be; only buffers that old uploads store beside the weights (masks, rotary frequencies) are ignored.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.registry.checkpoints.files import read_config, weight_and_config_files
from seenat.registry.errors import CorruptFile, InvalidValue, MissingExtra
from seenat.registry.hub.location import CheckpointLocation

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["check_device", "load_checkpoint"]

_DTYPES = ("float32", "float16", "bfloat16")
# Keys of a config.json that make transformers read or compute something else than the weights beside it.
_FOREIGN = {"quantization_config": "quantized weights", "transformers_weights": "weights under another name"}

# transformers' verbosity belongs to the process; two loads must not restore each other's.
_VERBOSITY = threading.Lock()


def load_checkpoint(location: CheckpointLocation, *, dtype: str = "float32", device: str = "cpu") -> PreTrainedModel:
    """Load a causal language model, ready to evaluate, its weights in `dtype` whatever type the files store.

    Raises `UnknownCheckpoint` when there is none, `CorruptFile` when its files are broken, do not agree with its
    configuration or describe another kind of model, `HubUnavailable`, and `MissingExtra` without torch or transformers.
    """
    if dtype not in _DTYPES:
        raise InvalidValue(f"Weights are loaded as {', '.join(_DTYPES)}, not {dtype!r}.")
    _require_packages()
    folder = location.fetch()
    weights = [folder / name for name in weight_and_config_files(folder) if name.endswith((".safetensors", ".bin"))]
    with _quiet():
        config = _configuration(folder)
        model: PreTrainedModel = _build(folder, config, _tensors(weights), dtype).to(device)
    return model


def check_device(name: str) -> None:
    """Raise `InvalidValue` unless torch can compute on the device of this name, here and now."""
    _require_packages()
    import torch

    try:
        torch.zeros(1, device=name).item()
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            there.append("mps")
        raise InvalidValue(f"There is no device {name!r} to measure on; choose one of {', '.join(there)}.") from error


def _require_packages() -> None:
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtra("Measuring needs torch and transformers: pip install 'seenat[jobs]'.") from error


def _configuration(folder: Path) -> Any:
    """The configuration as transformers' own class; raises `CorruptFile` unless it describes a causal language model."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    raw = read_config(folder)
    path = folder / "config.json"
    for key, meaning in _FOREIGN.items():
        if raw.get(key) is not None:
            raise CorruptFile(f"{path} asks for {meaning} ({key}), which cannot be measured faithfully.")
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # Every architecture validates in its own way.
        raise CorruptFile(f"{path} is no model's configuration: {_line(error)}.") from error
    named = raw.get("architectures") or []
    causal = not named or any("CausalLM" in str(name) or "LMHead" in str(name) for name in named)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or not causal:
        raise CorruptFile(
            f"{path} describes {', '.join(map(str, named)) or config.model_type}, not a causal language model."
        )
    return config


def _tensors(files: list[Path]) -> dict[str, Any]:
    """All tensors by name, mapped from disk where the format allows; raises `CorruptFile` for a broken file."""
    tensors: dict[str, Any] = {}
    for file in files:
        try:
            read = _read_safetensors(file) if file.suffix == ".safetensors" else _read_pickle(file)
        except Exception as error:  # The readers raise their own classes, OSError, EOFError, RuntimeError, ...
            raise CorruptFile(
                f"{file} is not a whole file of weights: {_line(error)}; copy or fetch it again."
            ) from error
        tensors.update(read)
    return tensors


def _read_safetensors(file: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(file)


def _read_pickle(file: Path) -> dict[str, Any]:
    """A pickle of tensors and nothing else: the unpickler refuses every other class."""
    import torch

    tensors = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(tensors, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
        raise TypeError("it holds something else than named tensors")
    return tensors


def _build(folder: Path, config: Any, tensors: dict[str, Any], dtype: str) -> Any:
    """The model with these tensors; raises `CorruptFile`, naming one, when they are not exactly those it needs."""
    import torch
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    architecture: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    model, report = architecture.from_pretrained(
        None,
        config=config,
        state_dict=tensors,
        dtype=getattr(torch, dtype),
        local_files_only=True,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    for key, meaning in {
        "missing": "lacks",
        "unexpected": "holds, without a place for it,",
        "mismatched": "misshapes",
    }.items():
        names = sorted(name if isinstance(name, str) else name[0] for name in report[f"{key}_keys"])
        if names:
            raise CorruptFile(f"The checkpoint in {folder} {meaning} {_few(names)}; it does not fit its config.json.")
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither progress bars nor warnings of transformers, and its settings as before afterwards."""
    from transformers import utils

    logging: Any = utils.logging
    with _VERBOSITY, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()


def _few(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more tensors"


def _line(error: Exception) -> str:
    """The first line of an error's message, or its class."""
    return (str(error).strip().partition("\n")[0] or type(error).__name__).rstrip(".")
