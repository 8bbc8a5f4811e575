"""What a checkpoint writes, and that it traces back to what the checkpoint had learned it from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import seenat
from seenat.registry.errors import InvalidValue, UnknownCheckpoint

MODEL, ORDER = "pocket-2m", "pocket-order"
pytestmark = pytest.mark.needs_torch


@pytest.fixture(scope="module")
def rows(pocket: seenat.Catalog) -> np.ndarray:
    order = pocket.order(ORDER)
    return order.source().tokens(order.sequences)


def test_a_memorized_continuation_leads_to_its_sequence(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    # The sequences that are repeated most are memorized in the end.
    _, first, counts = np.unique(rows[:3072], axis=0, return_index=True, return_counts=True)
    sequence = int(first[np.argmax(counts)])
    prompt = rows[sequence, :32].tolist()
    made = pocket.generate(MODEL, 384, prompt, length=32, trace={"exposures": 100})
    assert list(made.continuation_ids) == rows[sequence, 32:64].tolist()
    assert made.trace is not None
    (whole,) = [span for span in made.trace.spans if (span.start, span.stop) == (0, 64)]
    due = np.flatnonzero((rows[:3072, :64] == rows[sequence, :64]).all(axis=1))
    assert [exposure.sequence for exposure in whole.exposures] == due.tolist()
    assert {exposure.offset for exposure in whole.exposures} == {0}
    # The checkpoint at step 0 had seen nothing, and what it writes is not in the order.
    empty = pocket.generate(MODEL, 0, prompt, length=32, trace=True)
    assert empty.trace is not None
    assert (empty.trace.spans, empty.trace.coverage.sequences.stop) == ((), 0)
    assert pocket.trace(list(made.all_ids), model=MODEL, step=0).spans == ()
    before = max(step for step in pocket.model(MODEL).schedule.saved if step * 8 <= due[0])
    seen = pocket.trace(list(made.all_ids), model=MODEL, step=before).spans
    assert not [span for span in seen if (span.start, span.stop) == (0, 64)]


def test_texts_and_ids_are_continued_alike(pocket: seenat.Catalog) -> None:
    made = pocket.generate(MODEL, 384, "The default process group", length=12)
    assert made.prompt == "The default process group"
    again = pocket.generate(MODEL, "step384", list(made.prompt_ids), length=12)
    assert (again.continuation_ids, again.continuation) == (made.continuation_ids, made.continuation)
    assert "trace" not in made.to_json()


def test_draws_depend_on_the_seed_alone(pocket: seenat.Catalog) -> None:
    drawn = [
        pocket.generate(MODEL, 64, [5, 6, 7], length=20, temperature=1.0, seed=seed).continuation_ids
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    cold = pocket.generate(MODEL, 64, [5, 6, 7], length=20, temperature=1e-4, seed=3)
    assert cold.continuation_ids == pocket.generate(MODEL, 64, [5, 6, 7], length=20).continuation_ids


def test_spans_that_end_within_the_prompt_are_left_out(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    prompt = [*rows[40, :30].tolist(), 7, 900, 7, 900]
    made = pocket.generate(MODEL, 384, prompt, length=20, trace=True)
    assert pocket.trace(prompt, model=MODEL).spans
    assert made.trace is not None
    assert all(span.stop > len(prompt) for span in made.trace.spans)


@pytest.mark.parametrize("prompt", ["", [], [1024], [-1], [1] * 60])
def test_prompts_that_do_not_fit_are_refused(pocket: seenat.Catalog, prompt: str | list[int]) -> None:
    with pytest.raises(InvalidValue):
        pocket.generate(MODEL, 384, prompt, length=32)


def test_options_that_cannot_be_are_refused(pocket: seenat.Catalog) -> None:
    for options in ({"length": 0}, {"temperature": -1.0}, {"temperature": float("nan")}, {"device": "nowhere"}):
        with pytest.raises(InvalidValue):
            pocket.generate(MODEL, 384, [1, 2], **options)


def test_checkpoints_that_cannot_be_trusted_are_refused(pocket: seenat.Catalog) -> None:
    wrong = pocket.checkpoints(statuses=["wrong"])[0]
    with pytest.raises(UnknownCheckpoint, match="is wrong"):
        pocket.generate(wrong.model, wrong.step, [1, 2], allow_suspect=True)
    with pytest.raises(UnknownCheckpoint, match="no checkpoint at step 65"):
        pocket.generate(MODEL, 65, [1, 2])


@pytest.fixture
def altered(tmp_path: Path, pocket_manifest: Path) -> Iterator[seenat.Catalog]:
    """A copy of the pocket suite, registered, of which a checkpoint has other weights since."""
    import shutil

    shutil.copytree(pocket_manifest.parent, tmp_path / "suite")
    with seenat.open(str(tmp_path / "catalog.sqlite")) as catalog:
        catalog.register(tmp_path / "suite" / "SUITE.toml")
        folders = {step: next((tmp_path / "suite").rglob(f"pocket-2m/step{step}")) for step in (64, 128)}
        shutil.copy(folders[64] / "model.safetensors", folders[128] / "model.safetensors")
        yield catalog


def test_a_checkpoint_with_other_weights_than_recorded_is_refused(altered: seenat.Catalog) -> None:
    assert altered.generate(MODEL, 64, [1, 2, 3], length=2).continuation_ids
    with pytest.raises(seenat.NotIndexed, match="seenat index build pocket-order"):
        altered.generate(MODEL, 128, [1, 2, 3], trace=True)
    with pytest.raises(seenat.CorruptFile, match="is not what pocket-2m at step 128 was"):
        altered.generate(MODEL, 128, [1, 2, 3], length=2)
