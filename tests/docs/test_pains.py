"""docs/pythia.md: each of the fifteen troubles, and that the command named beside it takes it away.

The page's rows are numbered, and each has a test of that number here; several are tested in depth elsewhere.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from seenat.cli.main import seenat
from seenat.memorization.jobs.plan import plan_job
from seenat.memorization.protocol.protocol import Protocol
from seenat.memorization.protocol.selection import Selection
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.database.tables.catalog import batches
from seenat.registry.errors import CorruptFile, SeenatError, UnknownCheckpoint
from seenat.registry.integrity.batch_digests import verify_batch
from seenat.registry.open import open_catalog
from seenat.registry.suites.register import register_suite
from seenat.registry.units import SequenceRange

PAGE = (Path(__file__).parents[2] / "docs" / "pythia.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)

Ask = Callable[[str], Any]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, catalog_file: Path) -> Path:
    return Path(shutil.copy(catalog_file, tmp_path_factory.mktemp("pains")))


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    with open_catalog(str(path)) as opened:
        yield opened


@pytest.fixture
def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    monkeypatch.setenv("SEENAT_DATABASE_URL", str(path))
    return lambda command: CliRunner().invoke(seenat, shlex.split(command)[1:])


@pytest.fixture
def ask(run: Callable[[str], Result]) -> Ask:
    def asked(command: str) -> Any:
        result = run(f"{command} --json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return asked


def test_every_trouble_has_a_sentence_a_command_and_a_test() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 16))
    for number, _, answer, command in ROWS:
        assert answer.endswith(".")
        assert "`seenat " in command
        assert any(name.startswith(f"test_{number}_") for name in globals())
        for name in re.findall(r"`seenat ([\w-]+)", command):
            assert name in seenat.commands


def test_1_weights_of_another_step_are_refused(ask: Ask, catalog: Catalog) -> None:
    wrong = ask("seenat checkpoints --status wrong")
    assert {"pythia-2.8b", "pythia-12b"} <= {row["model"] for row in wrong}
    assert all(row["source"].startswith("https://github.com/EleutherAI/pythia/issues/") for row in wrong)
    told = ask("seenat step pythia-2.8b 1000")
    assert (told["status"], told["source"]) == ("wrong", "https://github.com/EleutherAI/pythia/issues/205")
    assert [one["status"] for one in told["evidence"]] == ["wrong", "suspect", "suspect"]
    model = catalog.model("pythia-2.8b")
    with pytest.raises(UnknownCheckpoint, match="wrong"):
        plan_job(catalog, model, Protocol(), Selection(steps=(1000,), sequences=SequenceRange(0, 1024)))
    suspect = catalog.model("pythia-2.8b-deduped")
    with pytest.raises(SeenatError, match="allow-suspect"):
        plan_job(catalog, suspect, Protocol(), Selection(steps=(1000,), sequences=SequenceRange(0, 1024)))


def test_2_a_missing_step_is_answered_with_its_neighbours(run: Callable[[str], Result], ask: Ask) -> None:
    with pytest.raises(UnknownCheckpoint, match=r"nearest are 1000 and 2000, and batches 1000 to 1999 lie between"):
        seenat.main(["step", "pythia-70m", "1500"], standalone_mode=False)
    missing = ask("seenat checkpoints --status missing")
    assert {(row["model"], row["step"]) for row in missing} == {
        ("pythia-410m-seed9", 40_000),
        ("pythia-410m-seed6", 88_000),
        ("pythia-410m-seed2", 111_000),
    }


def test_3_both_directions_agree_at_the_edges(ask: Ask) -> None:
    for step in (0, 1, 512, 1000, 143_000):
        answer = ask(f"seenat step pythia-70m {step}")
        assert answer["sequences_seen"] == {"start": 0, "stop": 1024 * step}
        assert answer["last_batch"] == (step - 1 if step else None)
    assert ask("seenat sequence pythia-70m 1024")["first_checkpoint_seen"] == 2
    assert ask("seenat sequence pythia-70m 1023")["first_checkpoint_seen"] == 1
    assert ask("seenat batch pythia-70m 142999")["first_checkpoint_after"] == 143_000


def test_4_a_batch_is_two_byte_ranges_at_most(ask: Ask) -> None:
    parts = ask("seenat batch pile-deduped 71490")["bytes"]
    assert len(parts) == 2
    assert sum(part["length"] for part in parts) == 4_196_352


def test_5_bytes_are_held_against_what_is_known(catalog: Catalog) -> None:
    order = catalog.order("pile-deduped")
    forged = np.zeros((1024, 2049), np.uint16)
    with pytest.raises(CorruptFile, match="7b5299e7ed77"):  # The published digest of batch 0.
        verify_batch(catalog, order, 0, forged)


def test_6_the_epoch_boundary_is_a_disputed_claim_not_a_column(ask: Ask) -> None:
    claims = [one for one in ask("seenat model pile-deduped --disputed") if one["field"] == "epoch_boundary"]
    assert [one["is_primary"] for one in claims] == [True, False]
    assert claims[0]["value"].startswith("none")


def test_7_separators_are_counted_and_inputs_are_not_shifted_by_hand(
    sqlite_catalog: Catalog, pocket_manifest: Path
) -> None:
    register_suite(sqlite_catalog, pocket_manifest)
    order = sqlite_catalog.order("pocket-order")
    with sqlite_catalog.database.read() as connection:
        counted = (
            connection.execute(batches.select().where(batches.c.order_id == order.id, batches.c.batch == 5))
            .one()
            .eos_count
        )
    tokens = order.batch(5).tokens()
    assert counted == int((tokens == 0).sum())
    example = next(iter(order.dataset(steps=(5, 6))))
    assert list(example["input_ids"]) == tokens[0, :-1].tolist()
    assert list(example["labels"]) == tokens[0, 1:].tolist()


def test_8_step_0_equals_step_1_because_its_update_has_rate_0(ask: Ask) -> None:
    assert ask("seenat step pythia-70m 0")["learning_rate"] == 0
    assert ask("seenat step pythia-70m 1")["learning_rate"] > 0
    assert ask("seenat step pythia-70m 0")["status"] == "unknown"  # An identity is no fault.


def test_9_old_names_and_doubled_labels(ask: Ask) -> None:
    assert ask("seenat model pythia-19m")["name"] == "pythia-70m-v0"
    assert ask("seenat step pythia-160m-v0 step3000")["step"] == 1500


def test_10_both_claims_are_kept(ask: Ask) -> None:
    rates = [one["value"] for one in ask("seenat model pythia-1b --disputed") if one["field"] == "learning_rate"]
    assert rates == [2.5e-4, 3.0e-4]


def test_11_counts_and_the_larger_badge(ask: Ask) -> None:
    answer = ask("seenat model pythia-70m")
    assert answer["parameters"] == {"total": 70_426_624, "non_embedding": 18_915_328}
    assert answer["architecture"]["vocab_size"] == 50_304
    badge = next(one for one in answer["claims"] if one["field"] == "hub_elements")
    assert badge["value"] == 95_592_448
    assert "masks" in badge["note"]


def test_12_another_seeds_order_is_told_and_never_replaced(run: Callable[[str], Result]) -> None:
    with pytest.raises(SeenatError, match="neox-index-map"):
        seenat.main(["batch", "pythia-70m-seed3", "0"], standalone_mode=False)


def test_13_published_counts_stand_beside_ours(ask: Ask) -> None:
    assert "2382326" in json.dumps(ask("seenat compare pythia-12b-v0"))


def test_14_mislabelled_evaluations_are_quarantined(tmp_path: Path, ask: Ask) -> None:
    folder = tmp_path / "evals" / "pythia-v1" / "pythia-70m" / "five-shot"
    folder.mkdir(parents=True)
    zero_shot = {
        "results": {"lambada_openai": {"acc": 0.5}},
        "versions": {},
        "config": {
            "model": "hf-causal",
            "model_args": "pretrained=EleutherAI/pythia-v1.1-70m,revision=step3000",
            "num_fewshot": 0,
        },
    }
    (folder / "70m-5shot_step3000.json").write_text(json.dumps(zero_shot))
    answer = ask(f"seenat import evals {tmp_path / 'evals'}")
    assert "quarantined" in json.dumps(answer)
    assert "shot" in json.dumps(answer["quarantined"])


def test_15_the_next_batches_from_any_step_are_exact(sqlite_catalog: Catalog, pocket_manifest: Path) -> None:
    register_suite(sqlite_catalog, pocket_manifest)
    model = sqlite_catalog.model("pocket-2m")
    stream = model.dataset(from_step=128)
    first = next(iter(stream))
    assert first["sequence"] == model.batch(128).sequences.start
