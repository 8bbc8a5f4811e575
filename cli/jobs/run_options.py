"""The options of every command that measures: on what, and what of it stays on the disk."""

from __future__ import annotations

from typing import Any

import click

from seenat.cli.framework.params import Count

__all__ = ["cost_options", "device_option", "run_options"]

device_option = click.option(
    "--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps. Default: cuda where there is one, else cpu."
)
_KEEP_CHECKPOINTS = click.option(
    "--keep-checkpoints",
    type=Count("number of checkpoints"),
    metavar="N",
    help="Keep N of the checkpoints fetched from a hub, and delete the others once measured. Default: keep all.",
)


def run_options(command: Any) -> Any:
    """Add `--device` and `--keep-checkpoints` to a command."""
    return device_option(_KEEP_CHECKPOINTS(command))


def cost_options(command: Any) -> Any:
    """Add `--dry-run`, `--yes` and `--as-asked` to a command."""
    options = (
        click.option("--dry-run", is_flag=True, help="Only tell what it costs, as `seenat estimate` does."),
        click.option("--yes", is_flag=True, help="Do not ask, however long it takes."),
        click.option(
            "--as-asked", is_flag=True, help="Measure --adaptive or rechecked even where another way is faster."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
