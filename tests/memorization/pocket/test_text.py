"""Corpus, tokenizer and order of the pocket suite: some 2 seconds in all."""

import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seenat.memorization.pocket import POCKET, repetitions
from seenat.memorization.pocket.text.corpus import corpus_digest, documents
from seenat.memorization.pocket.text.order import distinct_sequences, draw_order
from seenat.memorization.pocket.text.tokenizer import END_OF_TEXT_ID, train_tokenizer
from seenat.registry.errors import InvalidValue, MissingExtra
from seenat.registry.storage.digests import sha256_of_bytes

TOY = np.arange(2000, dtype=np.uint16)[:, None] + np.zeros(3, np.uint16)
"""2,000 distinct sequences of 3 ids."""


@pytest.fixture(scope="module")
def corpus():
    return tuple(documents().values())


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return train_tokenizer(corpus, POCKET.vocab_size)


@pytest.fixture(scope="module")
def distinct(corpus, tokenizer):
    return distinct_sequences(corpus, tokenizer, POCKET.tokens_per_sequence)


@pytest.fixture(scope="module")
def rows(distinct):
    return draw_order(distinct, POCKET, seed=1234)


def test_the_corpus_is_prose_in_named_documents_and_none_repeats_another(corpus):
    assert len(set(corpus)) == len(corpus) >= 400
    assert sum(map(len, corpus)) > 300_000
    assert documents()["torch.distributed.checkpoint.state_dict_saver.save"].startswith("Save a distributed model")
    assert list(documents()) == sorted(documents())
    assert not [name for name in documents() if "._" in name]


@pytest.mark.needs_torch
def test_reading_the_corpus_imports_nothing_of_torch():
    code = "import sys; from seenat.memorization.pocket.text.corpus import documents; documents(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_missing_torch_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"torch\.distributed; run: pip install 'seenat\[jobs\]'"):
        documents()


KNOWN = {
    "2.13.0": (
        "sha256:80a2b3d911f53464bdcf97776f960d11edc819c5d5bd2b8b2fcf663ee91d049e",
        "sha256:82464639c92731048e62d88cf4023acadf4d07c9b3279d48c9129adf60f1e372",
    )
}
"""Digests of corpus and order by release of torch: each release has its own text."""


def test_a_release_gives_the_same_corpus_and_order_on_every_python(corpus, rows):
    release = version("torch").partition("+")[0]  # 2.13.0+cpu has the text of 2.13.0.
    if release not in KNOWN:
        pytest.skip(f"no digest is known for torch {release}")
    assert (corpus_digest(corpus), sha256_of_bytes(rows.astype("<u2").tobytes())) == KNOWN[release]


def test_the_digests_of_the_pinned_release_are_known():
    constraints = (Path(__file__).parents[3] / "constraints.txt").read_text(encoding="utf-8")
    assert re.findall(r"^torch==(.*)$", constraints, re.MULTILINE) == list(KNOWN)


def test_the_corpus_digest_depends_on_texts_and_their_bounds():
    assert corpus_digest(["ab", "c"]) != corpus_digest(["a", "bc"])


def test_two_readings_give_the_same_corpus(corpus):
    assert corpus_digest(corpus) == corpus_digest(documents().values())


def test_two_trainings_give_the_same_tokenizer(corpus, tokenizer):
    assert train_tokenizer(corpus, POCKET.vocab_size).to_str() == tokenizer.to_str()


def test_the_tokenizer_has_the_special_ids_and_reads_any_text_back(corpus, tokenizer):
    assert tokenizer.get_vocab_size() == 1024
    assert (tokenizer.token_to_id("<|endoftext|>"), tokenizer.token_to_id("<|padding|>")) == (0, 1)
    for text in (corpus[0], "naïve 漢字 \U0001f600\x00\n"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_a_missing_library_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"tokenizers; run: pip install 'seenat\[jobs\]'"):
        train_tokenizer(["a text"], 300)


def test_sequences_are_the_corpus_in_order_with_an_end_after_each_document(corpus, tokenizer, distinct):
    ids = [*tokenizer.encode(corpus[0]).ids, END_OF_TEXT_ID, *tokenizer.encode(corpus[1]).ids, END_OF_TEXT_ID]
    assert distinct.ravel()[: len(ids)].tolist() == ids
    assert distinct.shape[1] == 65
    assert len(np.unique(distinct, axis=0)) == len(distinct)


def test_a_sequence_that_repeats_an_earlier_one_is_left_out(tokenizer):
    text = "to be or not to be"
    ids = [*tokenizer.encode(text).ids, END_OF_TEXT_ID]
    assert distinct_sequences([text] * 3, tokenizer, len(ids)).tolist() == [ids]


def test_the_order_has_the_planted_repetitions_and_nothing_of_the_unseen_part(rows):
    counts = repetitions(rows)
    assert rows.shape == (3584, 65)
    assert rows.dtype == np.uint16
    assert Counter(counts.tolist()) == dict.fromkeys((0, 1, 4, 8, 16, 32, 64), 512)
    assert (counts[:3072] > 0).all()
    assert (counts[3072:] == 0).all()
    assert len(np.unique(rows[3072:], axis=0)) == 512
    trained, places = np.unique(rows[:3072], axis=0, return_counts=True)
    assert len(trained) == 760
    assert Counter(places.tolist()) == {64: 8, 32: 16, 16: 32, 8: 64, 4: 128, 1: 512}


def test_repetitions_of_the_trained_part_alone_are_the_same(rows):
    assert (repetitions(rows[:3072]) == repetitions(rows)[:3072]).all()


def test_the_order_is_what_the_generator_draws(distinct, rows):
    """The recipe spelled out once more, so that a change of the order cannot pass as the same format."""
    generator = np.random.Generator(np.random.PCG64(1234))
    drawn = generator.permutation(len(distinct))
    slots = [index for k, index in enumerate(drawn[:760]) for _ in range(_class_of(k))]
    assert (rows[:3072] == distinct[generator.permutation(np.array(slots))]).all()
    assert (rows[3072:] == distinct[drawn[760:1272]]).all()


def _class_of(place):
    return next(times for bound, times in ((8, 64), (24, 32), (56, 16), (120, 8), (248, 4), (760, 1)) if place < bound)


@given(seed=st.integers(0, 2**64))
def test_every_seed_plants_the_same_classes(seed):
    rows = draw_order(TOY, POCKET, seed)
    assert (draw_order(TOY, POCKET, seed) == rows).all()
    assert Counter(repetitions(rows).tolist()) == dict.fromkeys((0, 1, 4, 8, 16, 32, 64), 512)


def test_another_seed_draws_another_order():
    assert (draw_order(TOY, POCKET, 1) != draw_order(TOY, POCKET, 2)).any()


def test_repetitions_of_nothing():
    assert repetitions(np.zeros((0, 3), np.uint16)).tolist() == []


@pytest.mark.parametrize(
    ("count", "seed", "message"), [(1271, 0, "1271 distinct sequences.*needs 1272"), (1272, -1, "-1")]
)
def test_what_cannot_be_drawn_is_refused(count, seed, message):
    with pytest.raises(InvalidValue, match=message):
        draw_order(TOY[:count], POCKET, seed)
