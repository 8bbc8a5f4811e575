"""Breaks the code in known ways and sees the tests fail: `python tests/house/mutants.py [TEXT...]`, for files whose names hold TEXT.

`mutations.toml` lists those of the arithmetic, `mutations_of_edges.toml` those of everything that damaged files, hostile hubs and
mistakes once broke. Each is applied alone, in a copy of the repository, where the tests named beside it run; some
10 seconds each. The exit code is 1 where a broken copy passed its tests, or where the tests fail without any change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MUTATIONS", "Mutation", "main"]

ROOT = Path(__file__).parents[2]
PASSED, FAILED = 0, 1
"""pytest's exit codes; any other means that tests were not run, which shows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One way to break one file."""

    file: str
    old: str
    new: str
    tests: list[str]

    def __str__(self) -> str:
        return f"{self.file}: {self.old.strip().splitlines()[0]}"

    @contextmanager
    def applied(self, root: Path) -> Iterator[None]:
        """The file of a copy, broken for a while."""
        path = root / self.file
        whole = path.read_text(encoding="utf-8")
        path.write_text(whole.replace(self.old, self.new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(whole, encoding="utf-8")


MUTATIONS = tuple(
    Mutation(**fields)
    for path in sorted(Path(__file__).parent.glob("mutations*.toml"))
    for fields in tomllib.loads(path.read_text(encoding="utf-8"))["mutation"]
)


def main(names: Sequence[str]) -> int:
    """Try the mutations of some files, or all; returns the exit code."""
    chosen = [each for each in MUTATIONS if not names or any(name in each.file for name in names)]
    with tempfile.TemporaryDirectory() as folder:
        root = _copied(Path(folder) / "repository")
        if _run(root, sorted({test for each in chosen for test in each.tests})) != PASSED:
            print("the tests fail without any mutation; mend that first")
            return 1
        survivors = [each for each in chosen if not _is_caught(root, each)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutations were caught")
    return 1 if survivors or not chosen else 0


def _copied(to: Path) -> Path:
    """What git knows of the working tree, links as links."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name, follow_symlinks=False)
    return to


def _is_caught(root: Path, mutation: Mutation) -> bool:
    with mutation.applied(root):
        code = _run(root, mutation.tests)
    said = {PASSED: "SURVIVED", FAILED: "caught"}.get(code, f"NOT TRIED, pytest ended with {code}")
    print(f"{said:<10}{mutation}", flush=True)
    return code == FAILED


def _run(root: Path, tests: Iterable[str]) -> int:
    # Compiled files are told apart by second and size, which a mutation may leave as they are.
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
