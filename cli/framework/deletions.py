"""What commands that delete share: `--yes`, and how they say what goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seenat.cli.framework.output import Output, plural

if TYPE_CHECKING:
    from seenat import Deletion

__all__ = ["show_deletion", "yes_option"]


def yes_option(command: Any) -> Any:
    """Add `--yes` to a command that deletes."""
    return click.option("--yes", is_flag=True, help="Delete it. Without this, only say what would be deleted.")(command)


def show_deletion(deletion: Deletion, as_json: bool) -> None:
    """Say what is deleted, or would be."""
    out = Output(as_json)
    if not out.data(deletion):
        out.line(f"{'Deleted' if deletion.done else 'This would delete'} {deletion.of}:")
        out.facts(
            [
                ("models", ", ".join(deletion.models) or None),
                ("orders", ", ".join(deletion.orders) or None),
                *(("results", words) for words in deletion.protocols),
                ("values", f"{deletion.values:,} in {plural(deletion.blocks, 'block')}"),
                ("files", f"{deletion.files:,}, {plural(deletion.bytes, 'byte')}"),
                ("jobs", ", ".join(map(str, deletion.jobs)) or "none"),
                ("kept", _kept(deletion)),
            ]
        )
    if not deletion.done:
        out.talk("Nothing was deleted; --yes does it.")


def _kept(deletion: Deletion) -> str | None:
    if not deletion.kept_blocks:
        return None
    return f"{plural(deletion.kept_blocks, 'block')} in which other jobs have measured too"
