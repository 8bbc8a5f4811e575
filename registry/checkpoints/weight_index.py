"""Which file of a checkpoint holds which tensor, as an index of weights says.

A checkpoint in several files has an index, `{"weight_map": {tensor: file}}`. A file may hold more than the index gives it, such
as a stale copy of a tensor that another file holds now: each tensor is taken from the file that the index names. Tensors
that the index does not name at all are kept, for whoever builds the model to refuse, unless two files hold them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from seenat.registry.errors import CorruptFile
from seenat.registry.printable import in_a_sentence

__all__ = ["LARGEST_INDEX", "TensorPlaces", "read_index"]

LARGEST_INDEX = 64 << 20
"""Most bytes of an index: ones of 160,000 tensors have 10 MB."""

_Held = TypeVar("_Held")


@dataclass(frozen=True, kw_only=True)
class TensorPlaces:
    """The files of weights in a folder, and what to take from each."""

    folder: Path
    files: tuple[str, ...]
    index: str | None = None
    file_of: Mapping[str, str] = field(default_factory=dict)
    """The file of each tensor that the index names; empty where there is one file and no index."""

    def read(self, held_by: Callable[[Path], Mapping[str, _Held]]) -> dict[str, _Held]:
        """What is held under each tensor's name, by its own file; `held_by` gives all that a file holds.

        Raises `CorruptFile` when a file lacks what the index says it holds, or two files hold what the index does not name.
        """
        taken: dict[str, _Held] = {}
        for file in self.files:
            held = held_by(self.folder / file)
            self._check_held(file, held)
            for name in held:
                if self.file_of.get(name, file) != file:
                    continue
                if name in taken:
                    raise CorruptFile(
                        f"Two files in {self.folder} hold {in_a_sentence(name, 100)}, and {self.index} names neither; copy or "
                        "download the folder again."
                    )
                taken[name] = held[name]
        return taken

    def _check_held(self, file: str, held: Mapping[str, _Held]) -> None:
        lacking = next((name for name, place in self.file_of.items() if place == file and name not in held), None)
        if lacking is not None:
            raise CorruptFile(
                f"{self.folder / file} does not hold {in_a_sentence(lacking, 100)}, which {self.index} says it does; copy or "
                "download the folder again."
            )


def read_index(index: str, content: bytes, suffix: str) -> dict[str, str]:
    """The file of each tensor, by an index of this name and content whose files end in `suffix`.

    Raises `CorruptFile` unless it names at least one tensor, and only files beside it.
    """
    if len(content) > LARGEST_INDEX:
        raise CorruptFile(f"{index} has {len(content):,} bytes, more than an index of weights; download it again.")
    try:
        file_of = json.loads(content)["weight_map"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptFile(f"{index} is not an index of weights: {type(error).__name__}; download it again.") from error
    if not isinstance(file_of, dict) or not file_of:
        raise CorruptFile(f"{index} is not an index of weights: its weight_map names no tensor; download it again.")
    for name in file_of.values():
        # An index comes from a stranger: `../x` or `C:\x` would make us read or overwrite files elsewhere.
        if not isinstance(name, str) or Path(name).name != name or "\\" in name or not name.endswith(suffix):
            told = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
            raise CorruptFile(
                f"{index} leads to {in_a_sentence(told, 100)}, which is not the name of a {suffix} file beside it."
            )
    return file_of
