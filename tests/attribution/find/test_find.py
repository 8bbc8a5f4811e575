"""Every exposure of a text, at its step, for whoever asks; against the order itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.indexed import everywhere
from support.substrings import check_substrings

import seenat
from seenat.attribution.find.coverage import Segment, segments
from seenat.attribution.find.reading import Reading
from seenat.attribution.find.viewpoint import Viewpoint
from seenat.attribution.ngrams.open import open_indexes
from seenat.registry.orders.text.detokenize import decode_ids
from seenat.registry.orders.text.encode import encode
from seenat.registry.orders.text.tokenizer import load_tokenizer
from seenat.registry.units import SequenceRange

pytestmark = pytest.mark.needs_torch

ORDER, MODEL = "pocket-order", "pocket-2m"


@pytest.fixture(scope="module")
def rows(pocket: seenat.Catalog) -> np.ndarray:
    order = pocket.order(ORDER)
    return order.source().tokens(order.sequences)


def places(found: seenat.Found) -> list[tuple[int, int]]:
    return [(exposure.sequence, exposure.offset) for exposure in found.exposures]


def test_every_planted_repetition_is_found_at_its_step(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    model = pocket.model(MODEL)
    seen = model.checkpoint(384).sequences_seen
    different, _, times = np.unique(rows[: seen.stop], axis=0, return_index=True, return_counts=True)
    repeated = different[times > 1]
    answers = pocket.find_all([ids.tolist() for ids in repeated], model=MODEL, limit=100)
    for ids, answer in zip(repeated, answers, strict=True):
        due = np.flatnonzero((rows[: seen.stop] == ids).all(axis=1)).tolist()
        assert [exposure.sequence for exposure in answer.exposures] == due
        assert answer.count == len(due)
        assert answer.coverage.complete
        for exposure in answer.exposures:
            assert exposure.offset == 0
            assert exposure.batch == exposure.sequence // 8
            assert exposure.step == exposure.batch + 1
            assert exposure.sequence in model.checkpoint(exposure.first_checkpoint_seen or -1).sequences_seen
            if exposure.last_checkpoint_unseen is not None:
                assert exposure.sequence not in model.checkpoint(exposure.last_checkpoint_unseen).sequences_seen
    assert len(repeated) > 200


def test_what_is_read_is_counted_to_its_end(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    said: list[tuple[int, int]] = []
    found = pocket.find_all(
        [rows[20, 10:12].tolist(), rows[20, 10:30].tolist(), [5]],
        order=ORDER,
        scan="0:300",
        limit=0,
        count=False,
        reading=lambda done, total: said.append((done, total)),
    )
    assert [answer.coverage.complete for answer in found] == [False, True, False]
    # Two of the queries are shorter than the index window.
    assert said == sorted(said)
    assert said[-1] == (2 * 2_400, 2 * 2_400)


def test_what_a_full_page_leaves_unread_counts_as_done() -> None:
    said: list[tuple[int, int]] = []
    first, second = ([Segment(SequenceRange(start, start + 50), None, exact=True)] for start in (0, 50))
    reading = Reading([*first, *second], lambda done, total: said.append((done, total)))
    reading.add(20)
    reading.end(first)
    reading.add(30)
    assert said == [(20, 100), (50, 100), (80, 100)]


def test_a_checkpoint_finds_what_it_had_seen(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    ids = rows[20, 10:30]
    everything = pocket.find(ids.tolist(), model=MODEL, limit=1000)
    for step in (0, 1, 2, 16, 128, 384):
        found = pocket.find(ids.tolist(), model=MODEL, step=step, limit=1000)
        assert places(found) == [place for place in places(everything) if place[0] < 8 * step]
        assert found.coverage.sequences == seenat.SequenceRange(0, 8 * step)
    # The order goes on after the training: 512 sequences that no step consumed.
    assert pocket.find(rows[3_100, 5:25].tolist(), model=MODEL).count == 0
    assert pocket.find(rows[3_100, 5:25].tolist(), order=ORDER).count


def test_variants_say_which_matched_how_often(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    found = pocket.find("process group", order=ORDER, limit=10_000)
    counts = {variant.text: variant.count for variant in found.variants}
    assert set(counts) <= {"process group", " process group", "Process group", " Process group", "\nprocess group"}
    assert counts[" process group"] > counts["process group"] > 0
    assert found.count == sum(counts.values()) == len(found.exposures)
    by_variant = [sum(exposure.variant == place for exposure in found.exposures) for place in range(len(counts))]
    assert by_variant == list(counts.values())
    exactly = pocket.find("process group", order=ORDER, variants=False)
    assert [variant.text for variant in exactly.variants] == ["process group"]
    assert exactly.count == counts["process group"]
    # It is what the decoded sequences hold, but for occurrences within longer words.
    texts = decode_ids(load_tokenizer(pocket.order(ORDER).tokenizer, order=ORDER), rows)
    assert found.count <= sum(text.lower().count("process group") for text in texts)


def test_a_text_without_a_whole_word_says_what_was_not_looked_for(pocket: seenat.Catalog) -> None:
    assert pocket.find("process group", order=ORDER).within_words is False
    assert pocket.find("rocess group to wor", order=ORDER).within_words is True
    assert pocket.find([17, 204], order=ORDER).within_words is None


def test_a_place_that_two_variants_hold_is_one_exposure(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    tokenizer = load_tokenizer(pocket.order(ORDER).tokenizer, order=ORDER)
    for text in decode_ids(tokenizer, rows[:40, 5:30]):
        found = pocket.find(text, order=ORDER, limit=10_000)
        assert found.count == len(found.exposures) == len(set(places(found)))
        assert found.within_words


def test_pages_follow_each_other(pocket: seenat.Catalog) -> None:
    everything = places(pocket.find("process group", order=ORDER, limit=10_000))
    for count in (True, False):
        listed: list[tuple[int, int]] = []
        after = None
        while True:
            page = pocket.find("process group", order=ORDER, limit=7, after=after, count=count)
            listed += places(page)
            assert page.count == (len(everything) if count else None)
            if page.next is None:
                break
            after = (page.next.sequence, page.next.offset)
        assert listed == everything


def test_context_is_the_text_around(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    found = pocket.find("process group", order=ORDER, limit=3, context=5)
    tokenizer = load_tokenizer(pocket.order(ORDER).tokenizer, order=ORDER)
    for exposure in found.exposures:
        start, stop = exposure.offset, exposure.offset + exposure.length
        row = rows[exposure.sequence]
        assert exposure.context is not None
        assert exposure.context.text.strip() in ("process group", "Process group")
        whole = decode_ids(tokenizer, [row[max(0, start - 5) : stop + 5]])[0]
        assert exposure.context.before + exposure.context.text + exposure.context.after == whole


def test_a_part_of_the_order_is_said_to_be_one(tmp_path: Path, pocket_manifest: Path, rows: np.ndarray) -> None:
    ids = rows[0, 3:40].tolist()
    with seenat.open(str(tmp_path / "catalog.sqlite")) as catalog:
        catalog.register(pocket_manifest)
        order = catalog.order(ORDER)
        catalog.index.build(ORDER, batches="100:200", window=16)
        catalog.index.build(ORDER, batches="150:300", window=4)
        viewpoint = Viewpoint.of(order, None, None)
        with open_indexes(catalog._registry.database, order) as opened:

            def cover(length: int, scan: seenat.SequenceRange | None = None) -> list[tuple[str, int | None, bool]]:
                parts = segments(opened, length, viewpoint.sequences, scan, 0)
                return [(str(part.sequences), part.index and part.index.window, part.exact) for part in parts]

            assert cover(37) == [("800:1600", 16, True), ("1600:2400", 4, True)]
            assert cover(16) == [("800:1200", 16, True), ("1200:2400", 4, True)]
            assert cover(5) == [("800:1200", 16, False), ("1200:2400", 4, True)]
            assert cover(2) == [("800:1200", 16, False), ("1200:2400", 4, False)]
            assert cover(2, seenat.SequenceRange(0, 900)) == [
                ("0:900", None, True),
                ("900:1200", 16, False),
                ("1200:2400", 4, False),
            ]
        # So small an order is read where no index finds everything.
        found = catalog.find(ids, order=ORDER, limit=1000)
        assert found.coverage.complete
        assert set(places(found)) == everywhere(rows, rows[0, 3:40])


@pytest.fixture
def altered(pocket: seenat.Catalog) -> seenat.Model:
    return replace(pocket.model(MODEL), altered_from_step=100)


def test_batches_that_were_altered_for_a_model_do_not_count(pocket: seenat.Catalog, altered: seenat.Model) -> None:
    everything = places(pocket.find("process group", model=MODEL, limit=10_000))
    found = pocket.find("process group", model=altered, limit=10_000)
    assert places(found) == [place for place in everything if place[0] < 800]
    assert not found.coverage.complete
    assert found.coverage.altered_from_step == 100
    before = pocket.find("process group", model=altered, step=64, limit=10_000)
    assert before.coverage.complete
    assert before.coverage.altered_from_step is None


def test_a_schedule_of_other_batches_counts_its_own(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    model = pocket.model(MODEL)
    # As Pythia's v0 runs: batches twice as large, and labels that count twice as fast.
    schedule = replace(model.schedule, sequences_per_batch=16, steps=192, saved=(0, 8, 64, 192), labels_per_step=2)
    run = replace(model, schedule=schedule)
    for exposure in pocket.find(rows[20, 10:30].tolist(), model=run, limit=1000).exposures:
        assert exposure.batch == exposure.sequence // 16
        assert exposure.step == exposure.batch + 1
        assert exposure.first_checkpoint_seen == next(step for step in (8, 64, 192) if 16 * step > exposure.sequence)


def test_a_model_without_a_published_order(pocket: seenat.Catalog) -> None:
    with pytest.raises(seenat.UnknownOrder, match="not published"):
        pocket.find("text", model="pythia-70m-seed1")
    with pytest.raises(seenat.NotIndexed, match=r"about 300\.0 GB .*seenat index build pile.*--scan"):
        pocket.find([1, 2, 3], model="pythia-70m")


def test_queries_that_cannot_be(pocket: seenat.Catalog) -> None:
    with pytest.raises(seenat.InvalidValue, match="An empty text"):
        pocket.find("", order=ORDER)
    with pytest.raises(seenat.InvalidValue, match="An empty text"):
        pocket.find([], order=ORDER)
    with pytest.raises(seenat.InvalidValue, match="not Unicode at character 1"):
        pocket.find("a\udc80", order=ORDER)
    with pytest.raises(seenat.InvalidValue, match="Step 5 is of a model"):
        pocket.find("a", order=ORDER, step=5)
    with pytest.raises(seenat.InvalidValue, match="not on pile"):
        pocket.find("a", order="pile", model=MODEL)
    with pytest.raises(seenat.UnknownCheckpoint):
        pocket.find("a", model=MODEL, step=5)
    assert pocket.find([70_000] * 9, order=ORDER).count == 0
    assert pocket.find([5] * 66, order=ORDER).count == 0


def test_texts_cut_at_any_character_find_where_they_come_from(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    """300 of them; `python -m support.substrings` of the tests makes 10,000."""
    reasons = check_substrings(pocket, rows, 300, seed=5)
    assert reasons["found"] > 270
    due = {"found", "no whole word", "no whole word beside a cut <|endoftext|>", "cut within a character"}
    assert set(reasons) <= due


def test_a_text_that_was_memorized_is_measured_at_its_own_offset(pocket: seenat.Catalog, rows: np.ndarray) -> None:
    from seenat.memorization.protocol.protocol import Protocol

    ids = rows[0, 7:47].tolist()
    found = pocket.measure_text(ids, model=MODEL, steps=[0, 384])
    assert found.measured is not None
    first, last = found.measured.points
    assert (found.measured.prompt, found.measured.continuation) == (20, 20)
    assert (first.exposures, last.exposures) == (0, found.count)
    assert not first.memorized
    assert last.prefix > first.prefix
    assert last.surprisal < first.surprisal
    assert json.loads(json.dumps(found.to_json()))["measured"]["points"][1]["step"] == 384
    # The same as a job measures it by a protocol of this offset.
    protocol = Protocol(prompt=20, continuation=20, offset=7, eos="allowed")
    sequence = found.exposures[0].sequence
    pocket.memorize(
        MODEL, steps=[384], sequences=f"{sequence}:{sequence + 1}", prompt=20, continuation=20, offset=7, eos="allowed"
    )
    path = pocket.trajectory(MODEL, sequence, protocol=protocol.id)
    assert path.points[0].values["prefix"] == last.prefix
    again = pocket.measure_text(ids, model=MODEL, steps=[384])
    assert again.measured is not None
    assert {stored.window for stored in again.measured.stored} == {(7, 47)}


def test_a_text_of_one_id_cannot_be_measured(pocket: seenat.Catalog) -> None:
    with pytest.raises(seenat.InvalidValue, match="A text of 1 ids cannot be measured"):
        pocket.measure_text([5], model=MODEL, steps=[384])
    with pytest.raises(seenat.InvalidValue, match="say by which model"):
        pocket.measure_text([5, 6], order=ORDER)


def test_encoding_gives_words_and_characters(pocket: seenat.Catalog) -> None:
    tokenizer = load_tokenizer(pocket.order(ORDER).tokenizer, order=ORDER)
    text = "The process group, twice.\n\nNow"
    encoded = encode(tokenizer, text)
    assert decode_ids(tokenizer, [encoded.ids]) == [text]
    assert encoded.words[0] == 0
    assert sorted(set(encoded.words)) == list(range(encoded.words[-1] + 1))
    assert text[slice(*encoded.spans[0])] == "The"[: encoded.spans[0][1]]
