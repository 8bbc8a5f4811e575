"""Let faults strike jobs: `make faults`, or `PYTHONPATH=tests python -m faults --faults 300 --seed 1`.

Prints a tally, and ends with 1 where a cell was lost, doubled or wrong, or where the catalog does not tell what happened.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import click
from support.trained_run import make_mine

from faults.campaign import campaign
from faults.kinds import ALL
from faults.worlds import may_mount

WORLDS = sorted({world for fault in ALL for world in fault.worlds})
KINDS = sorted(fault.name for fault in ALL)


@click.command()
@click.option("--faults", default=300, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="Of everything that is random but the system itself.")
@click.option("--world", "worlds", multiple=True, type=click.Choice(WORLDS), help="Where; all by default.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Which; all by default.")
def main(faults: int, seed: int, worlds: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    """Let faults strike jobs, and count what became of cells."""
    with tempfile.TemporaryDirectory(prefix="seenat-faults-") as folder:
        os.environ["SEENAT_HOME"] = str(Path(folder, "home"))
        (suite := Path(folder, "trained")).mkdir()
        mine = make_mine(suite)
        grounds = Path(folder, "grounds")
        grounds.mkdir()
        tally = campaign(
            grounds,
            mine,
            faults=faults,
            seed=seed,
            worlds=worlds or _possible(),
            kinds=[fault for fault in ALL if not kinds or fault.name in kinds],
            told=lambda line: click.echo(line, err=True),
        )
    click.echo(str(tally))
    sys.exit(0 if tally.is_clean else 1)


def _possible() -> list[str]:
    """The worlds that can be made here: a disk of its own takes root, and a cluster the extra `ray`."""
    is_possible = {"disk": may_mount, "ray": lambda: find_spec("ray") is not None}
    return [world for world in WORLDS if is_possible.get(world, lambda: True)()]


if __name__ == "__main__":
    main()
