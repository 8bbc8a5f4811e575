"""Results that are lost on the disk: what answers say of them, and that the same command measures them again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Call


def test_the_same_command_measures_what_is_lost(
    call: Call, measured_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = measured_home()
    monkeypatch.setenv("SEENAT_HOME", str(home))
    before = call("study", "onsets", "pocket-230k")
    array = next((home / "catalog.sqlite.results" / "pocket-230k").glob("*[!s].zarr"))
    shutil.rmtree(array.with_suffix(".trajectories.zarr"))
    (array / "values" / "c" / "12" / "0").unlink()
    (array / "values" / "c" / "11" / "1").write_bytes((array / "values" / "c" / "12" / "1").read_bytes())
    for args in (
        ("study", "onsets", "pocket-230k"),
        ("which", "kept", "pocket-230k", "--since", "192"),
        ("export", "pocket-230k", "--out", "values.parquet"),
    ):
        refused = call(*args)
        assert (refused.code, refused.out) == (1, "")
        assert "`seenat memorize pocket-230k --steps 3" in refused.err
        assert "or repeat the command that measured them" in refused.err
    again = call("memorize", "pocket-230k")
    assert again.code == 0
    assert (
        "Job 1 had measured 2 shards whose results are gone or damaged on the disk; they are measured again"
        in again.err
    )
    assert "nothing is left to measure" in call("memorize", "pocket-230k").err
    assert call("study", "onsets", "pocket-230k") == before


def test_the_command_that_is_named_mends_the_block(
    call: Call, measured_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = measured_home()
    monkeypatch.setenv("SEENAT_HOME", str(home))
    array = next((home / "catalog.sqlite.results" / "pocket-230k").glob("*[!s].zarr"))
    shutil.rmtree(array.with_suffix(".trajectories.zarr"))
    whole = (array / "values" / "c" / "12" / "0").read_bytes()
    (array / "values" / "c" / "12" / "0").unlink()
    refused = call("trajectory", "pocket-230k", "54")
    assert refused.code == 1
    named = refused.err.split("run `seenat ")[1].split("`")[0]
    assert named == "memorize pocket-230k --steps 384 --sequences 54:55 --unseen"
    assert call(*named.split()).code == 0
    assert (array / "values" / "c" / "12" / "0").read_bytes() == whole
    assert call("trajectory", "pocket-230k", "54").code == 0
