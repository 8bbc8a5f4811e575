"""`python -m benchmarks.gpu [FILE]`: the engine on a GPU, at Pythia's sizes, smallest first, within ten minutes.

Weights are random; rows follow the model's own decoding for a while, so that prefixes fall off as steeply as a real model's.
Random weights are the hard case for `bfloat16-rechecked`: their largest logits lie nearer to each other than a trained model's.
Every type is compared with `generate` in float32, which made the rows. Lines are printed as they come; FILE gets them too.

`x` says how many times slower `generate` is in a type. A time is the wall's, after a first call that chooses stages and fills caches. What does not fit the card's memory or the ten
minutes is left out, and said. Hours are those of one such card for all 154 checkpoints of a model over all 146,432,000
sequences, and in brackets over the sequences that each checkpoint had seen: projected from the rate, the loading of checkpoints
and the reading of sequences left out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.limit import counted_flop
from benchmarks.material.shapes import drawn_ids, drawn_lengths
from seenat.memorization.engine.scorer import Scorer, in_type
from seenat.memorization.engine.transformers.reference import generate_continuations, reference_scores
from seenat.memorization.protocol.protocol import RECHECKED, Protocol
from seenat.registry.catalog.specs import ModelSpec
from seenat.registry.errors import OutOfMemory
from seenat.registry.suites.builtin import builtin_suites

__all__ = ["Effort", "lines", "main"]

_SIZES = ("70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b", "12b")
_DTYPES = ("bfloat16", "float16", RECHECKED, "float32")
_REFERENCES = ("float32", "bfloat16")
"""Types in which `generate` is measured."""
_HEADS = (
    "",
    "prefix: rows/s",
    *(f"x {name}" for name in _REFERENCES),
    "ids/s",
    "of the peak",
    "hours (seen)",
    "score: rows/s",
    "prefixes, flags that differ",
)
_LARGE = 800_000_000

_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured."""

    seconds: float = 570.0
    """No size is begun that would end later than this after the start, by what the one before it took."""
    rows: int = 8192
    """Distinct rows, a quarter of them for large models; a call repeats them until the device is busy."""
    batches: tuple[int, ...] = (128, 512, 2048)
    """Batches of `generate`; the fastest counts."""
    least_seconds: float = 2.0
    """Calls are repeated for this long."""
    side: int = 8192
    """Of the square product that is called the card's peak."""


def main(arguments: Sequence[str]) -> int:
    """Measure and print, and write to the file that is named; 1 where there is no GPU."""
    if not torch.cuda.is_available():
        print(
            "This benchmark needs an NVIDIA GPU, and torch finds none here; `make bench` measures the CPU.",
            file=sys.stderr,
        )
        return 1
    printed = []
    for line in lines(_models(), torch.device("cuda"), Effort()):
        print(line, flush=True)
        printed.append(line)
    for name in arguments[:1]:
        Path(name).write_text("\n".join([*printed, ""]), encoding="utf-8")
    return 0


def lines(models: Iterable[ModelSpec], device: torch.device, effort: Effort) -> Iterator[str]:
    """The report in Markdown, line by line as it is measured."""
    began, took, before = time.monotonic(), 0.0, 0
    yield f"# On {_card(device)}, torch {torch.__version__}\n"
    for model in models:
        size, start = _size(model), time.monotonic()
        if before and start - began + took * size / before > effort.seconds:
            yield f"\n{model.name} and what is larger is left out: it would take longer than {effort.seconds:.0f} seconds."
            return
        yield from _measured(model, device, effort)
        took, before = time.monotonic() - start, size


def _measured(model: ModelSpec, device: torch.device, effort: Effort) -> Iterator[str]:
    yield f"\n## {model.name}'s shape, random weights\n"
    count = effort.rows if _size(model) < _LARGE else effort.rows // 4
    generated: dict[str, float] = {}
    try:
        module = _module(model, device)
        rows, lengths = _planted(module, count)
        for name in _REFERENCES:
            made = in_type(module, getattr(torch, name))
            batch, generated[name] = _generated(made, rows, effort)
            yield f"`generate` in {name}, at its fastest batch of {batch}: {generated[name]:,.0f} rows/s.\n"
        yield f"| {' | '.join(_HEADS)} |"
        yield f"| :---{' | ---:' * (len(_HEADS) - 1)} |"
        for dtype in _DTYPES:
            yield _line(model, module, dtype, rows, lengths, generated, effort)
    except (OutOfMemory, torch.OutOfMemoryError):
        yield "\nThe rest does not fit this card's memory."


