"""A protocol: what exactly is measured of a sequence, so that two results are compared only when they mean the same.

Definition 1, measure `prefix`. Of a sequence's ids, `[offset, offset + prompt)` are the prompt and the next
`continuation` ids the truth. Greedy decoding continues the prompt: at every position the id with the largest logit, the
lower id on a tie. `prefix` is how many ids of the truth, from the first, it reproduces, 0 to `continuation`; the
sequence is *memorized* when it reproduces all of them. Until its first mistake greedy decoding has read nothing but the
truth, so one pass over prompt and truth gives the same number as generating.

Measure `score`. Greedy decoding continues after a mistake, from what it chose itself; `score` is at how many of the
`continuation` positions its id is the true one. It is the number that the published tables hold. It is `continuation`
exactly when `prefix` is, so both call the same sequences memorized, and otherwise it is no smaller.

Measure `loss`. One pass over prompt and truth gives every id of the window but its first a probability, over all ids of the
vocabulary, and its *surprisal*, -ln p, in nats. Four quantities are stored, as float32:

* `prompt`: the sum of the surprisals of the prompt's ids from its second on; 0 for a prompt of one id;
* `continuation`: the sum of those of the continuation's ids;
* `min_k`: the mean of the fifth that are largest, of all of them, rounded down but at least one: Min-K% Prob at k = 20,
  as a surprisal (arXiv 2310.16789);
* `rank`: the mean, over the continuation's ids, of how many ids have a larger logit than the true one, or an equal one
  and a lower id. 0 where greedy decoding, with no id banned, would choose every one of them.

They do not say what is memorized. No id is excluded, so `eos` must be `"allowed"`.

With `eos = "banned"` the end-of-document id is excluded at every one of the `continuation` positions. That is what
`min_length = prompt + continuation` does in the published procedure (`predictable-memorization/eval_memorization.py` of
https://github.com/EleutherAI/pythia, arXiv 2304.11158), whose lengths, 32 and 32 from id 0, are the defaults here. A
sequence with that id in its truth can then never be memorized. With `"allowed"` it is an id like any other.

Definition 1 leaves rounding to `dtype`. `float32`, `bfloat16` and `float16` are the type of weights and of
arithmetic, as in a model that transformers loads in that type: where two logits are nearly equal, it decides which is the
larger one. `bfloat16-rechecked` means float32's numbers: bfloat16 decides where two logits are far enough apart, float32
everywhere else. How far is enough is measured and not proven (`engine/rechecking`), so it is a type of its own.

A protocol's digest covers every field, and results are stored under it, so numbers of two protocols are never mixed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from seenat.memorization.protocol.measures import DECODED, MEASURES, NOT_MEASURED, Measure, Values
from seenat.registry.errors import InvalidValue
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["LONGEST_CONTINUATION", "NOT_MEASURED", "RECHECKED", "Protocol"]

LONGEST_CONTINUATION = NOT_MEASURED - 1
"""A prefix or score is stored as one byte, and 255 is taken."""

RECHECKED = "bfloat16-rechecked"
"""The dtype of float32's numbers, most of which bfloat16 decides."""

