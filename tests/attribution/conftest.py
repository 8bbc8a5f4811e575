"""A small model whose order repeats itself, and commands run over it within this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.cli import Call, Called
from support.repeated_windows import MadeUp, made

from seenat.cli.main import main

__all__ = ["made"]


@pytest.fixture
def call(made: MadeUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Run `seenat` over its catalog."""
    monkeypatch.setenv("SEENAT_DATABASE_URL", made.catalog.database.url.render_as_string())
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> Called:
        monkeypatch.setattr(sys, "argv", ["seenat", *args])
        with pytest.raises(SystemExit) as stop:
            main()
        caught = capsys.readouterr()
        return Called(int(stop.value.code or 0), caught.out, caught.err)

    return run
