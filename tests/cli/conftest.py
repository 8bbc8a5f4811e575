"""Homes in which commands run, and commands run within this process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Call, Called, run_process
from support.once import copied_once

from seenat.cli.main import main


@pytest.fixture(scope="module")
def pocket_home(tmp_path_factory: pytest.TempPathFactory, pocket_manifest: Path) -> Path:
    """A home in which nothing was done yet, but the pocket suite lies, trained, where `seenat demo` looks for it."""
    folder = tmp_path_factory.mktemp("home")
    _lay_pocket(folder, pocket_manifest)
    return folder


@pytest.fixture(scope="session")
def home(measured_home: Callable[[], Path]) -> Path:
    """The home of all who do not measure in it what others would find."""
    return measured_home()


@pytest.fixture(scope="session")
def measured_home(
    tmp_path_factory: pytest.TempPathFactory, pocket_manifest: Path, pocket_file: Path
) -> Callable[[], Path]:
    """Makes a home of one's own whose pocket suite is registered and whose smallest model is measured.

    Measuring takes about 8 seconds, once a run; each home is a copy.
    """

    def measure(folder: Path) -> None:
        _lay_pocket(folder, pocket_manifest)
        shutil.copy(pocket_file, folder)
        done = run_process(folder, ["memorize", "pocket-230k"])
        assert done.returncode == 0, done.stderr

    return lambda: copied_once(tmp_path_factory, "measured-home", measure)


def _lay_pocket(home: Path, manifest: Path) -> None:
    (home / manifest.parent.name).symlink_to(manifest.parent, target_is_directory=True)


@pytest.fixture(scope="session")
def pythia_home(tmp_path_factory: pytest.TempPathFactory, catalog_file: Path) -> Path:
    """A home with nothing but what ships with seenat."""
    folder = tmp_path_factory.mktemp("pythia-home")
    shutil.copy(catalog_file, folder)
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path) -> Call:
    """Run `seenat` within this process: the same edge, without the second that Python and torch take to start."""
    monkeypatch.setenv("SEENAT_HOME", str(home))
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> Called:
        monkeypatch.setattr(sys, "argv", ["seenat", *args])
        with pytest.raises(SystemExit) as stop:
            main()
        caught = capsys.readouterr()
        return Called(int(stop.value.code or 0), caught.out, caught.err)

    return run