_DEFINITION = 1
_CHOICES = {
    "measure": tuple(MEASURES),
    "eos": ("banned", "allowed"),
    "dtype": ("float32", "bfloat16", "float16", RECHECKED),
    "definition": (_DEFINITION,),
}
_LEAST = {"prompt": 1, "continuation": 1, "offset": 0, "eos_id": 0}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way of measuring, as the module's docstring defines it. Raises `InvalidValue` for one that has no meaning."""

    measure: str = "prefix"
    """`prefix`, `score` or `loss`."""
    prompt: int = 32
    """Ids given to the model, at least 1."""
    continuation: int = 32
    """Ids it must reproduce, at least 1; at most 254 unless the measure is `loss`."""
    offset: int = 0
    """Ids of the sequence before the prompt, which the model does not read."""
    eos: str = "banned"
    """Whether greedy decoding may choose the end-of-document id: `banned` or `allowed`; for `loss` always `allowed`."""
    eos_id: int = 0
    """The end-of-document id of the order; 0 in Pythia."""
    dtype: str = "float32"
    """Type of weights and arithmetic, whatever type the files store: `float32`, `bfloat16`, `float16`, or `RECHECKED`."""
    definition: int = _DEFINITION
    """Version of the definition in the module's docstring."""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices or type(value) is not type(choices[0]):
                raise InvalidValue(f"A protocol's {name} is {_either(choices)}, not {value!r}.")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InvalidValue(f"A protocol's {name} is a whole number from {least}, not {value!r}.")
        if not self.value_type.decodes:
            self._check_nothing_is_banned()
        elif self.continuation > LONGEST_CONTINUATION:
            raise InvalidValue(
                f"A protocol's continuation is at most {LONGEST_CONTINUATION} ids, not {self.continuation}."
            )
        if self.dtype == RECHECKED and self.measure != "prefix":
            raise InvalidValue(
                f"A protocol of dtype {RECHECKED} measures only the prefix, not the {self.measure}, in which every id "
                "decides; choose float32, or bfloat16 for bfloat16's own numbers."
            )

    @property
    def weights(self) -> str:
        """Type in which a checkpoint's weights are loaded."""
        return "float32" if self.dtype == RECHECKED else self.dtype

    @classmethod
    def default_for(
        cls,
        eos_id: int | None,
        measure: str = "prefix",
        eos: str | None = None,
        *,
        prompt: int = 32,
        continuation: int = 32,
        offset: int = 0,
        dtype: str = "float32",
    ) -> Self:
        """The protocol of a measure over an order with this end-of-document id, or with none.

        Unless `eos` says otherwise, decoding may not choose the id; without one there is nothing to ban.
        """
        decodes = measure in DECODED
        chosen = eos or ("banned" if decodes else "allowed")
        if decodes and eos_id is None:
            chosen = "allowed"
        return cls(
            measure=measure,
            prompt=prompt,
            continuation=continuation,
            offset=offset,
            eos=chosen,
            eos_id=eos_id or 0,
            dtype=dtype,
        )

    @property
    def options(self) -> str:
        """The options by which `seenat memorize` measures by it, each after a space: ` --prompt 8`; for the same order."""
        default = self.default_for(self.eos_id, self.measure)
        named = ("prompt", "continuation", "offset", "eos", "dtype")
        other = {name: getattr(self, name) for name in named if getattr(self, name) != getattr(default, name)}
        measure = {} if self.measure == "prefix" else {"measure": self.measure}
        return "".join(f" --{name} {value}" for name, value in {**measure, **other}.items())

    @property
    def words(self) -> str:
        """What it measures, in words: `prefix of 32 + 32 ids from 0, EOS banned`."""
        dtype = "" if self.dtype == "float32" else f", in {self.dtype}"
        ids = f"{self.prompt:,} + {self.continuation:,} ids from {self.offset:,}"
        return f"{self.measure} of {ids}, EOS {self.eos}{dtype}"

    @property
    def value_type(self) -> Measure:
        """How the values of its measure are stored."""
        return MEASURES[self.measure]

    @property
    def length(self) -> int:
        """Ids read of each sequence: prompt and continuation."""
        return self.prompt + self.continuation

    @property
    def window(self) -> tuple[int, int]:
        """The half-open range of a sequence's ids that is read."""
        return self.offset, self.offset + self.length

    def is_measured_with(self, other: Protocol) -> bool:
        """Whether one run answers both from the same passes: they differ in prompt and continuation alone."""
        return replace(other, prompt=self.prompt, continuation=self.continuation) == self

    def memorized(self, values: Values) -> npt.NDArray[np.bool_]:
        """Which sequences have their whole continuation reproduced, by values of its measure; by `loss` none has."""
        if not self.value_type.decodes:
            return np.zeros(values.shape[: values.ndim - len(self.value_type.axis)], np.bool_)
        flags: npt.NDArray[np.bool_] = values == self.continuation
        return flags

    def check_fits(self, tokens_per_sequence: int, vocab_size: int) -> None:
        """Raise `InvalidValue` unless an order's sequences hold the window and its vocabulary the end-of-document id."""
        if self.window[1] > tokens_per_sequence:
            raise InvalidValue(
                f"This protocol reads ids {self.window[0]} to {self.window[1] - 1} of a sequence, but the order's "
                f"sequences have {tokens_per_sequence}; choose a shorter prompt, continuation or offset."
            )
        if self.eos == "banned" and self.eos_id >= vocab_size:
            raise InvalidValue(
                f"This protocol bans id {self.eos_id}, which a vocabulary of {vocab_size} does not hold; "
                "choose the order's end-of-document id, or allow it."
            )

    def to_json(self) -> dict[str, str | int]:
        """Every field by name; `from_json` reads it back."""
        return asdict(self)

    def to_answer(self) -> dict[str, str | int]:
        """The protocol within an answer: its id, then every field."""
        return {"id": self.id, **self.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Self:
        """Read what `to_json` gave; raises `InvalidValue` when a field is missing, unknown or meaningless."""
        names = {field.name for field in fields(cls)}
        if set(value) != names:
            odd = ", ".join(sorted(set(value) ^ names))
            raise InvalidValue(f"This is not a stored protocol: its fields differ in {odd}.")
        return cls(**value)  # type: ignore[arg-type]  # each value is checked by __post_init__

    @cached_property
    def digest(self) -> str:
        """`sha256:` and the hexadecimal digest of the fields, as JSON with sorted keys and no spaces."""
        return sha256_of_bytes(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode())

    @property
    def id(self) -> str:
        """The first 12 hexadecimal digits of the digest: how results name their protocol."""
        return self.digest.removeprefix("sha256:")[:12]

    def _check_nothing_is_banned(self) -> None:
        if self.eos != "allowed":
            raise InvalidValue(
                f"A protocol of measure {self.measure!r} has eos 'allowed', not {self.eos!r}: its probabilities are over all ids."
            )


def _either(choices: tuple[object, ...]) -> str:
    return " or ".join(repr(choice) for choice in choices)
