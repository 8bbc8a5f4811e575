"""Verifying: the bytes of a checkpoint on this machine against the digests that the catalog has of it.

Files are read from the model's folder, or from where the hub's client keeps what it fetched; nothing is fetched here. What
is found becomes evidence. A folder is the checkpoint, so one that differs is wrong; a fetched copy is only a copy, and what
is wrong with it is told without a status. Weights that hold another number of parameters than the model has are wrong in
either case, since the digests then are of such weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import update

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.specs import FileRecord, ParameterCount
from seenat.registry.checkpoints.files import CONFIG, weight_and_config_files
from seenat.registry.checkpoints.parameters import count_parameters
from seenat.registry.database.tables import checkpoint_files
from seenat.registry.errors import SeenatError, UnknownCheckpoint
from seenat.registry.hub.errors import hub_errors
from seenat.registry.integrity.evidence import VERIFY, Finding, replace_evidence
from seenat.registry.storage.digests import sha256_of_file

__all__ = ["CheckedFile", "Verification", "local_folder", "verify_checkpoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A file that determines the numbers, as it is and as the catalog has it."""

    name: str
    state: str
    """`same`, `differs`, `missing` where it is not on this machine, `unrecorded` where the catalog knows no digest."""
    bytes: int | None
    """Length on this machine; None where it is not there."""
    sha256: str | None
    recorded_bytes: int | None
    recorded_sha256: str | None

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        if self.state == "missing":
            return f"{self.name} is not there"
        if self.state == "unrecorded":
            return f"{self.name} is not among the recorded files"
        if self.bytes != self.recorded_bytes:
            return f"{self.name} has {self.bytes:,} bytes instead of {self.recorded_bytes:,}"
        return f"{self.name} has other content: sha256 {_short(self.sha256)} instead of {_short(self.recorded_sha256)}"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What verifying one checkpoint found."""

    model: str
    step: int
    folder: Path
    is_copy: bool
    """Whether it is what was fetched from a hub."""
    files: tuple[CheckedFile, ...]
    parameters: ParameterCount | None
    """What its headers hold; None where they cannot be counted."""
    faults: tuple[str, ...]
    """A sentence for everything that is not as it should be."""

    @property
    def is_comparable(self) -> bool:
        """Whether the catalog has digests to compare with."""
        return any(file.recorded_sha256 for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """Every field by name; `verified` is null where there was nothing to compare with."""
        return {
            "model": self.model,
            "step": self.step,
            "folder": str(self.folder),
            "verified": not self.faults if self.is_comparable or self.faults else None,
            "faults": list(self.faults),
            "parameters": self.parameters.to_json() if self.parameters else None,
            "files": [file.to_json() for file in self.files],
        }


def local_folder(model: Model, checkpoint: Checkpoint) -> Path | None:
    """Where a checkpoint's files are on this machine; None when they are not."""
    if model.folder is not None:
        label = str(model.schedule.label(checkpoint.step))
        folder = Path(model.folder.replace("{label}", label).replace("{step}", str(checkpoint.step)))
        return folder if folder.is_dir() else None
    if model.repository is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    revision = checkpoint.commit_id or checkpoint.revision
    with hub_errors(f"{model.repository}@{revision}"):
        config = try_to_load_from_cache(model.repository, CONFIG, revision=revision)
    return Path(config).parent if isinstance(config, str) else None


