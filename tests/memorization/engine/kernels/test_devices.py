"""Memory that runs out halves the rows and changes no number; sequences arrive whole; float32 stays float32."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from seenat.memorization.engine.kernels.devices import BlockTransfer, RowsPerPass, exact_products, report_out_of_memory
from seenat.memorization.engine.neox.engine import NeoxEngine
from seenat.memorization.engine.scorer import Scorer
from seenat.memorization.engine.transformers.engine import GenericEngine
from seenat.memorization.protocol.protocol import Protocol
from seenat.registry.errors import InvalidValue, OutOfMemory

CPU = torch.device("cpu")


class Hungry(transformers.LlamaForCausalLM):  # type: ignore[misc]
    """A model that asks torch for 2**60 bytes, in vain, when it is given more rows than `most`."""

    most = 0

    def forward(self, input_ids: torch.Tensor, **others: Any) -> Any:
        note_hunger(len(input_ids), self.most)
        return super().forward(input_ids, **others)


class HungryBody(transformers.LlamaModel):  # type: ignore[misc]
    """Likewise, of the part that makes states."""

    most = 0

    def forward(self, input_ids: torch.Tensor, **others: Any) -> Any:
        note_hunger(len(input_ids), self.most)
        return super().forward(input_ids, **others)


def note_hunger(rows: int, most: int) -> None:
    if rows > most:
        torch.empty(1 << 60, dtype=torch.uint8)


@pytest.fixture
def hungry(llama: Any) -> Any:
    """The trained Llama, with both halves hungry."""
    model = Hungry(llama.model.config).eval()
    model.model = HungryBody(llama.model.config).eval()
    model.load_state_dict(llama.model.state_dict())
    model.most = model.model.most = 10**9
    return model


@pytest.mark.parametrize("most", [63, 7, 1])
@pytest.mark.parametrize("measure", ["prefix", "score"])
def test_rows_are_halved_until_they_fit(llama: Any, hungry: Any, measure: str, most: int) -> None:
    protocol = Protocol(measure=measure)
    tokens = llama.rows[: 100 if most > 1 else 12, :64].astype(np.int64)
    engine = GenericEngine(hungry, [protocol])
    hungry.most = hungry.model.most = most
    engine._module.most = engine._module.model.most = most  # Its packed copy.
    found = engine.prefixes(tokens) if measure == "prefix" else engine.scores(tokens)
    assert engine.rows == max(rows for rows in (64, 32, 16, 8, 4, 2, 1) if rows <= most)
    np.testing.assert_array_equal(found[0], Scorer(llama.model, protocol, "cpu").measure(tokens))


def test_a_row_that_does_not_fit_is_one_clear_error(llama: Any, hungry: Any) -> None:
    engine = GenericEngine(hungry, [Protocol()])
    engine._module.most = engine._module.model.most = 0
    with pytest.raises(OutOfMemory, match="memory of cpu does not hold what the model makes of one sequence"):
        engine.prefixes(llama.rows[:5, :64].astype(np.int64))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("MPS backend out of memory")]
)
def test_stages_are_run_again_with_fewer_rows(neox_700: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A pass of the engine's own over more than 20 rows fails, on the third of them, when much is in the pools already."""
    tokens = neox_700.rows[:, :64].astype(np.int64)
    engine = NeoxEngine(neox_700.model, [Protocol()])
    expected = NeoxEngine(neox_700.model, [Protocol()]).prefixes(np.tile(tokens, (4, 1)))
    states, seen = engine._body.states, []

    def scarce(ids: torch.Tensor, *args: Any, **others: Any) -> torch.Tensor:
        seen.append(len(ids))
        if len(ids) > 20 and len(seen) % 3 == 0:
            raise error
        return states(ids, *args, **others)

    monkeypatch.setattr(engine._body, "states", scarce)
    np.testing.assert_array_equal(engine.prefixes(np.tile(tokens, (4, 1))), expected)
    assert engine.rows == 8  # Passes over what is left in the pools take twice as many.
    assert {64, 32, 16} <= set(seen)


def test_rows_stay_halved_and_other_errors_pass() -> None:
    rows, tried = RowsPerPass(100, CPU), []

    def work(count: int) -> int:
        tried.append(count)
        if count > 12:
            raise torch.OutOfMemoryError
        return count

    assert (rows.fit(work), rows.fit(work), tried) == (12, 12, [100, 50, 25, 12, 12])
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        rows.fit(lambda _: torch.zeros(3) @ torch.zeros(4))
    assert rows.count == 12


def test_a_model_that_does_not_fit_is_one_clear_error() -> None:
    with pytest.raises(OutOfMemory, match="memory of cpu does not hold the model"), report_out_of_memory(CPU):
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="inconsistent tensor size"), report_out_of_memory(CPU):
        torch.zeros(3) @ torch.zeros(4)


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_every_sequence_arrives_once(rows: int) -> None:
    host = torch.arange(200).view(100, 2)
    transfer = BlockTransfer(host, CPU, rows)
    came = [transfer.tokens[block] for block in transfer]
    assert torch.equal(torch.cat(came), host)
    assert max(map(len, came)) == min(rows, 100)
    elsewhere = BlockTransfer(host, torch.device("meta"), rows)
    assert (elsewhere.tokens.device.type, elsewhere.tokens.shape) == ("meta", (100, 2))
    assert len(list(BlockTransfer(host[:0], CPU, rows))) == 0


def test_single_precision_is_what_the_process_did_not_ask_for(neox_700: Any) -> None:
    """With `medium` oneDNN and CUDA may multiply float32 in 8 or 11 bits."""
    tokens = neox_700.rows[:, :64]
    expected = Scorer(neox_700.model, Protocol(), "cpu").prefixes(tokens)
    seen = []
    torch.set_float32_matmul_precision("medium")
    try:
        with exact_products():
            seen.append(torch.get_float32_matmul_precision())
        seen.append(torch.get_float32_matmul_precision())
        np.testing.assert_array_equal(Scorer(neox_700.model, Protocol(), "cpu").prefixes(tokens), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == ["highest", "medium"]


def test_single_precision_lasts_until_the_last_thread_that_needs_it_is_done() -> None:
    """While one model measures, another thread builds the next: neither may take the setting from the other."""
    seen = []
    torch.set_float32_matmul_precision("medium")
    try:
        measuring, building = exact_products(), exact_products()
        with ThreadPoolExecutor(1) as other:
            other.submit(building.__enter__).result()
            with measuring:
                other.submit(building.__exit__, None, None, None).result()
                seen.append(torch.get_float32_matmul_precision())
            seen.append(torch.get_float32_matmul_precision())
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == ["highest", "medium"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused(neox_700: Any) -> None:
    from seenat.memorization.engine.transformers.loading import check_device

    for name in ("cuda", "cuda:1", "mps", "abacus"):
        with pytest.raises(InvalidValue, match=f"no device '{name}' to measure on; choose one of cpu"):
            check_device(name)
