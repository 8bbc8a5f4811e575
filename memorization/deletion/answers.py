"""What a deletion is about: the same answer before it and after it."""

from __future__ import annotations

from dataclasses import dataclass

from seenat.registry.answer import Answer

__all__ = ["Deletion"]


@dataclass(frozen=True, kw_only=True)
class Deletion(Answer):
    """What is deleted, or would be."""

    of: str
    """What it is, in words: `the results of pocket-2m`."""
    done: bool
    """Whether it was deleted; else nothing was changed."""
    protocols: tuple[str, ...]
    """Of the results, in words, behind the model's name."""
    values: int
    blocks: int
    """Committed files of values."""
    kept_blocks: int
    """Files of a job's values that other jobs have measured in too; they stay."""
    files: int
    """All files on the disk, those that describe and repeat values included."""
    bytes: int
    jobs: tuple[int, ...]
    models: tuple[str, ...] = ()
    """Of a suite."""
    orders: tuple[str, ...] = ()
    """Of a suite."""
