"""Loading one checkpoint as the model its files describe, or not at all.

Files come from a folder, or from a hub into its cache, and from there on both are the same: the network is touched by
`CheckpointLocation.fetch` alone (`seenat.registry.hub.location`). Only the determining files of
`seenat.registry.checkpoints.files` are read, each tensor from the file that the index names, so what the checkpoint digest
covers is exactly what is measured; a generation_config.json, an adapter or a second set of weights in the folder
changes nothing. No code from a checkpoint is run: safetensors are preferred, pickles are read as weights only, custom
model code is refused, and a config.json chooses no kernels (`configuration`).

transformers fills what a checkpoint lacks with random numbers and a warning. Here every tensor of the model must be there and
fit, and no other may be; only buffers that old uploads store beside the weights (masks, rotary frequencies) are ignored.
"""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seenat.memorization.engine.transformers.configuration import read_configuration
from seenat.registry.checkpoints.files import tensor_places, weight_and_config_files
from seenat.registry.errors import CorruptFile, InvalidValue, MissingExtra, OutOfMemory, SeenatError
from seenat.registry.hub.location import CheckpointLocation
from seenat.registry.printable import in_a_sentence
from seenat.registry.storage.panics import panics_as_errors

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["buildable", "check_device", "devices_here", "load_checkpoint", "read_tensors"]

_DTYPES = ("float32", "float16", "bfloat16")
# A model may have more numbers than its files: tied matrices, tables of positions, masks for all of 2,048 positions a layer.
_TIMES_LARGER, _MORE_NUMBERS = 4, 1 << 26

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
    weight_and_config_files(folder)  # Raises for whatever is not there.
    with _quiet(), buildable(f"The checkpoint in {folder}"):
        tensors = read_tensors(folder)
        config = read_configuration(folder, len(tensors))
        built = _build(folder, config, tensors, dtype)
    model: PreTrainedModel = built.to(device)
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


def devices_here() -> list[str]:
    """The devices of this machine between which work is shared: its GPUs, or its processor."""
    _require_packages()
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


def _require_packages() -> None:
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtra("Measuring needs torch and transformers: pip install 'seenat[jobs]'.") from error


def read_tensors(folder: Path) -> dict[str, Any]:
    """All tensors by name, mapped from disk where the format allows; raises `CorruptFile` for a broken file."""
    return tensor_places(folder).read(_held)


def _held(file: Path) -> dict[str, Any]:
    """What a file holds; raises `CorruptFile` for whatever is wrong with it."""
    try:
        with panics_as_errors():
            return _read_safetensors(file) if file.suffix == ".safetensors" else _read_pickle(file)
    except Exception as error:  # The readers raise their own classes, OSError, EOFError, RuntimeError, ...
        raise CorruptFile(
            f"{file} is not a whole file of weights: {in_a_sentence(error)}; copy or fetch it again."
        ) from error


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
    _check_size(folder, architecture, config, tensors)
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


def _check_size(folder: Path, architecture: Any, config: Any, tensors: dict[str, Any]) -> None:
    """Build the model without memory, and see that it is not much larger than the weights before memory is taken for it."""
    import torch

    with torch.device("meta"):
        shell = architecture(copy.deepcopy(config))
    described = sum(part.numel() for part in (*shell.parameters(), *shell.buffers()))
    held = sum(tensor.numel() for tensor in tensors.values())
    if described > _TIMES_LARGER * held + _MORE_NUMBERS:
        raise CorruptFile(
            f"The config.json in {folder} describes {described:,} numbers, and the weights hold {held:,}; it does not fit them."
        )


@contextmanager
def buildable(what: str) -> Iterator[None]:
    """Raise `CorruptFile` for whatever goes wrong in building or running a checkpoint's model, but for seenat's own errors.

    Architectures check little of what a configuration says, and fail with anything: KeyError, ZeroDivisionError, ... A lack
    of memory is none of the checkpoint's faults, and raises `OutOfMemory`.
    """
    try:
        with panics_as_errors():
            yield
    except SeenatError:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"{what} does not fit into the memory of this machine; free some of it.") from error
    except Exception as error:
        raise CorruptFile(
            f"{what} makes no model: {type(error).__name__}: {in_a_sentence(error)}; correct its config.json."
        ) from error


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
    first = in_a_sentence(names[0], 100)
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more tensors"
