"""Ten questions that researchers of memorization ask: each is one command, and one line of Python with the same answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seenat
from seenat.cli.main import main

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def two(pocket: seenat.Catalog) -> seenat.Catalog:
    """The measured catalog, with some results of a second model, and of the first by a second protocol; 2 seconds."""
    pocket.memorize("pocket-660k", steps=[64, 128, 256, 384], sequences="0:512", unseen=True)
    pocket.memorize("pocket-230k", steps=[384], sequences="0:64", measure="score")
    return pocket


@pytest.fixture
def ask(
    two: seenat.Catalog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Ask:
    """Run a command on this catalog and return its JSON, or with `text=True` what it prints."""
    path = repr(two).removeprefix("<seenat catalog ").removesuffix(">")
    monkeypatch.setenv("SEENAT_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.chdir(tmp_path)

    def run(*args: str, text: bool = False) -> Any:
        monkeypatch.setattr(sys, "argv", ["seenat", *args, *([] if text else ["--json"])])
        with pytest.raises(SystemExit) as stop:
            main()
        printed = capsys.readouterr()
        assert not stop.value.code, printed.err
        return (printed.out, printed.err) if text else json.loads(printed.out)

    return run


def test_what_did_one_model_memorize_before_another(two: seenat.Catalog, ask: Ask) -> None:
    answer = two.which.earlier("pocket-660k", "pocket-230k", limit=10_000)
    assert ask("which", "earlier", "pocket-660k", "pocket-230k", "--limit", "10000") == answer.to_json()
    first, second = (
        two.onsets(name, limit=None, protocol=answer.protocol.id).to_pandas().set_index("sequence")
        for name in ("pocket-660k", "pocket-230k")
    )
    both = first.join(second.add_suffix("_other"), how="inner")
    earlier = both[both.step < both.step_other].sort_index()
    found = answer.to_pandas().set_index("sequence")
    assert len(found) == answer.earlier == len(earlier) > 20
    assert (found.step == earlier.step).all()
    assert (found.other_step == earlier.step_other).all()
    assert (found.sequences == 8 * (earlier.step_other - earlier.step)).all()
    assert (found.surely == (earlier.step <= earlier.bracket_low_other.fillna(-1))).all()
    assert (answer.same, answer.later) == ((both.step == both.step_other).sum(), (both.step > both.step_other).sum())
    assert (answer.only_model, answer.only_other) == (len(first) - len(both), len(second) - len(both))
    page = two.which.earlier("pocket-660k", "pocket-230k", limit=3, after=answer.sequences[4].sequence)
    assert page.sequences == answer.sequences[5:8]


def test_what_was_in_a_batch(two: seenat.Catalog, ask: Ask) -> None:
    batch = two.batch("pocket-230k", 3, decode=True, documents=True)
    assert ask("batch", "pocket-230k", "3", "--decode", "--documents") == batch.to_json()
    assert batch.documents is not None
    assert batch.texts is not None
    for text, documents in zip(batch.texts, batch.documents, strict=True):
        assert text == "".join(part.text + "<|endoftext|>" * part.ends for part in documents)
        assert [part.start for part in documents[1:]] == [part.stop for part in documents[:-1]]
    printed, _ = ask("batch", "pocket-230k", "3", "--documents", text=True)
    whole = [part.text for documents in batch.documents for part in documents]
    assert sum("\n" in text for text in whole) > 4
    assert all(text in printed for text in whole)


def test_which_checkpoints_are_broken(two: seenat.Catalog, ask: Ask) -> None:
    groups = two.broken("pythia-2.8b", "pythia-intervention-70m-deduped")
    assert ask("broken", "pythia-2.8b", "pythia-intervention-70m-deduped") == groups.to_json()
    statuses = [group.status for group in groups]
    assert statuses == sorted(statuses, key=["wrong", "suspect", "missing"].index)
    known = two.checkpoints("pythia-2.8b", "pythia-intervention-70m-deduped", statuses=["wrong", "suspect", "missing"])
    found = {(one.model, step): group.reason for group in groups for one in group.models for step in one.steps}
    assert found == {(one.model, one.step): one.reason for one in known}
    assert len(groups) == len({(one.status, one.reason) for one in known}) < len(known)


def test_the_learning_rate_at_any_step(two: seenat.Catalog, ask: Ask) -> None:
    rate = two.learning_rate("pythia-70m", 715)  # Not saved; half of the warm-up.
    assert ask("learning-rate", "pythia-70m", "step715") == rate.to_json()
    assert (rate.learning_rate, rate.batch) == (0.0005, 715)
    assert two.batch("pythia-70m", 715).learning_rate == 0.0005
    assert two.step("pythia-70m", 3000).learning_rate == two.learning_rate("pythia-70m", 3000).learning_rate
    assert not two.learning_rate("pocket-230k", 100).decay_stated
    with pytest.raises(seenat.UnknownCheckpoint, match="end of its run"):
        two.learning_rate("pocket-230k", 384)


def test_the_first_checkpoint_that_saw_a_sequence(two: seenat.Catalog, ask: Ask) -> None:
    assert two.sequence("pocket-230k", 1023).first_checkpoint_seen == 128
    assert ask("sequence", "pocket-230k", "1023")["first_checkpoint_seen"] == 128


def test_onsets_as_a_table(two: seenat.Catalog, ask: Ask) -> None:
    table = two.onsets("pocket-230k", limit=None).to_pandas()
    assert list(table) == ["sequence", "bracket_low", "step", "seen", "last_step", "times_lost"]
    answer = ask("onset", "pocket-230k", "--table", "onsets.csv")
    assert len(table) == answer["memorized"] > 20
    pd.testing.assert_frame_equal(pd.read_csv("onsets.csv"), table, check_dtype=False)


def test_all_results_of_several_models_in_one_file(two: seenat.Catalog, ask: Ask) -> None:
    models = ["pocket-230k", "pocket-660k"]
    written = two.export(models, "all.parquet", sequences="0:16", all_protocols=True, columns=["tokens", "text"])
    options = ("--sequences", "0:16", "--all-protocols", "--with", "tokens,text", "--out", "all.csv")
    assert ask("export", *models, *options)["rows"] == written.rows
    table, same = pd.read_parquet("all.parquet"), pd.read_csv("all.csv")
    assert list(table)[:6] == ["model", "protocol", "sequence", "batch", "step", "seen"]
    assert set(zip(table.model, table.protocol, strict=True)) == {
        (one.model, one.protocol.id) for name in models for one in two.results(name)
    }
    ids = two.sequence("pocket-order", 5, tokens=True, decode=True)
    assert ids.tokens is not None
    row = table[(table.sequence == 5) & (table.step == 384)].iloc[0]
    np.testing.assert_array_equal(row.tokens, ids.tokens[0])
    assert (row.text,) == ids.texts
    pd.testing.assert_frame_equal(
        same.drop(columns=["tokens", "text"]), table.drop(columns=["tokens", "text"]), check_dtype=False
    )
    assert (same.text == table.text).all()
    assert [list(map(int, text.split())) for text in same.tokens] == [list(ids) for ids in table.tokens]
    assert [one["model"] for one in json.loads(Path("all.csv.json").read_text("utf-8"))["results"]] == list(
        table.groupby(["model", "protocol"], sort=False).size().index.get_level_values(0)
    )


SHIFTED = """
[suite]
name = "shifted"

