"""Verifying: the bytes of a checkpoint on this machine against the digests in the catalog.

Files are read from the model's folder, or from the cache of the hub's client; nothing is fetched. Findings become evidence.
A folder is the checkpoint itself, so a folder that differs makes it wrong; a fetched copy is only a copy, so its faults name
no status. Weights with another number of parameters than the model are wrong in either case: their digests are as recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seenat.registry.answer import Answer
from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.checkpoint_tables import record_state
from seenat.registry.catalog.models import Checkpoint, Model
from seenat.registry.catalog.status import Evidence
from seenat.registry.checkpoints.files import CONFIG, FileRecord, unused_weights, weight_and_config_files
from seenat.registry.checkpoints.parameters import ParameterCount, count_parameters
from seenat.registry.errors import SeenatError, UnknownCheckpoint
from seenat.registry.hub.errors import hub_errors
from seenat.registry.integrity.evidence import VERIFY, replace_evidence
from seenat.registry.storage.digests import sha256_of_file
from seenat.registry.storage.file_state import FileState, state_of

__all__ = ["CheckedFile", "Verification", "check_file", "local_folder", "verify_checkpoint"]


@dataclass(frozen=True, kw_only=True)
class CheckedFile(Answer):
    """A file that determines the numbers, as it is and as the catalog has it."""

    name: str
    state: str
    """`same`, `differs`, `missing` where it is not on this machine, `unrecorded` where the catalog knows no digest."""
    bytes: int | None
    """Length on this machine; None where it is not there."""
    sha256: str | None
    recorded_bytes: int | None
    recorded_sha256: str | None

    def __str__(self) -> str:
        if self.state == "missing":
            return f"{self.name} is not there"
        if self.state == "unrecorded":
            return f"{self.name} is not among the recorded files"
        if self.bytes != self.recorded_bytes:
            return f"{self.name} has {self.bytes:,} bytes instead of {self.recorded_bytes:,}"
        return f"{self.name} has other content: sha256 {_short(self.sha256)} instead of {_short(self.recorded_sha256)}"


@dataclass(frozen=True, kw_only=True)
class Verification(Answer):
    """What verifying one checkpoint found."""

    json_names = ("model", "step", "folder", "verified", "faults", "parameters", "files", "unused")
    json_only_with: ClassVar[Mapping[str, str]] = {"unused": "unused"}

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
    unused: tuple[str, ...] | None = None
    """Files in the folder that look like weights of it, such as a second set, and are neither read nor compared; if any."""

    @property
    def is_comparable(self) -> bool:
        """Whether the catalog has digests to compare with."""
        return any(file.recorded_sha256 for file in self.files)

    @property
    def verified(self) -> bool | None:
        """Whether everything is as it should be; None where there was nothing to compare with."""
        return not self.faults if self.is_comparable or self.faults else None


def local_folder(model: Model, checkpoint: Checkpoint) -> Path | None:
    """Where a checkpoint's files are on this machine; None when they are not."""
    if model.folder is not None:
        folder = Path(model.schedule.expand(model.folder, checkpoint.step))
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
    """Read a checkpoint's files and compare them with what the catalog has; `progress` gets the bytes of each piece.

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
    states = {name: state_of(folder / name) for name in names if (folder / name).is_file()}
    files = tuple(check_file(folder / name, recorded.get(name), progress) for name in names)
    parameters, miscounted = _counted(folder, model)
    faults = [str(file) for file in files if file.state != "same" and (recorded or file.state != "unrecorded")]
    verification = Verification(
        model=model.name,
        step=checkpoint.step,
        folder=folder,
        is_copy=model.folder is None,
        files=files,
        parameters=parameters,
        faults=tuple(sentence for sentence in (*faults, fault if not faults else None, miscounted) if sentence),
        unused=None if fault else unused_weights(folder) or None,
    )
    _record(catalog, checkpoint, verification, miscounted, states)
    return verification


def _names(folder: Path, recorded: dict[str, FileRecord]) -> tuple[list[str], str | None]:
    """The files to read, and why they are not a whole checkpoint if so; then those that are recorded."""
    try:
        return sorted(weight_and_config_files(folder)), None
    except SeenatError as error:
        parts = {name for name in recorded if name == CONFIG or name.endswith(".index.json")}
        suffix = ".safetensors" if any(name.endswith(".safetensors") for name in recorded) else ".bin"
        return sorted({*parts, *(name for name in recorded if name.endswith(suffix))}), str(error)


def check_file(path: Path, recorded: FileRecord | None, progress: Callable[[int], None] | None) -> CheckedFile:
    """Read a file and compare it with what the catalog has of it; `progress` gets the bytes of each piece."""
    there = path.is_file()
    sha256 = sha256_of_file(path, progress) if there else None
    if not there:
        state = "missing"
    elif recorded is None or recorded.sha256 is None:
        state = "unrecorded"
    else:
        state = "same" if sha256 == recorded.sha256 else "differs"
    return CheckedFile(
        name=recorded.name if recorded else path.name,
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
    except SeenatError:  # The faults of the files say why.
        return None, None
    expected = model.parameters
    if expected is None or counted == expected:
        return counted, None
    return counted, f"it holds {counted.total:,} parameters, and {model.name} has {expected.total:,}"


def _record(
    catalog: Catalog,
    checkpoint: Checkpoint,
    verification: Verification,
    miscounted: str | None,
    states: dict[str, FileState],
) -> None:
    """Keep the findings, and the states that files had before they were read and found the same."""
    with catalog.database.write() as connection:
        replace_evidence(connection, VERIFY, {checkpoint.id: list(_findings(verification, miscounted))})
        for file in verification.files:
            if file.state == "same":
                record_state(connection, checkpoint.id, file.name, states[file.name])


def _findings(verification: Verification, miscounted: str | None) -> Iterator[Evidence]:
    count = f", which hold {verification.parameters.total:,} parameters" if verification.parameters else ""
    count += f"; {', '.join(verification.unused)} beside them is not read" if verification.unused else ""
    if verification.faults:
        what = "A fetched copy is not what the hub listed" if verification.is_copy else "It is not what was recorded"
        status = "wrong" if miscounted or not verification.is_copy else None
        yield _finding(status, f"{what}: {'; '.join(verification.faults)}.")
    elif verification.is_comparable:
        yield _finding("ok", f"All {len(verification.files)} files were read and have the recorded digests{count}.")
    else:
        yield _finding(None, f"Its files were read{count}, and there are no digests to compare them with.")


def _finding(status: str | None, statement: str) -> Evidence:
    return Evidence(kind="verification", status=status, statement=statement, source=VERIFY)


def _short(sha256: str | None) -> str:
    return (sha256 or "none").removeprefix("sha256:")[:12]
