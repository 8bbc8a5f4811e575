"""What may be planned: protocols and sequences that an order can answer, and checkpoints that can be trusted."""

from __future__ import annotations

from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.status import NO_LONGER_STATED
from seenat.registry.errors import InvalidValue, UnknownCheckpoint

__all__ = ["check_plan", "check_runnable", "runnable_steps"]


def check_plan(
    model: Model, protocol: Protocol, selection: Selection, *, allow_suspect: bool = False
) -> list[Checkpoint]:
    """The checkpoints that a plan would measure.

    Raises `InvalidValue` where the protocol does not fit the order or nothing is asked for, `UnknownSequence` beyond the
    order, and `UnknownCheckpoint` for a step that was not saved, is known to be wrong, or is suspect unless `allow_suspect`.
    """
    _check_order(model, protocol, selection)
    chosen = [check_runnable(model, model.checkpoint(step), allow_suspect=allow_suspect) for step in selection.steps]
    if selection.listed is None and not selection.all_cells(model.schedule):
        among = f"the sample of {selection.sample} from " if selection.sample else ""
        raise InvalidValue(
            f"Nothing is asked for: none of the chosen checkpoints of {model.name} had seen a sequence of {among}"
            f"{selection.sequences}; choose later steps, or --unseen."
        )
    return chosen


def runnable_steps(model: Model, *, allow_suspect: bool = False) -> tuple[tuple[int, ...], tuple[Checkpoint, ...]]:
    """The steps of all checkpoints that can be trusted, and the checkpoints that are left out.

    `allow_suspect` keeps those that are suspect.
    """
    stated = [checkpoint for checkpoint in model.checkpoints if checkpoint.reason != NO_LONGER_STATED]
    refused = _refused(allow_suspect)
    return (
        tuple(checkpoint.step for checkpoint in stated if checkpoint.status not in refused),
        tuple(checkpoint for checkpoint in stated if checkpoint.status in refused),
    )


def _check_order(model: Model, protocol: Protocol, selection: Selection) -> None:
    """Refuse a protocol or sequences that the model's order does not allow."""
    order = model.order
    # Without a vocabulary any id that fits a type is possible.
    protocol.check_fits(order.geometry.tokens_per_sequence, order.vocab_size or 2**31)
    order.geometry.bytes_of(selection.sequences)
    if model.altered_from_step is not None:
        unaltered = model.altered_from_step * model.schedule.sequences_per_batch
        if selection.sequences.stop > unaltered:
            raise InvalidValue(
                f"{model.name} was trained on altered batches from step {model.altered_from_step} on, so only sequences "
                f"0:{unaltered} of {order.name} are what it saw; ask for --sequences 0:{unaltered} or fewer."
            )


def _refused(allow_suspect: bool) -> tuple[str, ...]:
    return ("wrong", "missing") if allow_suspect else ("wrong", "missing", "suspect")


def check_runnable(model: Model, checkpoint: Checkpoint, *, allow_suspect: bool = False) -> Checkpoint:
    """The same checkpoint, where it can be trusted.

    Raises `UnknownCheckpoint`, naming the nearest that can, where it is wrong or missing, or suspect unless `allow_suspect`.
    """
    if checkpoint.status not in _refused(allow_suspect):
        return checkpoint
    steps, _ = runnable_steps(model, allow_suspect=allow_suspect)
    below = [step for step in steps if step < checkpoint.step][-1:]
    above = [step for step in steps if step > checkpoint.step][:1]
    nearest = [*below, *above]
    advice = "none of its checkpoints can be measured" if not nearest else f"measure {' or '.join(map(str, nearest))}"
    if below and above:
        advice += f", between which batches {below[0]} to {above[0] - 1} were trained on"
    if checkpoint.status == "suspect":
        advice += ", or measure it all the same with --allow-suspect"
    reason = (checkpoint.reason or "no reason is recorded").rstrip(".")
    raise UnknownCheckpoint(
        f"{model.name} at step {checkpoint.step} is {checkpoint.status}: {reason} ({checkpoint.source or 'its suite'}); "
        f"{advice}.",
        nearest=nearest,
    )
