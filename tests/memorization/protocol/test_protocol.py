"""Protocols: what they refuse, and that their names tell them apart."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.protocol.protocol import LONGEST_CONTINUATION, NOT_MEASURED, RECHECKED, Protocol
from seenat.registry.errors import InvalidValue

protocols = st.builds(
    Protocol,
    measure=st.sampled_from(["prefix", "score"]),
    dtype=st.sampled_from(["float32", "bfloat16", "float16"]),
    prompt=st.integers(1, 2048),
    continuation=st.integers(1, LONGEST_CONTINUATION),
    offset=st.integers(0, 2048),
    eos=st.sampled_from(["banned", "allowed"]),
    eos_id=st.integers(0, 60_000),
) | st.builds(Protocol, measure=st.just("loss"), eos=st.just("allowed"), continuation=st.integers(1, 2048))


def test_default_is_the_published_procedure() -> None:
    assert Protocol().to_json() == {
        "measure": "prefix", "prompt": 32, "continuation": 32, "offset": 0, "eos": "banned", "eos_id": 0,
        "dtype": "float32", "definition": 1,
    }  # fmt: skip
    assert Protocol().window == (0, 64)


def test_digest_of_the_default_never_changes() -> None:
    """Stored results are found by it; this one was taken with `sha256sum` from the JSON."""
    assert Protocol().digest == "sha256:243582cf555beac95547187b734cf075d9389a9bbd13ec52b60de038e862606e"
    assert Protocol().id == "243582cf555b"


@given(protocols)
def test_json_round_trip(protocol: Protocol) -> None:
    again = Protocol.from_json(json.loads(json.dumps(protocol.to_json())))
    assert again == protocol
    assert again.digest == protocol.digest
    assert again.digest.startswith("sha256:" + again.id)
    assert len(again.id) == 12


@given(protocols, protocols)
def test_digests_are_equal_only_for_equal_protocols(one: Protocol, other: Protocol) -> None:
    assert (one.digest == other.digest) == (one == other)


@given(protocols, st.integers(1, 6000), st.integers(1, 60_000))
def test_window_fits_exactly_when_every_column_exists(protocol: Protocol, tokens: int, vocab_size: int) -> None:
    start, stop = protocol.window
    assert len(range(start, stop)) == protocol.prompt + protocol.continuation == protocol.length
    if stop <= tokens and (protocol.eos == "allowed" or protocol.eos_id < vocab_size):
        protocol.check_fits(tokens, vocab_size)
    else:
        with pytest.raises(InvalidValue):
            protocol.check_fits(tokens, vocab_size)


def test_a_window_past_the_end_says_which_ids_it_wanted() -> None:
    with pytest.raises(InvalidValue, match="reads ids 10 to 73 of a sequence, but the order's sequences have 65"):
        Protocol(offset=10).check_fits(65, 1024)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("measure", "perplexity"), ("eos", "Banned"), ("dtype", "float64"), ("dtype", "half"), ("definition", 2), ("definition", "1"), ("definition", True),
        ("prompt", 0), ("prompt", -1), ("prompt", "32"), ("prompt", 32.0), ("prompt", True), ("continuation", 0),
        ("continuation", NOT_MEASURED), ("offset", -1), ("eos_id", -1), ("eos_id", None),
    ],
)  # fmt: skip
def test_values_without_a_meaning_are_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidValue, match=f"A protocol's {field} is "):
        replace(Protocol(), **{field: value})
    with pytest.raises(InvalidValue, match=f"A protocol's {field} is "):
        Protocol.from_json({**Protocol().to_json(), field: value})


@pytest.mark.parametrize("change", [{"extra": 1}, {"prompt": ...}])
def test_stored_fields_must_be_exactly_the_known_ones(change: dict[str, Any]) -> None:
    stored: dict[str, Any] = {**Protocol().to_json(), **change}
    stored = {name: value for name, value in stored.items() if value is not ...}
    with pytest.raises(InvalidValue, match="fields differ in"):
        Protocol.from_json(stored)


def test_what_is_rechecked_has_an_id_of_its_own_and_loads_single_precision() -> None:
    rechecked = Protocol(dtype=RECHECKED)
    assert len({Protocol(dtype=dtype).id for dtype in ("float32", "bfloat16", "float16", RECHECKED)}) == 4
    assert [Protocol(dtype=dtype).weights for dtype in ("float32", "bfloat16", "float16")] == [
        "float32", "bfloat16", "float16",
    ]  # fmt: skip
    assert rechecked.weights == "float32"
    assert Protocol.from_json(rechecked.to_json()) == rechecked


def test_only_prefixes_are_rechecked() -> None:
    with pytest.raises(InvalidValue, match="measures only the prefix, not the score"):
        Protocol(dtype=RECHECKED, measure="score")


def test_loss_bans_nothing_and_its_continuation_may_be_any_length() -> None:
    with pytest.raises(InvalidValue, match="measure 'loss' has eos 'allowed', not 'banned'"):
        Protocol(measure="loss")
    assert Protocol(measure="loss", eos="allowed", prompt=1, continuation=2048).window == (0, 2049)
    with pytest.raises(InvalidValue, match="at most 254 ids, not 255"):
        Protocol(continuation=255)


@pytest.mark.parametrize(
    ("eos_id", "measure", "eos", "expected"),
    [
        (0, "prefix", None, Protocol()),
        (7, "score", None, Protocol(measure="score", eos_id=7)),
        (7, "prefix", "allowed", Protocol(eos="allowed", eos_id=7)),
        (None, "prefix", None, Protocol(eos="allowed")),
        (None, "prefix", "banned", Protocol(eos="allowed")),
        (7, "loss", None, Protocol(measure="loss", eos="allowed", eos_id=7)),
        (None, "loss", None, Protocol(measure="loss", eos="allowed")),
    ],
)
def test_the_usual_protocol_follows_measure_and_order(
    eos_id: int | None, measure: str, eos: str | None, expected: Protocol
) -> None:
    assert Protocol.default_for(eos_id, measure, eos) == expected


def test_memorized_is_all_of_the_continuation_and_nothing_by_loss() -> None:
    assert Protocol(continuation=8).memorized(np.array([7, 8, NOT_MEASURED], np.uint8)).tolist() == [False, True, False]
    losses = np.full((3, 2, 4), 8, np.float32)
    loss = Protocol.default_for(0, "loss", continuation=8)
    assert loss.memorized(losses).shape == (3, 2)
    assert not loss.memorized(losses).any()


@pytest.mark.parametrize(
    ("protocol", "options"),
    [
        (Protocol(), ""),
        (Protocol(eos_id=5), ""),
        (Protocol(eos="allowed", offset=3), " --offset 3 --eos allowed"),
        (Protocol(prompt=8, continuation=16, dtype="bfloat16"), " --prompt 8 --continuation 16 --dtype bfloat16"),
        (Protocol.default_for(0, "loss", prompt=8), " --measure loss --prompt 8"),
        (Protocol.default_for(0, "score"), " --measure score"),
    ],
)
def test_options_ask_for_a_protocol(protocol, options):
    assert protocol.options == options