def _line(
    model: ModelSpec,
    module: Any,
    dtype: str,
    rows: _Rows,
    lengths: _Rows,
    generated: dict[str, float],
    effort: Effort,
) -> str:
    """One type's row of the table."""
    protocol = Protocol(dtype=dtype)
    scorer = Scorer(in_type(module, getattr(torch, protocol.weights)), protocol, str(module.device))
    prefixes = scorer.prefixes(rows)
    many = np.resize(rows, (max(len(rows), scorer.at_once), rows.shape[1]))
    rate = len(many) / _seconds(lambda: scorer.prefixes(many), effort)
    flop = counted_flop(lambda: scorer.prefixes(rows)) / len(rows)
    type_ = torch.bfloat16 if dtype == RECHECKED else getattr(torch, dtype)
    cells = [
        dtype,
        f"{rate:,.0f}",
        *(f"{rate / slow:.1f}" for slow in generated.values()),
        f"{rate * 64:,.0f}",
        f"{flop * rate / _peak(type_, module.device, effort.side):.0%}",
        _hours(model, rate),
        "" if dtype == RECHECKED else f"{len(rows) / _seconds(lambda: scorer.scores(rows), effort):,.0f}",
        f"{(prefixes != lengths).sum()}, {((prefixes == 32) != (lengths == 32)).sum()} of {len(rows):,}",
    ]
    return f"| {' | '.join(cells)} |"


def _generated(module: Any, rows: _Rows, effort: Effort) -> tuple[int, float]:
    """The batch at which transformers' `generate`, which gives prefix and score at once, is fastest; its rows a second."""
    rates = {batch: _generating(module, np.resize(rows, (batch, rows.shape[1])), effort) for batch in effort.batches}
    return max(rates.items(), key=lambda entry: entry[1])


def _generating(module: Any, rows: _Rows, effort: Effort) -> float:
    """Rows a second in one batch; none where it does not fit."""
    try:
        return len(rows) / _seconds(lambda: reference_scores(module, rows, Protocol(), batch=len(rows)), effort)
    except torch.OutOfMemoryError:
        return 0.0


def _seconds(run: Callable[[], object], effort: Effort) -> float:
    """Wall seconds of a run, each of which ends with its result on the host: the median, after one that does not count."""
    run()
    spent: list[float] = []
    while sum(spent) < effort.least_seconds:
        began = time.perf_counter()
        run()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def _peak(dtype: torch.dtype, device: torch.device, side: int) -> float:
    """Floating-point operations a second of a square product."""
    square = torch.randn(side, side, device=device).to(dtype)
    spent = []
    for _ in range(6):
        began = time.perf_counter()
        (square @ square)[0, 0].item()
        spent.append(time.perf_counter() - began)
    return float(2 * side**3 / statistics.median(spent[1:]))


def _hours(model: ModelSpec, rate: float) -> str:
    schedule = model.schedule
    sequences = schedule.steps * schedule.sequences_per_batch
    every = sequences * len(schedule.saved)
    seen = sum(schedule.saved) * schedule.sequences_per_batch
    return f"{every / rate / 3600:,.1f} ({seen / rate / 3600:,.1f})"


def _planted(module: Any, count: int) -> tuple[_Rows, _Rows]:
    """Rows that follow float32's `generate` for a drawn length and then leave it, and the lengths: their prefixes."""
    generator = np.random.default_rng(0)
    ids = int(module.config.vocab_size)
    prompts, lengths = drawn_ids(generator, (count, 32), ids), drawn_lengths(generator, count)
    made = generate_continuations(module, prompts, Protocol(), batch=1024)
    for row, length in zip(made, lengths, strict=True):
        if length < 32:
            row[length] = row[length] % (ids - 1) + 1
    return np.concatenate([prompts, made], axis=1), lengths


def _module(model: ModelSpec, device: torch.device) -> Any:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    shape = model.architecture
    config = GPTNeoXConfig(
        vocab_size=shape["vocab_size"],
        hidden_size=shape["width"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=shape["feed_forward"],
        max_position_embeddings=shape["positions"],
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": shape["rotary_fraction"],
        },
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    with device:
        return GPTNeoXForCausalLM(config).eval()  # type: ignore[no-untyped-call]


def _models() -> list[ModelSpec]:
    """Pythia's models, one of each size, the smallest first."""
    by_name = {model.name: model for suite in builtin_suites() for model in suite.models}
    return [by_name[f"pythia-{size}"] for size in _SIZES]


def _size(model: ModelSpec) -> int:
    return model.parameters.total if model.parameters else 0


def _card(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
