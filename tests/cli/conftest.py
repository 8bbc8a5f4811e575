"""Homes in which commands run, and commands run within this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Call, Called, run_process

from seenat.cli.main import main


@pytest.fixture
def pocket_home(tmp_path_factory: pytest.TempPathFactory, pocket_manifest: Path) -> Path:
    """A home in which nothing was done yet, but the pocket suite lies, trained, where `seenat demo` looks for it."""
    return _pocket_home(tmp_path_factory, pocket_manifest)


@pytest.fixture(scope="session")
def home(measured_home: Callable[[], Path]) -> Path:
    """The home of all who do not measure in it what others would find."""
    return measured_home()


@pytest.fixture(scope="session")
def measured_home(tmp_path_factory: pytest.TempPathFactory, pocket_manifest: Path) -> Callable[[], Path]:
    """Makes a home whose pocket suite is registered and whose smallest model is measured, which takes about 8 seconds."""

    def made() -> Path:
        folder = _pocket_home(tmp_path_factory, pocket_manifest)
        suite = folder / pocket_manifest.parent.name
        for args in (["register", str(suite / "SUITE.toml")], ["memorize", "pocket-230k"]):
            done = run_process(folder, args)
            assert done.returncode == 0, done.stderr
        return folder

    return made


def _pocket_home(factory: pytest.TempPathFactory, manifest: Path) -> Path:
    folder = factory.mktemp("home")
    (folder / manifest.parent.name).symlink_to(manifest.parent, target_is_directory=True)
    return folder


@pytest.fixture(scope="session")
def pythia_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with nothing but what ships with seenat."""
    folder = tmp_path_factory.mktemp("pythia-home")
    done = run_process(folder, ["db", "upgrade"])
    assert done.returncode == 0, done.stderr
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
