"""What a pocket suite consists of: sizes, repetition classes, saved steps, models, and how they are trained.

`POCKET` is the suite itself; other values make smaller or longer suites of the same kind. A configuration is plain numbers:
it goes to the training processes as JSON, and its digest tells a finished suite from that of another configuration.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from seenat.registry.errors import InvalidValue
from seenat.registry.schedule import Schedule
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["POCKET", "PocketConfig", "PocketModel", "RepetitionClass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketModel:
    """One GPT-NeoX model and its learning rate."""

    name: str
    size: str
    """The size class as people write it, for example `230k`."""
    layers: int
    width: int
    heads: int
    learning_rate: float
    """The peak; the best one falls with the width."""

    def parameters(self, vocab_size: int) -> int:
        """All parameters: L (12 d^2 + 13 d) + 2 d in the layers and the last norm, and 2 V d in the untied embeddings."""
        return self.layers * (12 * self.width**2 + 13 * self.width) + 2 * self.width + 2 * vocab_size * self.width


@dataclass(frozen=True, slots=True)
class RepetitionClass:
    """So many distinct sequences, each of them so many times in the order."""

    times: int
    sequences: int


@dataclass(frozen=True, kw_only=True)
class PocketConfig:
    """Everything that decides the content of a pocket suite, apart from seed and corpus.

    Raises `InvalidValue` unless trained and unseen sequences fill whole batches and the last step is saved.
    """

    models: tuple[PocketModel, ...]
    repetitions: tuple[RepetitionClass, ...]
    saved: tuple[int, ...]
    """Steps that have a checkpoint, ascending; the last ends the run."""
    unseen: int
    """Sequences that follow the trained ones in the order and that no step reaches: controls."""
    vocab_size: int = 1024
    tokens_per_sequence: int = 65
    sequences_per_batch: int = 8
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    """Of the matrices; biases and norms do not decay."""
    gradient_clipping: float = 1.0
    warmup_share: float = 0.01
    final_share: float = 0.1
    """The last learning rate, as a share of the peak."""

    def __post_init__(self) -> None:
        if self.trained % self.sequences_per_batch or self.unseen % self.sequences_per_batch:
            raise InvalidValue(
                f"{self.trained} trained and {self.unseen} unseen sequences do not fill batches of {self.sequences_per_batch}."
            )
        if not self.saved or self.schedule.saved[-1] != self.steps:
            raise InvalidValue(
                f"The last of {self.steps} steps must be saved, or the steps after {self.saved[-1:]} are lost."
            )

    @property
    def distinct(self) -> int:
        """Number of different sequences in the trained part."""
        return sum(planted.sequences for planted in self.repetitions)

    @property
    def trained(self) -> int:
        """Number of sequences that the run consumes, repetitions counted."""
        return sum(planted.times * planted.sequences for planted in self.repetitions)

    @property
    def sequences(self) -> int:
        """Number of sequences in the order: the trained ones, then the unseen ones."""
        return self.trained + self.unseen

    @property
    def steps(self) -> int:
        """Optimizer updates of each run."""
        return self.trained // self.sequences_per_batch

    @property
    def warmup_steps(self) -> int:
        """Updates before the learning rate reaches its peak; at least 1."""
        return max(1, int(self.steps * self.warmup_share))

    @property
    def schedule(self) -> Schedule:
        """How each run walks through the order; checks the saved steps."""
        return Schedule(sequences_per_batch=self.sequences_per_batch, steps=self.steps, saved=self.saved)

    def learning_rate(self, model: PocketModel, step: int) -> float:
        """The rate of the update that turns `step` into `step + 1`: linear warm-up, then a cosine to `final_share`."""
        if step < self.warmup_steps:
            # Unlike Pythia's runs, whose first update has rate 0, the first checkpoints differ from each other.
            return model.learning_rate * (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        share = self.final_share + (1 - self.final_share) * (1 + math.cos(math.pi * done)) / 2
        return model.learning_rate * share

    def model(self, name: str) -> PocketModel:
        """The model of this name."""
        return next(model for model in self.models if model.name == name)

    def digest(self) -> str:
        """A tagged digest of every field."""
        return sha256_of_bytes(json.dumps(self.to_json(), sort_keys=True).encode())

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values; `from_json` gives the configuration back."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        parsed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        parsed["models"] = tuple(PocketModel(**model) for model in fields["models"])
        parsed["repetitions"] = tuple(RepetitionClass(**planted) for planted in fields["repetitions"])
        return cls(**parsed)


# Chosen among some 30 configurations by what two cores memorize in half a minute: batches of 8 sequences beat batches of
# 32, 65 ids beat 129, width beats depth, and a vocabulary of 1,024 beats 512. Each repetition class fills 512 places.
POCKET = PocketConfig(
    models=(
        PocketModel(name="pocket-230k", size="230k", layers=2, width=64, heads=4, learning_rate=8e-3),
        PocketModel(name="pocket-660k", size="660k", layers=2, width=128, heads=4, learning_rate=6e-3),
        PocketModel(name="pocket-2m", size="2m", layers=2, width=256, heads=8, learning_rate=3e-3),
    ),
    repetitions=tuple(RepetitionClass(times, 512 // times) for times in (64, 32, 16, 8, 4, 1)),
    saved=(0, *(2**power for power in range(7)), 128, 192, 256, 320, 384),
    unseen=512,
)
