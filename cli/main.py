"""The `seenat` command: its sub-commands, and the edge where errors become one sentence and an exit code.

Nothing heavy is imported here or at the top of the command modules: `seenat --help` costs what click costs.
"""

from __future__ import annotations

import re
import sys

import click

from seenat import __version__
from seenat.cli import (
    checkpoints,
    database,
    doctor,
    evaluations,
    exports,
    integrity,
    jobs,
    memorize,
    models,
    orders,
    results,
    studies,
    suites,
    which,
)
from seenat.registry import settings
from seenat.registry.durable import PARTIAL
from seenat.registry.errors import SeenatError

__all__ = ["main", "seenat"]

_INTERRUPTED = 130


class _InOrder(click.Group):
    """A group that lists its commands in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="seenat")
def seenat() -> None:
    """Which training step saw it, and from which step it stuck.

    A catalog of language models whose training order is known: what each checkpoint had seen, and when it had memorized it.

    \b
    Examples:
      seenat demo                       train, measure and show a small suite
      seenat step pythia-70m 3000       what this checkpoint had seen
      seenat batch pythia-70m 71490     where this batch lies, who saw it first
      seenat memorize pocket-2m         measure every checkpoint
      seenat register SUITE.toml        add a training run of your own

    \b
    Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 schema out of date,
    5 network, hub or database, 130 interrupted.
    """


for _command in (
    suites.demo,
    models.models,
    models.model,
    checkpoints.checkpoints,
    models.step,
    orders.batch,
    orders.sequence,
    exports.export_batches,
    memorize.memorize,
    jobs.jobs,
    jobs.job,
    results.trajectory,
    results.onset,
    which.which,
    which.compact,
    studies.study,
    evaluations.compare,
    exports.export,
    evaluations.evals,
    evaluations.import_,
    integrity.sync,
    integrity.audit,
    integrity.verify,
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
        seenat.main(prog_name="seenat", standalone_mode=False, color=_color())
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _refuse(error, error.exit_code, _usage(error))
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # The reader of our output is gone; Python would complain about it once more.
        return 0
    except SeenatError as error:
        return _refuse(error, error.exit_code, str(error))
    except OSError as error:
        return _refuse(error, 1, _culprit(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: whatever it is, one sentence and no traceback.
        text = f"{type(error).__name__}: {error}. This is a fault in seenat; SEENAT_DEBUG=1 shows where."
        return _refuse(error, 1, text)
    return 0


def _refuse(error: Exception, code: int, text: str) -> int:
    if settings.debug():
        import traceback

        traceback.print_exception(error)
        return code
    click.echo(f"{click.style('Error:', fg='red')} {text}", err=True, color=_color())
    return code


def _color() -> bool | None:
    """What click decides by the stream, unless the person has decided."""
    return False if settings.no_color() else None


def _usage(error: click.ClickException) -> str:
    """What is wrong with the arguments, and where to read what is right."""
    text = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.option_name.strip("-").isdigit():
        text = f"{error.option_name} is no option and no index; indices, steps and counts are whole numbers from 0"
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return f"{text}."
    return f"{text}{' See' if text.endswith('?') else '; see'} `{context.command_path} --help`."


def _culprit(error: OSError) -> str:
    """The file that could not be read or written, and why; of a file in the making the name it was to have."""
    reason = (error.strerror or str(error)).rstrip(".")
    if error.filename is None:
        return f"{reason}."
    name = re.sub(rf"\.\d+{re.escape(PARTIAL)}$", "", str(error.filename))
    return f"{name} cannot be used: {reason}; check the path, and that you may use it."