def verify_checkpoint(
    catalog: Catalog, model: Model, checkpoint: Checkpoint, progress: Callable[[int], None] | None = None
) -> Verification:
    """Read a checkpoint's files and compare them with what the catalog has; `progress` is told the bytes of each piece.

    The outcome is recorded as evidence. Raises `UnknownCheckpoint` when the files are not on this machine.
    """
    folder = local_folder(model, checkpoint)
    if folder is None:
        raise UnknownCheckpoint(
            f"{model.name} at step {checkpoint.step} is not on this machine; a job fetches what it measures: "
            f"seenat memorize {model.name} --steps {checkpoint.step}."
        )
    recorded = {file.name: file for file in catalog.checkpoint_files(checkpoint)}
    names, fault = _names(folder, recorded)
    files = tuple(_checked(folder / name, recorded.get(name), progress) for name in names)
    parameters, miscounted = _counted(folder, model)
    faults = [str(file) for file in files if file.state != "same" and (recorded or file.state != "unrecorded")]
    found = Verification(
        model=model.name,
        step=checkpoint.step,
        folder=folder,
        is_copy=model.folder is None,
        files=files,
        parameters=parameters,
        faults=tuple(one for one in (*faults, fault if not faults else None, miscounted) if one),
    )
    _record(catalog, checkpoint, found, miscounted)
    return found


def _names(folder: Path, recorded: dict[str, FileRecord]) -> tuple[list[str], str | None]:
    """The files to read, and why they are not a whole checkpoint if so; then those that are recorded."""
    try:
        return sorted(weight_and_config_files(folder)), None
    except SeenatError as error:
        parts = {name for name in recorded if name == CONFIG or name.endswith(".index.json")}
        suffix = ".safetensors" if any(name.endswith(".safetensors") for name in recorded) else ".bin"
        return sorted({*parts, *(name for name in recorded if name.endswith(suffix))}), str(error)


def _checked(path: Path, recorded: FileRecord | None, progress: Callable[[int], None] | None) -> CheckedFile:
    there = path.is_file()
    sha256 = sha256_of_file(path, progress) if there else None
    if not there:
        state = "missing"
    elif recorded is None or recorded.sha256 is None:
        state = "unrecorded"
    else:
        state = "same" if sha256 == recorded.sha256 else "differs"
    return CheckedFile(
        name=path.name,
        state=state,
        bytes=path.stat().st_size if there else None,
        sha256=sha256,
        recorded_bytes=recorded.bytes if recorded else None,
        recorded_sha256=recorded.sha256 if recorded else None,
    )


def _counted(folder: Path, model: Model) -> tuple[ParameterCount | None, str | None]:
    """The parameters in a checkpoint's headers, and a sentence where they are not the model's."""
    try:
        counted = count_parameters(folder)
    except SeenatError:  # The files' own faults tell it.
        return None, None
    expected = model.parameters
    if expected is None or counted == expected:
        return counted, None
    return counted, f"it holds {counted.total:,} parameters, and {model.name} has {expected.total:,}"


def _record(catalog: Catalog, checkpoint: Checkpoint, found: Verification, miscounted: str | None) -> None:
    with catalog.database.write() as connection:
        replace_evidence(connection, VERIFY, {checkpoint.id: list(_findings(found, miscounted))})
        for file in found.files:
            if file.state == "same":
                connection.execute(
                    update(checkpoint_files)
                    .where(checkpoint_files.c.checkpoint_id == checkpoint.id, checkpoint_files.c.name == file.name)
                    .values(modified_ns=(found.folder / file.name).stat().st_mtime_ns)
                )


def _findings(found: Verification, miscounted: str | None) -> Iterator[Finding]:
    count = f", which hold {found.parameters.total:,} parameters" if found.parameters else ""
    if found.faults:
        what = "A fetched copy is not what the hub listed" if found.is_copy else "It is not what was recorded"
        status = "wrong" if miscounted or not found.is_copy else None
        yield _finding(status, f"{what}: {'; '.join(found.faults)}.")
    elif found.is_comparable:
        yield _finding("ok", f"All {len(found.files)} files were read and have the recorded digests{count}.")
    else:
        yield _finding(None, f"Its files were read{count}, and there are no digests to compare them with.")


def _finding(status: str | None, statement: str) -> Finding:
    return Finding(kind="verification", status=status, statement=statement, source=VERIFY)


def _short(sha256: str | None) -> str:
    return (sha256 or "none").removeprefix("sha256:")[:12]
