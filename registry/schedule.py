"""A schedule: how one training run walks through its order, and which steps it saved.

It answers both directions of every mapping between steps, batches, sequences and checkpoints, by arithmetic alone:

    step -> batches, sequences        what has the checkpoint at step N consumed?      batches [0, N)
    sequence -> batch -> step         which update consumed it?                        batch b turns step b into b + 1
    sequence -> checkpoints           the first saved step that saw it, the last that had not

Hub revisions carry a *label*, which is not always the step: in Pythia's v0 runs with batches of 4M tokens the label is
twice the step (Pythia README; https://github.com/EleutherAI/pythia/issues/39). `labels_per_step` holds that factor, and
only `label`, `step_of_label` and `parse_step` know of it; everywhere else a step is a number of optimizer updates.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

from seenat.registry.errors import InvalidValue, UnknownBatch, UnknownCheckpoint
from seenat.registry.units import BatchRange, SequenceRange, parse_step, split_list

__all__ = ["LAST", "Schedule", "expand_template", "pythia_steps"]

LAST = ("last", "main")
"""Words for the last checkpoint; on the hub, the branch `main` holds it."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Sequences per batch, length, saved steps and revision names of one run.

    Raises `InvalidValue` unless the saved steps are ascending, distinct and within `[0, steps]`.
    """

    sequences_per_batch: int
    """S: how many sequences one optimizer update consumes."""
    steps: int
    """Optimizer updates of the whole run; its batches are `[0, steps)`."""
    saved: tuple[int, ...]
    """Steps that have a checkpoint, ascending."""
    labels_per_step: int = 1
    """What a revision's label counts: label = step * labels_per_step."""
    revision: str = "step{label}"
    """Revision or folder name of a checkpoint, with `{label}` or `{step}`."""

    def __post_init__(self) -> None:
        if self.sequences_per_batch < 1 or self.steps < 0 or self.labels_per_step < 1:
            raise InvalidValue(
                f"A schedule needs at least 1 sequence per batch, 0 steps and 1 label per step, "
                f"not {self.sequences_per_batch}, {self.steps} and {self.labels_per_step}."
            )
        if any(later <= earlier for earlier, later in zip(self.saved, self.saved[1:], strict=False)):
            raise InvalidValue("Saved steps must be ascending and distinct.")
        if self.saved and not 0 <= self.saved[0] <= self.saved[-1] <= self.steps:
            raise InvalidValue(f"Saved steps {self.saved[0]} to {self.saved[-1]} are not within 0 to {self.steps}.")

    def __repr__(self) -> str:
        return f"<Schedule of {self.steps:,} steps, {len(self.saved):,} saved, batches of {self.sequences_per_batch:,}>"

    @cached_property
    def _saved_set(self) -> frozenset[int]:
        return frozenset(self.saved)

    # -- step -> data

    def batches_seen(self, step: int) -> BatchRange:
        """The batches consumed by the first `step` updates: `[0, step)`."""
        return BatchRange(0, self._checked_step(step))

    def sequences_seen(self, step: int) -> SequenceRange:
        """The sequences consumed by the first `step` updates: `[0, step * S)`."""
        return SequenceRange(0, self._checked_step(step) * self.sequences_per_batch)

    def last_batch(self, step: int) -> int | None:
        """The batch whose update made `step` out of `step - 1`; None at step 0."""
        return self._checked_step(step) - 1 if step else None

    def next_batch(self, step: int) -> int | None:
        """The batch that turns `step` into `step + 1`; None at the end of the run."""
        return step if self._checked_step(step) < self.steps else None

    # -- data -> step

    def batch_of(self, sequence: int) -> int:
        """The batch that holds a sequence, whether or not the run got that far."""
        return sequence // self.sequences_per_batch

    def position_of(self, sequence: int) -> int:
        """The place of a sequence within its batch, from 0."""
        return sequence % self.sequences_per_batch

    def sequences_of(self, batch: int) -> SequenceRange:
        """The sequences of one batch of the run."""
        if not 0 <= batch < self.steps:
            consumed = f"batches 0 to {self.steps - 1}" if self.steps else "none"
            raise UnknownBatch(
                f"This run has no batch {batch}: it consumed {consumed}.",
                nearest=[max(0, min(batch, self.steps - 1))] if self.steps else [],
            )
        return SequenceRange(batch * self.sequences_per_batch, (batch + 1) * self.sequences_per_batch)

    def is_trained_on(self, sequence: int) -> bool:
        """Whether the whole run ever consumes this sequence."""
        return 0 <= sequence < self.steps * self.sequences_per_batch

    def first_checkpoint_after_batch(self, batch: int) -> int | None:
        """The first saved step that had consumed batch b: the smallest saved N with N >= b + 1; None when there is none."""
        if not 0 <= batch < self.steps:
            return None
        place = bisect_left(self.saved, batch + 1)
        return self.saved[place] if place < len(self.saved) else None

    def last_checkpoint_before_batch(self, batch: int) -> int | None:
        """The last saved step that had not consumed batch b: the largest saved N with N <= b; None when there is none."""
        place = bisect_right(self.saved, batch)
        return self.saved[place - 1] if place else None

    def first_checkpoint_seen(self, sequence: int) -> int | None:
        """The first saved step that had seen a sequence; None when no checkpoint has."""
        return self.first_checkpoint_after_batch(self.batch_of(sequence))

    def last_checkpoint_unseen(self, sequence: int) -> int | None:
        """The last saved step that had not seen a sequence; None when every checkpoint had."""
        return self.last_checkpoint_before_batch(self.batch_of(sequence))

    # -- checkpoints and their names

    def label(self, step: int) -> int:
        """The number in the revision name of a step."""
        return step * self.labels_per_step

    def revision_of(self, step: int) -> str:
        """The revision or folder name of a step, for example `step3000`."""
        return self.expand(self.revision, step)

    def expand(self, template: str, step: int) -> str:
        """A template of revisions or folders with its `{label}` and `{step}` filled in."""
        return expand_template(template, step, self.labels_per_step)

    def step_of_label(self, label: int) -> int:
        """The saved step that carries this label; raises `UnknownCheckpoint` with the saved neighbours otherwise."""
        step, rest = divmod(label, self.labels_per_step)
        if rest or step not in self._saved_set:
            nearest = [
                self.label(saved) for saved in self.neighbours_of(label / self.labels_per_step) if saved is not None
            ]
            raise UnknownCheckpoint(f"There is no checkpoint at step {label}; {_nearest(nearest)}.", nearest, step=step)
        return step

    def parse_step(self, text: int | str) -> float:
        """The updates of a step as it is typed: a number of them, a revision `step3000`, or `last`, saved or not.

        A label that lies between two updates is no whole number.
        """
        words = str(text).strip().lower()
        if words in LAST and self.saved:
            return self.saved[-1]
        number = parse_step(text)
        return number if words[:1].isdecimal() or self.labels_per_step == 1 else number / self.labels_per_step

    def parse_steps(self, text: str) -> BatchRange:
        """The steps of a half-open range as it is typed: `64:128`, `step64:`, `:last`."""
        first, colon, last = text.partition(":")
        start = self._whole_step(first) if first.strip() else 0
        stop = self._whole_step(last) if last.strip() else self.steps + 1
        if not colon or not start < stop <= self.steps + 1:
            raise InvalidValue(
                f"{text} is not a range of steps of this run, which ends at step {self.steps}; write START:STOP."
            )
        return BatchRange(start, stop)

    def parse_saved(self, text: str) -> list[int | str]:
        """The steps that a list names, with the saved ones of each range in it: `1,2,64:128,last`."""
        return [step for part in split_list(text) for step in (self._saved_in(part) if ":" in part else [part])]

    def _saved_in(self, text: str) -> list[int | str]:
        steps = self.parse_steps(text)
        saved: list[int | str] = [step for step in self.saved if step in steps]
        if not saved:
            raise UnknownCheckpoint(f"No checkpoint was saved in steps {steps}; {_nearest(self._around(steps))}.")
        return saved

    def _around(self, steps: BatchRange) -> list[int]:
        return [step for step in self.neighbours_of(steps.start) if step is not None]

    def _whole_step(self, text: str) -> int:
        step = self.parse_step(text)
        if step != int(step):
            raise InvalidValue(f"{text!r} lies between two steps of this run; write another step.")
        return int(step)

    def neighbours_of(self, step: float) -> tuple[int | None, int | None]:
        """The saved steps next to `step` on both sides, itself excluded; None where there is none."""
        below, above = bisect_left(self.saved, step), bisect_right(self.saved, step)
        return (
            self.saved[below - 1] if below else None,
            self.saved[above] if above < len(self.saved) else None,
        )

    def _checked_step(self, step: int) -> int:
        if not 0 <= step <= self.steps:
            raise UnknownCheckpoint(
                f"This run has no step {step}: it goes from 0 to {self.steps}.", self.saved[-1:], step=step
            )
        return step


def expand_template(template: str, step: int, labels_per_step: int) -> str:
    """A template of revisions or folders with its `{label}` and `{step}` filled in."""
    return template.replace("{label}", str(step * labels_per_step)).replace("{step}", str(step))


def _nearest(steps: list[int]) -> str:
    if not steps:
        return "the run saved none"
    return f"the nearest is {steps[0]}" if len(steps) == 1 else f"the nearest are {steps[0]} and {steps[1]}"


def pythia_steps() -> tuple[int, ...]:
    """The 154 steps that every main Pythia model saved: 0, 1, 2, 4, ..., 512 and 1000, 2000, ..., 143000 (README)."""
    return (0, *(2**power for power in range(10)), *range(1000, 143_001, 1000))
