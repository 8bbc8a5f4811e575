"""Our results beside published ones, over values that are committed here as a job commits them. 5 seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.material.synthetic_suite import (
    CommittedResults,
    synthetic_model,
    synthetic_order,
    write_synthetic_suite,
)
from sqlalchemy import insert, update
from support.published import write_memorized, write_rows, write_sample

from seenat.memorization.protocol.protocol import NOT_MEASURED, Protocol
from seenat.memorization.published.compare import Comparison, compare
from seenat.memorization.published.importer import import_published
from seenat.memorization.published.result_sets import PUBLISHED_PROTOCOL, result_sets_of
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.specs import ModelSpec, OrderSpec
from seenat.registry.database.tables.imports import reference_counts, result_sets
from seenat.registry.errors import InvalidValue, NotMeasured
from seenat.registry.storage.digests import sha256_of_bytes
from seenat.registry.units import SequenceRange

SEQUENCES, BATCH, STEPS = 96, 8, 12
DIGEST = "sha256:" + "0" * 64
OURS = {1: 32, 2: 31, 3: 32, 5: 0, 40: 32, 47: 32, 50: 32}
"""Sequence -> prefix, measured at step 6, which had seen `0:48`."""


def _model(name: str, order: OrderSpec, batches: int) -> ModelSpec:
    """A run over the whole order, in batches of so many times 8 sequences; saved in the middle and at the end."""
    steps = STEPS // batches
    saved = (0, steps // 2, steps)
    return synthetic_model(
        name, order, saved, sequences_per_batch=BATCH * batches, digest=lambda _: DIGEST, status="ok"
    )


@pytest.fixture
def tiny(sqlite_catalog: Catalog) -> Catalog:
    """`pythia-4m` and its first release, of twice the batch, over 96 sequences."""
    order = synthetic_order("tiny", SEQUENCES, BATCH, vocab_size=97)
    write_synthetic_suite(
        sqlite_catalog, "tiny", order, _model("pythia-4m", order, 1), _model("pythia-4m-v0", order, 2)
    )
    return sqlite_catalog


def measure(catalog: Catalog, values: Mapping[int, int], protocol: Protocol | None = None, step: int = 6) -> None:
    results = CommittedResults.of(catalog, "pythia-4m", protocol)
    of_all = np.full(SEQUENCES, NOT_MEASURED, np.uint8)
    of_all[list(values)] = list(values.values())
    for block in range(results.measurement.blocks):
        results.commit(results.row_of(step), block, results.cut(of_all, block))


def publish(catalog: Catalog, folder: Path, sequences: Sequence[int], step: int = 3) -> None:
    """A set of the first release, which at step 3 had seen 48 sequences too, called as the published ones are."""
    file = next(write_memorized(folder, {"duped.4m": sequences}).glob("*.parquet"))
    import_published(catalog, str(file), model="pythia-4m-v0", step=step)


def reference(catalog: Catalog, memorized: int, sequences: int = 48, step: int = 3) -> None:
    model = catalog.model("pythia-4m-v0")
    row = {"model_id": model.id, "step": step, "memorized": memorized, "sequences": sequences, "source": "a table"}
    with catalog.database.write() as connection:
        connection.execute(insert(reference_counts).values(**row))


def compared(catalog: Catalog, protocol: str | None = None) -> Comparison:
    return compare(catalog, catalog.model("pythia-4m"), protocol)


def test_counts_meet_where_as_many_sequences_were_seen(tiny: Catalog) -> None:
    """Step 3 of batches twice as large is step 6; sequence 50, which it had not seen, does not count."""
    measure(tiny, OURS)
    reference(tiny, memorized=12)
    (count,) = compared(tiny).counts
    assert (count.published_model, count.published_step, count.step) == ("pythia-4m-v0", 3, 6)
    assert (count.measured, count.memorized, count.share) == (6, 4, 4 / 6)
    assert (count.published, count.published_share) == (12, 0.25)


def test_a_published_count_without_ours_is_shown(tiny: Catalog) -> None:
    reference(tiny, memorized=12)
    reference(tiny, memorized=1, sequences=47, step=6)
    found = compared(tiny)
    assert found.protocol is None
    assert found.agreements == ()
    assert [(count.step, count.measured, count.share) for count in found.counts] == [(None, 0, None), (6, 0, None)]


def test_sequence_by_sequence(tiny: Catalog, tmp_path: Path) -> None:
    """Ours memorized 1, 3, 40 and 47; theirs 2, 3, 9 and 47; 9 was not measured here."""
    measure(tiny, OURS)
    publish(tiny, tmp_path, [2, 3, 9, 47])
    (found,) = compared(tiny).agreements
    assert (found.kind, found.published_model, found.published_step, found.step) == ("memorized", "pythia-4m-v0", 3, 6)
    assert (found.both, found.only_ours, found.only_theirs, found.neither, found.compared) == (2, 2, 1, 1, 6)
    assert (found.examples_only_ours, found.examples_only_theirs) == ((1, 40), (2,))
    assert found.left_out == 0


def test_of_a_list_only_what_it_covers_is_compared(tiny: Catalog, tmp_path: Path) -> None:
    """Ours memorized 1, 3, 40 and 47, and measured 2 and 5 too; the list has 2, 3 and 9, and covers 0:6 where that is said."""
    measure(tiny, OURS)
    file = str(write_rows(tmp_path / "my.parquet", index=[2, 3, 9]))
    (done,) = import_published(tiny, file, model="pythia-4m-v0", step=3)
    assert done.covers == SequenceRange(0, 0)
    assert "--sequences A:B" in done.remarks[0]
    (found,) = compared(tiny).agreements
    assert (found.both, found.only_ours, found.only_theirs, found.neither) == (1, 0, 1, 0)
    with pytest.raises(InvalidValue, match=r"lists the sequence 9, and --sequences says that it covers 0:6"):
        import_published(tiny, file, model="pythia-4m-v0", step=3, sequences="0:6")
    (done,) = import_published(tiny, file, model="pythia-4m-v0", step=3, sequences="0:10")
    assert (done.outcome, done.covers, done.remarks) == ("replaced", SequenceRange(0, 10), ())
    (found,) = compared(tiny).agreements
    assert (found.both, found.only_ours, found.only_theirs, found.neither) == (1, 1, 1, 1)
    assert found.examples_only_ours == (1,)


def test_of_rows_that_say_which_are_memorized_all_are_compared(tiny: Catalog, tmp_path: Path) -> None:
    measure(tiny, OURS)
    file = write_rows(tmp_path / "my.parquet", index=[1, 2, 3, 5], memorized=[True, True, False, False])
    (done,) = import_published(tiny, str(file), model="pythia-4m-v0", step=3)
    assert (done.kind, done.sequences, done.memorized) == ("sample", 4, 2)
    (found,) = compared(tiny).agreements
    assert (found.both, found.only_ours, found.only_theirs, found.neither) == (1, 1, 1, 1)


def test_nothing_is_claimed_of_how_a_set_of_ones_own_was_measured(tiny: Catalog, tmp_path: Path) -> None:
    measure(tiny, OURS)
    import_published(tiny, str(write_rows(tmp_path / "my.parquet", index=[1])), model="pythia-4m", step=6)
    (sentence,) = compared(tiny).differences
    assert sentence.startswith("How memorized pythia-4m step 6 train was measured is not stated")
    reference(tiny, memorized=12)
    assert any("float16 there" in difference for difference in compared(tiny).differences)


def test_what_an_earlier_version_took_for_everything_is_compared_as_a_list(tiny: Catalog, tmp_path: Path) -> None:
    """It recorded the published procedure for every list, and did not know what a list covers."""
    measure(tiny, OURS)
    import_published(tiny, str(write_rows(tmp_path / "my.parquet", index=[2, 3])), model="pythia-4m-v0", step=3)
    with tiny.database.read() as connection:
        (found,) = result_sets_of(tiny.database, connection, [tiny.model("pythia-4m-v0").id])
    earlier = replace(found.content(), covers=None).to_bytes()
    found.file.write_bytes(earlier)
    with tiny.database.write() as connection:
        connection.execute(update(result_sets).values(protocol=PUBLISHED_PROTOCOL, digest=sha256_of_bytes(earlier)))
    comparison = compared(tiny)
    assert not any("float16" in difference for difference in comparison.differences)
    (agreement,) = comparison.agreements
    assert (agreement.compared, agreement.only_ours) == (2, 0)


def test_of_a_sample_only_its_own_sequences_are_compared(tiny: Catalog, tmp_path: Path) -> None:
    measure(tiny, OURS, step=12)
    folder = write_sample(tmp_path / "pile-duped", [1, 2, 3, 7], {"4M": [1.0, 1.0, 0.5, 1.0]})
    import_published(tiny, str(folder))
    (found,) = compared(tiny).agreements
    assert (found.kind, found.published_step, found.step) == ("sample", 6, 12)
    assert (found.both, found.only_ours, found.only_theirs, found.neither) == (1, 1, 1, 0)


def test_a_set_of_a_step_that_was_not_measured_is_not_compared(tiny: Catalog, tmp_path: Path) -> None:
    measure(tiny, OURS)
    publish(tiny, tmp_path, [2, 3], step=6)
    found = compared(tiny)
    assert (found.agreements, found.not_compared) == ((), ("memorized pythia-4m-v0 step 6 duped.4m",))


def test_it_says_in_what_the_two_differ(tiny: Catalog, tmp_path: Path) -> None:
    measure(tiny, OURS)
    publish(tiny, tmp_path, [2, 3])
    model, dtype, what = compared(tiny).differences
    assert model.startswith("Published are results of pythia-4m-v0, most likely; ours are of pythia-4m")
    assert dtype.startswith("dtype: float32 here, float16 there")
    assert what.startswith("measure: prefix here, score there; all 32 ids reproduced is the same")


def test_protocols_that_mean_something_else_are_not_compared(tiny: Catalog, tmp_path: Path) -> None:
    measure(tiny, {1: 16}, Protocol(prompt=16, continuation=16))
    publish(tiny, tmp_path, [1])
    found = compared(tiny)
    assert found.agreements == ()
    assert found.differences[1:4] == (
        "prompt: 16 here, 32 there.",
        "continuation: 16 here, 32 there.",
        "So memorized does not mean the same, and sequences are not compared one by one.",
    )
    measure(tiny, OURS)
    assert [one.compared for one in compared(tiny, Protocol().id).agreements] == [6]
    with pytest.raises(NotMeasured, match="by protocol abc"):
        compared(tiny, "abc")


def test_rows_that_may_be_numbered_wrongly_are_left_out(tiny: Catalog, tmp_path: Path) -> None:
    """A set of a whole Pythia run: 146,432,000 sequences, of which the last 304 may be one too high."""
    from seenat.memorization.published.compare import _judge, _Tally
    from seenat.memorization.published.result_sets import SetContent

    tally = _Tally()
    theirs = np.array([5, 146_431_697], np.int64)
    content = SetContent(sequences=theirs, scores=None, marked_from=146_431_697, read=2, repeated=0, beyond=0)
    ours = np.array([5, 146_431_695, 146_431_696, 146_431_697, 146_431_999])
    _judge(tally, content, ours, np.array([True, False, True, False, False]))
    assert (tally.both, tally.only_ours, tally.only_theirs, tally.neither, tally.left_out) == (1, 0, 0, 1, 3)


def test_nothing_published_is_an_error(tiny: Catalog) -> None:
    measure(tiny, OURS)
    with pytest.raises(NotMeasured, match="No published results of pythia-4m"):
        compared(tiny)
