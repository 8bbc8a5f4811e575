"""Part `influence`: what a score costs by five ways, and how exact it is.

All five give the products of one query's gradient with those of many sequences, on one trained checkpoint of the pocket suite:
a loop of backward passes over single sequences, `vmap` over gradients, forward mode, and differences of two passes, the engine's or
transformers'. The first is the definition; errors are relative to its largest product. Peaks of memory are of a process of its own each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.func import grad, vmap

from benchmarks.apart import Stopwatch, run_apart
from benchmarks.machine import CACHE, say
from benchmarks.page import Figure, figures, table
from benchmarks.rounds import Rows, Variant, ratio
from seenat.attribution.influence.derivatives import Derivatives
from seenat.attribution.influence.gradients import Direction, gradient, id_losses, parameters_of
from seenat.memorization.engine.transformers.loading import load_checkpoint
from seenat.memorization.pocket import POCKET, build_pocket_suite, pocket_folder
from seenat.registry.hub.location import CheckpointLocation

__all__ = ["section"]

_NAMES = ("pocket-230k", "pocket-2m")
_STEP = 128
_ROUNDS = 5
_ROWS = 128
_AT_ONCE = 16
"""Gradients that `vmap` holds at a time; more are slower here, and take more memory."""
_REPEATED = 8
"""Of the rows of a round, how many are the query itself: what a search should find."""
_GENERIC = "differences, transformers"
_TEXT = """## Influence: five ways to the same products

Scalar products of a query's gradient with those of {rows} sequences of 65 ids a round, of which {repeated} repeat the query;
{rounds} rounds after one, at step {step}, each with another query. *Largest error* is that of a round, relative to the largest
product; *unrelated* leaves the repetitions out, whose products are large.