[[order]]
name = "shifted-order"
format = "npy"
files = ["ids.npy"]
sequences_per_batch = 8
vocab_size = 1024
eos_id = 0
tokenizer = "{tokenizer}"
"""


def test_where_a_sequence_of_one_order_stands_in_another(two: seenat.Catalog, ask: Ask, tmp_path: Path) -> None:
    order = two.order("pocket-order")
    ids = np.concatenate([order.batch(number).tokens() for number in range(20)]).reshape(-1)
    np.save(tmp_path / "ids.npy", ids[13 : 13 + 65 * 150].reshape(150, 65))
    (tmp_path / "SUITE.toml").write_text(SHIFTED.format(tokenizer=order.tokenizer), "utf-8")
    two.register(tmp_path / "SUITE.toml")
    two.index.build(order)
    try:
        found = two.trace_sequence("shifted-order", 101, order="pocket-order", exposures=100)
        options = ("--sequence", "shifted-order:101", "--order", "pocket-order", "--exposures", "100")
        assert ask("trace", *options) == found.to_json()
        places = {(one.sequence, one.offset) for span in found.spans for one in span.exposures}
        assert {(101, 13), (102, 0)} <= places
    finally:
        assert two.unregister("shifted", yes=True).orders == ("shifted-order",)


def test_how_to_cite_a_model_and_what_its_card_says(two: seenat.Catalog, ask: Ask) -> None:
    citation = two.cite("pythia-160m")
    assert ask("cite", "pythia-160m") == citation.to_json()
    assert [entry.of for entry in citation.entries] == ["model", "paper", "data", "software"]
    printed, told = ask("cite", "pythia-160m", text=True)
    assert printed == citation.bibtex + "\n"
    assert "Apache-2.0" in told
    assert [entry.key for entry in two.cite("pythia-14m-seed1").entries][1] == "vanderwal2025polypythias"
    assert [entry.of for entry in two.cite("pocket-2m").entries] == ["model", "software"]
    card = two.describe("pythia-160m").card
    assert card is not None
    assert card.equivalent_models == ("GPT-Neo 125M", "OPT-125M")
    assert all(
        word in ask("model", "pythia-160m", text=True)[0] for word in ("OPT-125M", card.limits[0], card.intended_use)
    )
    assert "card" not in two.describe("pocket-2m").to_json()


def test_what_a_full_measurement_costs_on_an_h200(two: seenat.Catalog, ask: Ask) -> None:
    (whole,) = two.estimate("pythia-1.4b", gpus=["H200"], price_per_hour=2.5)
    options = ("--gpu", "H200", "--price-per-hour", "2.5")
    assert ask("estimate", "pythia-1.4b", *options) == [whole.to_json()]
    (h200,) = whole.gpus
    assert whole.cells == sum(1024 * step for step in two.model("pythia-1.4b").schedule.saved) == 10_544_151_552
    assert h200.price == pytest.approx(2.5 * h200.gpu_hours)
    printed, assumed = ask("estimate", "pythia-1.4b", *options, text=True)
    assert f"{h200.gpu_hours:,.1f}" in printed
    assert "67.0 in float32 (https://www.nvidia.com/en-us/data-center/h200/" in assumed
    assert "has not been measured on one" in assumed


def test_what_was_measured_and_by_which_protocols(two: seenat.Catalog, ask: Ask) -> None:
    found = two.results("pocket-230k")
    assert ask("results", "pocket-230k") == found.to_json()
    default = next(one for one in found if one.is_default and one.protocol.measure == "prefix")
    assert (default.steps, default.sequences, default.values) == ((0, 64, 128, 256, 384), 1024, 5 * 1024)
    assert default.jobs[0].job == 1
    assert default.on[0].device == two.results("pocket-660k")[0].on[0].device
    score = next(one for one in found if one.protocol.measure == "score")
    onsets = two.onsets("pocket-230k")
    assert onsets.protocol == default.protocol
    assert score.protocol.id in {other.id for other in onsets.other_protocols}
    _, told = ask("onset", "pocket-230k", text=True)
    assert f"{score.protocol.id} ({score.words})" in told
    assert all(f"{one.protocol.id}: {one.words}" in ask("results", text=True)[0] for one in found)
    assert f"{score.protocol.id}: {score.words}" in ask("jobs", text=True)[0]
    for answer in (
        two.trajectory("pocket-230k", 5),
        two.which.first("pocket-230k", 384),
        two.which.batches("pocket-230k", 384),
        two.which.relearned("pocket-230k"),
        two.studies.onsets("pocket-230k")[0],
        two.studies.batches("pocket-230k"),
    ):
        assert answer.to_json()["other_protocols"] == onsets.to_json()["other_protocols"]


def test_what_each_checkpoint_said_of_a_sequence(two: seenat.Catalog, ask: Ask) -> None:
    answer = two.sequence("pocket-order", 20, decode=True)
    assert ask("sequence", "pocket-order", "20", "--decode") == answer.to_json()
    assert answer.recitals is not None
    assert answer.texts is not None
    recital = next(one for one in answer.recitals if one.model == "pocket-230k" and "32 + 32" in one.words)
    assert answer.texts[0].startswith(recital.prompt + recital.truth)
    path = two.trajectory("pocket-230k", 20)
    assert [(said.step, said.reproduced) for said in recital.said] == [
        (point.step, point.values["prefix"]) for point in path.points
    ]
    assert all(recital.truth.startswith(said.text) for said in recital.said)
    assert recital.said[-1].text == recital.truth
    assert "only prefixes tell" in ask("sequence", "pocket-order", "20", "--decode", text=True)[1]


def test_what_each_checkpoint_says_where_it_leaves_the_truth(two: seenat.Catalog, ask: Ask) -> None:
    answer = two.sequence("pocket-230k", 20, say=["step128", 384])
    assert answer.recitals is not None
    prefix, score = sorted(answer.recitals, key=lambda recital: recital.words)
    assert [(said.step, said.whole is not None) for said in prefix.said[-3:]] == [
        (128, True),
        (256, False),
        (384, True),
    ]
    early, late = prefix.said[-3], prefix.said[-1]
    assert late.whole == late.text == prefix.truth == score.said[0].whole
    assert early.whole is not None
    assert early.whole.startswith(early.text)
    assert early.whole != prefix.truth
    prompt = two.order("pocket-order")[20].tokens()[:32].tolist()
    assert early.whole == two.generate("pocket-230k", 128, prompt).continuation
    asked = ask("sequence", "pocket-230k", "20", "--say", "--steps", "128,384")
    assert asked == answer.to_json()
    with pytest.raises(seenat.NotMeasured):
        two.sequence("pocket-230k", 20, say=[1])
