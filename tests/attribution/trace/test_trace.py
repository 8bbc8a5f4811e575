"""Traces through the catalog: the pocket suite's planted repetitions, at the steps that consumed them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import seenat
from seenat import Coverage, Traced, TracedSpan
from seenat.registry.errors import InvalidValue, NotIndexed
from seenat.registry.units import SequenceRange

ORDER, MODEL, PER_BATCH = "pocket-order", "pocket-2m", 8


@pytest.fixture(scope="module")
def rows(pocket: seenat.Catalog) -> np.ndarray:
    order = pocket.order(ORDER)
    return order.source().tokens(order.sequences)


def copies(rows: np.ndarray, sequence: int) -> list[int]:
    """The sequences of the same ids."""
    return np.flatnonzero((rows == rows[sequence]).all(axis=1)).tolist()


def test_every_repetition_of_a_sequence_is_found_at_its_step(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    for sequence in (0, 77, 1500, 3000):
        due = [copy for copy in copies(rows, sequence) if copy < 3072]
        traced = pocket.trace(rows[sequence].tolist(), model=MODEL, exposures=100)
        (span,) = traced.spans
        assert (span.start, span.stop, span.count, span.frequent, span.run) == (0, 65, len(due), False, False)
        assert [exposure.sequence for exposure in span.exposures] == due
        for exposure in span.exposures:
            assert (exposure.offset, exposure.batch) == (0, exposure.sequence // PER_BATCH)
            assert exposure.step == exposure.batch + 1
            assert exposure.last_checkpoint_unseen < exposure.step <= exposure.first_checkpoint_seen


def test_a_checkpoint_has_exposures_of_what_it_had_seen_alone(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    # A sequence that is repeated, and new to the middle of the run.
    sequence = next(row for row in range(600, 1200) if copies(rows, row)[0] == row and len(copies(rows, row)) > 3)
    for step in (0, 1, 64, 128, 192, 256, 320, 384):
        traced = pocket.trace(rows[sequence].tolist(), model=MODEL, step=step, exposures=100)
        whole = [span for span in traced.spans if (span.start, span.stop) == (0, 65)]
        due = [copy for copy in copies(rows, sequence) if copy < step * PER_BATCH]
        assert [exposure.sequence for span in whole for exposure in span.exposures] == due
        assert traced.coverage.sequences == SequenceRange(0, step * PER_BATCH)
        assert traced.coverage.complete


def test_an_order_counts_what_no_model_was_trained_on(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    (span,) = pocket.trace(rows[3500].tolist(), order=ORDER, exposures=1).spans
    assert span.exposures[0].step == span.exposures[0].batch + 1
    assert span.exposures[0].first_checkpoint_seen is None
    assert span.count == len(copies(rows, 3500))
    assert not [each for each in pocket.trace(rows[3500].tolist(), model=MODEL).spans if each.stop - each.start == 65]


def test_a_text_is_cut_where_its_spans_begin_and_end(pocket: seenat.Catalog) -> None:
    known = pocket.sequence(ORDER, 700, decode=True).texts[0][20:160]
    text = f"Nobody wrote <this> \N{SNOWMAN} before: {known} and zyxwv after it"
    traced = pocket.trace(text, model=MODEL)
    assert traced.text == "".join(piece for piece, _ in traced.pieces()) == text
    rarest = traced.spans[0]
    assert rarest.text is not None
    assert rarest.text in known
    assert len(rarest.text) > 100
    assert rarest.characters is not None
    assert text[rarest.characters.start : rarest.characters.stop] == rarest.text
    assert rarest.ids == traced.ids[rarest.start : rarest.stop]
    assert [piece for piece, span in traced.pieces() if span is rarest] == [rarest.text]
    by_ids = pocket.trace(list(traced.ids), model=MODEL)
    assert [(span.start, span.stop, span.count) for span in by_ids.spans] == [
        (span.start, span.stop, span.count) for span in traced.spans
    ]
    assert "".join(piece for piece, _ in by_ids.pieces()) == by_ids.text == text
    assert [span.text for span in by_ids.spans] == [span.text for span in traced.spans]


def test_spans_come_by_rarity_which_grows_with_length_and_rare_ids(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    text = [*rows[40, :30].tolist(), 1, 2, 3, *rows[300, 5:60].tolist(), 3, 2, 1, *rows[1000, 30:50].tolist()]
    spans = pocket.trace(text, model=MODEL).spans
    assert len(spans) >= 3
    rarities = [span.rarity for span in spans]
    assert rarities == sorted(rarities, reverse=True)
    counts = np.bincount(rows.reshape(-1), minlength=1 << 16) + 1
    due = -np.log(counts[list(spans[0].ids)] / counts.sum()).sum()
    assert spans[0].rarity == pytest.approx(due, abs=0.01)  # The whole order is shorter than what is counted of it.


def test_gapped_spans_name_the_ids_that_differ(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    text = rows[1500].copy()
    text[20], text[40] = (text[20] + 1) % 1024, (text[40] + 1) % 1024
    due = [copy for copy in copies(rows, 1500) if copy < 3072]
    traced = pocket.trace(text.tolist(), model=MODEL, gaps=2, exposures=100)
    (span,) = [span for span in traced.gapped if (span.start, span.stop) == (0, 65)]
    assert span.count == len(due)
    assert [exposure.sequence for exposure in span.exposures] == due
    assert {exposure.differing for exposure in span.exposures} == {(20, 40)}
    assert span.to_json()["exposures"][0]["differing"] == [20, 40]
    assert "differing" not in traced.spans[0].to_json()["exposures"][0]


@pytest.fixture(scope="module")
def partly_dense(tmp_path_factory: pytest.TempPathFactory, pocket_file: Path) -> Iterator[seenat.Catalog]:
    """An index of window 8 over batches 100 to 300, and a dense one over the first 200."""
    with seenat.open(str(shutil.copy(pocket_file, tmp_path_factory.mktemp("dense")))) as catalog:
        with pytest.raises(NotIndexed, match=f"seenat index build {ORDER}"):
            catalog.trace([1] * 20, order=ORDER)
        catalog.index.build(ORDER, batches="100:300", workers=1)
        with pytest.raises(InvalidValue, match=r"at least 8, or build a denser index: .* --window 2"):
            catalog.trace([1] * 20, order=ORDER, minimum=5)
        catalog.index.build(ORDER, batches=":200", window=1, workers=1)
        yield catalog


def test_an_answer_says_what_it_covers(partly_dense: seenat.Catalog, pocket: seenat.Catalog, rows: np.ndarray) -> None:
    text = [*rows[40, :30].tolist(), 1, 2, 3, *rows[300, 5:60].tolist(), *rows[2000, :40].tolist()]
    for minimum, stop in ((5, 1600), (11, 2400)):
        traced = partly_dense.trace(text, order=ORDER, minimum=minimum, exposures=10_000)
        assert traced.coverage.exact == (SequenceRange(0, stop),)
        assert traced.coverage.missing == (SequenceRange(stop, 3584),)
        assert not traced.coverage.complete
        assert all(exposure.sequence < stop for span in traced.spans for exposure in span.exposures)
    whole = pocket.trace(text, order=ORDER, minimum=11, exposures=10_000)
    # What the parts find together is what one index finds, as far as they reach.
    due = {
        (span.start, span.stop): [each.sequence for each in span.exposures if each.sequence < 2400]
        for span in whole.spans
    }
    found = {(span.start, span.stop): [each.sequence for each in span.exposures] for span in traced.spans}
    assert {span: places for span, places in due.items() if places}.items() <= found.items()


def test_ids_without_a_tokenizer_are_their_own_text() -> None:
    traced = Traced(
        text=None,
        order="mine",
        model=None,
        step=None,
        coverage=Coverage(
            sequences=SequenceRange(0, 1), exact=(), lower_bound=(), missing=(), altered_from_step=None, complete=False
        ),
        minimum=2,
        max_frequency=None,
        gaps=0,
        ids=(7, 100, 20, 3),
        spans=(_span(1, 3, 5.0, frequent=False), _span(2, 4, 9.0, frequent=True)),
        gapped=(),
    )
    assert [(text, span and span.start) for text, span in traced.pieces()] == [("7 ", None), ("100 20", 1), (" 3", 2)]
    assert [traced.level(span) for span in traced.spans] == [3, 0]


def _span(start: int, stop: int, rarity: float, *, frequent: bool) -> TracedSpan:
    return TracedSpan(
        start=start,
        stop=stop,
        ids=(),
        text=None,
        characters=None,
        count=None if frequent else 1,
        rarity=rarity,
        frequent=frequent,
        run=False,
        exposures=(),
    )


def test_tracing_loads_no_torch(pocket: seenat.Catalog) -> None:
    program = f"""