Two forward passes need 4 operations a parameter and id, a gradient 6: by the same products, and with the processor kept busy,
differences could not be more than 1.5 times as fast. They also use the engine's own pass, and write no gradients;
`{generic}` uses transformers' pass.
"""

_Ways = dict[str, Callable[[Any, Direction, npt.NDArray[np.int64]], Callable[[Rows], npt.NDArray[np.float64]]]]


def section(page: Path) -> str:
    """Measure two models."""
    del page
    shape = {"rows": _ROWS, "repeated": _REPEATED, "rounds": _ROUNDS, "step": _STEP, "generic": _GENERIC}
    return "\n".join([_TEXT.format(**shape), *(_measure(name) for name in _NAMES)])


def _measure(name: str) -> str:
    model, rounds = _model(name), list(_rounds())
    variants = {way: Variant(name=way, rows=_ROWS, run=lambda rows: {}) for way in _WAYS}
    for number, (query, rows) in enumerate(rounds):
        direction = gradient(model, torch.from_numpy(query[None]))
        for way, make in _WAYS.items():
            of = make(model, direction, query)
            one = Variant(name=way, rows=_ROWS, run=lambda rows, of=of: {"products": of(rows)})  # type: ignore[misc]
            one.take(rows)
            if number:
                variants[way].seconds.extend(one.seconds)
                variants[way].values.extend(one.values)
    say(f"{name}: five ways")
    peaks = {way: run_apart("benchmarks.parts.influence", name, way) for way in _WAYS}
    rates = table(
        ("", "sequences/s", "memory above the model, MB"),
        [
            (way, f"{one.rate:,.0f}", f"{peaks[way]['peak'] - peaks[way]['before']:,.0f}")
            for way, one in variants.items()
        ],
    )
    parameters = sum(part.numel() for part in parameters_of(model).values())
    return "\n".join([f"### {name}, {parameters:,} parameters\n", rates, figures(_figures(variants))])


def _figures(variants: dict[str, Variant]) -> list[Figure]:
    loop, mapped, forward, generic, differences = variants.values()
    shown = []
    for slow, fast, least in (
        (mapped, differences, 2.5),
        (loop, differences, None),
        (mapped, generic, None),
        (mapped, forward, None),
    ):
        times = ratio(slow, fast)
        shown.append(
            Figure(what=f"{fast.name} against {slow.name}", value=times.median, text=str(times), least=least, unit="x")
        )
    for one, most in ((forward, 1e-5), (generic, None), (differences, 1e-4)):
        pairs = [(mine["products"], due["products"]) for mine, due in zip(one.values, loop.values, strict=True)]
        error = max(_error(mine, due) for mine, due in pairs)
        shown.append(Figure(what=f"largest error of {one.name}", value=error, text=f"{error:.1e}", most=most))
        error = max(_error(mine[_REPEATED:], due[_REPEATED:]) for mine, due in pairs)
        shown.append(Figure(what=f"largest error of {one.name}, unrelated", value=error, text=f"{error:.1e}"))
    return shown


def _error(mine: npt.NDArray[np.float64], due: npt.NDArray[np.float64]) -> float:
    return float(np.abs(mine - due).max() / np.abs(due).max())


def _model(name: str) -> Any:
    folder = build_pocket_suite(pocket_folder(CACHE)).parent
    model: Any = load_checkpoint(CheckpointLocation.local(folder / "models" / name / f"step{_STEP}"))
    model.eval()
    model.set_attn_implementation("eager")  # As forward mode needs; the others are measured with the same.
    return model


def _rounds() -> list[tuple[npt.NDArray[np.int64], Rows]]:
    """A query and its candidates for each round, and for the one before."""
    folder = build_pocket_suite(pocket_folder(CACHE)).parent
    ids = np.fromfile(folder / "document.bin", "<u2").reshape(-1, POCKET.tokens_per_sequence).astype(np.int64)
    others = _ROWS - _REPEATED
    return [
        (
            ids[3100 + number],
            np.concatenate([np.repeat(ids[[3100 + number]], _REPEATED, axis=0), ids[start : start + others]]),
        )
        for number, start in enumerate(range(0, (1 + _ROUNDS) * others, others))
    ]


# -- the ways


def _loop(model: Any, direction: Direction, query: npt.NDArray[np.int64]) -> Callable[[Rows], npt.NDArray[np.float64]]:
    def run(rows: Rows) -> npt.NDArray[np.float64]:
        found = []
        for row in torch.from_numpy(rows):
            slopes = gradient(model, row[None], torch.sum)
            found.append(sum(float((slopes[name].double() * part).sum()) for name, part in direction.items()))
        return np.array(found)

    return run


def _mapped(
    model: Any, direction: Direction, query: npt.NDArray[np.int64]
) -> Callable[[Rows], npt.NDArray[np.float64]]:
    parameters = parameters_of(model)
    slopes_of = vmap(grad(lambda parts, row: id_losses(model, parts, row[None]).sum()), in_dims=(None, 0))

    def run(rows: Rows) -> npt.NDArray[np.float64]:
        found = []
        for block in torch.split(torch.from_numpy(rows), _AT_ONCE):
            slopes = slopes_of(parameters, block)
            found.append(sum(slopes[name].flatten(1) @ part.flatten() for name, part in direction.items()))
        return torch.cat(found).double().numpy()

    return run


def _forward(
    model: Any, direction: Direction, query: npt.NDArray[np.int64]
) -> Callable[[Rows], npt.NDArray[np.float64]]:
    return lambda rows: Derivatives(model, direction, "jvp").of(rows).sum(axis=1)


def _generic(
    model: Any, direction: Direction, query: npt.NDArray[np.int64]
) -> Callable[[Rows], npt.NDArray[np.float64]]:
    return lambda rows: Derivatives(model, direction, probe=query[None], own_pass=False).of(rows).sum(axis=1)


def _differences(
    model: Any, direction: Direction, query: npt.NDArray[np.int64]
) -> Callable[[Rows], npt.NDArray[np.float64]]:
    return lambda rows: Derivatives(model, direction, probe=query[None]).of(rows).sum(axis=1)


_WAYS: _Ways = {
    "loop of backward passes": _loop,
    "vmap of gradients": _mapped,
    "forward mode": _forward,
    _GENERIC: _generic,
    "differences": _differences,
}


def _peak(name: str, way: str) -> None:
    """Report this process's memory before and at its peak, over one round."""
    torch.set_num_threads(1)
    model = _model(name)
    query, rows = _rounds()[0]
    direction = gradient(model, torch.from_numpy(query[None]))
    watch = Stopwatch()
    with watch:
        _WAYS[way](model, direction, query)(rows)
    watch.report()


if __name__ == "__main__":
    _peak(*sys.argv[1:])
