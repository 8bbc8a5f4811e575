"""What a folder is being built as: written there first, and held against what is asked for before anything goes on.

A suite's *identity* (format, seed, corpus, configuration) decides what it should contain; the *versions* of the libraries
decide its last bits. A finished suite must have the identity asked for; an unfinished one goes on only where the
versions are the same too, so that no run is a mixture.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Self

from seenat.memorization.pocket.config import PocketConfig
from seenat.registry.errors import MissingExtra
from seenat.registry.storage.local import write_atomic

__all__ = ["FORMAT", "PLAN_FILE", "Plan", "versions"]

FORMAT = 1
"""Raised whenever the same seed, corpus and configuration would give another suite than before."""

_LIBRARIES = ("numpy", "safetensors", "tokenizers", "torch", "transformers")
PLAN_FILE = "plan.json"
"""Its name within the folder that it is kept in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Seed, corpus and configuration of one suite."""

    seed: int
    corpus: str
    """Tagged digest of the corpus."""
    config: PocketConfig

    def identity(self) -> dict[str, int | str]:
        """What a finished suite is recognised by."""
        return {
            "format": FORMAT,
            "seed": self.seed,
            "corpus_sha256": self.corpus.removeprefix("sha256:"),
            "config_sha256": self.config.digest().removeprefix("sha256:"),
        }

    def write(self, folder: Path) -> None:
        """Keep the plan in a folder, durably, with the versions at hand."""
        write_atomic(folder / PLAN_FILE, self._to_json().encode())

    def is_written(self, folder: Path) -> bool:
        """Whether the folder holds this very plan, made with the versions at hand."""
        path = folder / PLAN_FILE
        return path.is_file() and path.read_text(encoding="utf-8") == self._to_json()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The plan that a folder holds."""
        fields = json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
        return cls(fields["seed"], fields["corpus"], PocketConfig.from_json(fields["config"]))

    def _to_json(self) -> str:
        fields = {"seed": self.seed, "corpus": self.corpus, "config": self.config.to_json()}
        return json.dumps({"format": FORMAT, **fields, "versions": versions()})


def versions() -> dict[str, str]:
    """The machine, and the version of everything that decides the bytes.

    Raises `MissingExtra` where a library is not installed.
    """
    own = {"machine": platform.machine(), "python": platform.python_version()}
    return own | {library: _version(library) for library in _LIBRARIES}


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        raise MissingExtra(f"Making the pocket suite needs {library}; run: pip install 'seenat[jobs]'") from None
