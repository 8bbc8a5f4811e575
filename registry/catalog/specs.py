"""What a suite says about itself, before it is compared with what the catalog holds.

The same values come from a SUITE.toml and from the suites that ship with seenat, and enter the catalog through one door,
`seenat.registry.suites.write`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seenat.registry.catalog.models import AliasSpec
from seenat.registry.checkpoints.files import FileRecord
from seenat.registry.checkpoints.parameters import ParameterCount
from seenat.registry.orders.order_files import INDEX_MAP
from seenat.registry.schedule import Schedule
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = [
    "BatchContent",
    "CheckpointSpec",
    "ModelSpec",
    "OrderSpec",
    "ParameterCount",
    "SuiteSpec",
]

# A location whose content cannot change: a repository at a commit.
_AT_COMMIT = re.compile(r"hf://[^@]+@[0-9a-f]{40}")
# Catalogs hold results on this commit under a digest in which it was named by 7 digits; they stay results on it.
_NAMED_BEFORE = {"bac79b6820adb34e451f9a02cc1dc7cd920febf0": "bac79b6"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContent:
    """What reading a batch found."""

    batch: int
    digest: str
    """`sha256:` over the batch's bytes, little-endian as on disk."""
    eos_count: int | None
    """How many of its ids end a document; None where the order has no such id."""


@dataclass(frozen=True, kw_only=True)
class OrderSpec:
    """An order as its suite describes it."""

    name: str
    sequences: int
    tokens_per_sequence: int
    sequences_per_batch: int
    dtype: str
    vocab_size: int | None
    eos_id: int | None
    format: str
    location: str
    files: tuple[FileRecord, ...]
    tokenizer: str | None = None
    batches: tuple[BatchContent, ...] = field(default=(), repr=False)
    """Of batches that were read; empty where only the geometry is known."""

    @property
    def digest(self) -> str | None:
        """Over everything that decides what sequence i is; None while that is unknown.

        On the hub a commit decides it, whether or not the files' digests are known; a branch does not.
        """
        geometry = f"{self.sequences} {self.tokens_per_sequence} {self.dtype}"
        if _AT_COMMIT.fullmatch(self.location):
            repository, _, commit = self.location.rpartition("@")
            location = f"{repository}@{_NAMED_BEFORE.get(commit, commit)}"
            return sha256_of_bytes("\n".join([geometry, location, *(file.name for file in self.files)]).encode())
        # Where ids lie flat, an index only repeats the geometry; index maps and the documents' index are the order.
        deciding = [file for file in self.files if file.role == "tokens" or self.format == INDEX_MAP]
        if not deciding or any(file.sha256 is None for file in deciding):
            return None
        lines = [geometry, *(f"{file.sha256} {file.data_offset}" for file in deciding)]
        return sha256_of_bytes("\n".join(lines).encode())


@dataclass(frozen=True, kw_only=True)
class CheckpointSpec:
    """A checkpoint as its suite describes it."""

    step: int
    status: str = "unknown"
    reason: str | None = None
    digest: str | None = None
    files: tuple[FileRecord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model as its suite describes it."""

    name: str
    order: str | None
    schedule: Schedule
    family: str | None = None
    size: str | None = None
    repository: str | None = None
    folder: str | None = None
    parameters: ParameterCount | None = None
    aliases: tuple[AliasSpec, ...] = ()
    version: str | None = None
    """Release of the suite it belongs to."""
    order_note: str | None = None
    """Why the order is not known, or where parts of it can be had."""
    altered_from_step: int | None = None
    """From this step on it was trained on other batches than those of its order."""
    notes: tuple[str, ...] = ()
    """What one should know before using it."""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: tuple[CheckpointSpec, ...] = ()
    """One for each saved step of the schedule, in the same order."""


@dataclass(frozen=True, kw_only=True)
class SuiteSpec:
    """Orders and models that are registered together."""

    name: str
    origin: str
    orders: tuple[OrderSpec, ...]
    models: tuple[ModelSpec, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
