"""The `seenat` command: its sub-commands, and the edge where errors become one sentence and an exit code.

Nothing heavy is imported here or at the top of the command modules: `seenat --help` costs what click costs.
"""

from __future__ import annotations

import sys

import click

from seenat import __version__
from seenat.cli import catalog, database, doctor, jobs, results, suites
from seenat.registry import settings
from seenat.registry.errors import SeenatError

__all__ = ["main", "seenat"]

_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="seenat")
def seenat() -> None:
    """Which training step saw it, and from which step it stuck.

    A catalog of language models whose training order is known: what each checkpoint had seen, and when it had memorized it.

    \b
    Examples:
      seenat demo                                  the main job on a small suite trained here
      seenat step pythia-70m 3000                  what this checkpoint had seen
      seenat batch pythia-70m 71490                where this batch lies, and the checkpoints around it
      seenat memorize pocket-2m                    measure every checkpoint over its sequences
      seenat register SUITE.toml                   a training run of your own

    \b
    Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 schema out of date, 5 network, hub or database.
    """


for _command in (
    suites.demo,
    catalog.models,
    catalog.model,
    catalog.checkpoints,
    catalog.step,
    catalog.batch,
    catalog.sequence,
    jobs.memorize,
    jobs.jobs,
    jobs.job,
    results.trajectory,
    results.onset,
    suites.register,
    database.db,
    doctor.doctor,
):
    seenat.add_command(_command)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(_run())


def _run() -> int:
    try:
        seenat.main(prog_name="seenat", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; the same command goes on from here.", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # The reader of our output is gone; Python would complain about it once more.
        return 0
    except SeenatError as error:
        return _refuse(error, error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last line of defence: whatever it is, one sentence and no traceback.
        return _refuse(error, 1, unexpected=True)
    return 0


def _refuse(error: Exception, code: int, *, unexpected: bool = False) -> int:
    if settings.debug():
        import traceback

        traceback.print_exception(error)
        return code
    text = str(error)
    if unexpected:
        text = f"{type(error).__name__}: {text}. This is a fault in seenat; SEENAT_DEBUG=1 shows where."
    click.echo(f"{click.style('Error:', fg='red')} {text}", err=True)
    return code