import sys, seenat
with seenat.open({str(pocket._registry.database.url)!r}) as catalog:
    assert catalog.trace("torch.distributed needs a process group", model={MODEL!r}).ids
assert not {{"torch", "transformers"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_options_that_cannot_be_are_refused(pocket: seenat.Catalog, tmp_path: Path) -> None:
    for options in ({"minimum": 0}, {"max_frequency": 0}, {"gaps": -1}, {"exposures": -1}):
        with pytest.raises(InvalidValue, match=next(iter(options))):
            pocket.trace([1, 2, 3], order=ORDER, **options)
    with pytest.raises(InvalidValue, match="characters is too long"):
        pocket.trace("a" * 5_000_000, order=ORDER)
    for name in ("page.txt", "missing/page.html"):
        with pytest.raises(InvalidValue):
            pocket.trace([1, 2, 3], order=ORDER, html=tmp_path / name)
    with pytest.raises(InvalidValue, match="say which one with --model"):
        pocket.trace([1, 2, 3], order=ORDER, step=3)


@pytest.mark.parametrize("wrong", [-1, 1 << 16, 10**18, 1 << 64, -(1 << 64)])
def test_numbers_that_are_no_ids_are_told_before_anything_is_read(pocket: seenat.Catalog, wrong: int) -> None:
    with pytest.raises(seenat.InvalidValue, match=f"{wrong} is not an id"):
        pocket.trace([3, wrong, 4], order="pocket-order")
