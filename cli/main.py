"""The `seenat` command: its sub-commands, and where errors become one sentence and an exit code.

A command is imported when it is run, and no command imports anything heavy at the top: `seenat --help` costs what click costs.
"""

from __future__ import annotations

import atexit
import gc
import re
import sys

import click

from seenat import __version__
from seenat.cli.framework.lazy_group import LazyCommand, LazyGroup
from seenat.cli.framework.signals import EndedError, asked_to_end, ended_tidily, exit_code
from seenat.cli.framework.terminal import STDOUT, discard_output, open_closed_streams, say, write
from seenat.registry import settings
from seenat.registry.errors import SeenatError
from seenat.registry.printable import one_line

__all__ = ["main", "seenat"]

# Threshold of the garbage collector. Python's default of 700 runs it about 100 times during the imports of a look-up, which
# costs a tenth of the time and finds nothing.
_GC_THRESHOLD = 100_000
_COMMANDS = {
    "demo": LazyCommand("catalog.suites:demo", "Train a small suite here, measure it, show the result."),
    "models": LazyCommand("catalog.models:models", "List the models of the catalog."),
    "model": LazyCommand("catalog.models:model", "Show everything known of one model."),
    "checkpoints": LazyCommand("catalog.checkpoints:checkpoints", "List checkpoints, and whether each can be trusted."),
    "step": LazyCommand("catalog.models:step", "Show what a checkpoint had seen."),
    "broken": LazyCommand("catalog.checkpoints:broken", "List what not to trust, by reason."),
    "learning-rate": LazyCommand("catalog.cite:rate", "Show the learning rate of any update."),
    "orders": LazyCommand("catalog.order:orders", "List the training orders."),
    "order": LazyCommand("catalog.order:order", "Show a training order: its size, files and models."),
    "batch": LazyCommand("catalog.orders:batch", "Show a batch: its sequences, bytes and text."),
    "sequence": LazyCommand("catalog.orders:sequence", "Show a sequence: its batch, text and trajectories."),
    "label": LazyCommand("catalog.labels:label", "Read labels of sequences from a file, to group by."),
    "labels": LazyCommand("catalog.labels:labels", "List the labels of orders, and their values."),
    "export-batches": LazyCommand("results.export:export_batches", "Write the ids of batches to a file."),
    "find": LazyCommand("attribution.find:find", "Find every exposure of a text, with steps and checkpoints."),
    "trace": LazyCommand("attribution.trace:trace", "Show which parts of a text were seen in training."),
    "generate": LazyCommand("attribution.trace:generate", "Continue a text by a checkpoint, and trace it."),
    "index": LazyCommand("attribution.index:index", "Build, list and verify indexes of orders."),
    "memorize": LazyCommand("jobs.memorize:memorize", "Measure what a model's checkpoints have memorized."),
    "estimate": LazyCommand("jobs.estimate:estimate", "Tell what measuring models costs, before it is done."),
    "results": LazyCommand("results.measured:results", "List what was measured, by which protocols."),
    "jobs": LazyCommand("jobs.jobs:jobs", "List the jobs, the newest first."),
    "job": LazyCommand("jobs.jobs:job", "Show one job: what it measures, and its progress."),
    "cancel": LazyCommand("jobs.changes:cancel", "Cancel a job; what is measured is kept."),
    "pause": LazyCommand("jobs.changes:pause", "Pause a job until it is resumed."),
    "resume": LazyCommand("jobs.changes:resume", "Let workers take a paused job again."),
    "prioritize": LazyCommand("jobs.changes:prioritize", "Let workers take a job before others."),
    "retry": LazyCommand("jobs.changes:retry", "Try the failed shards of a job again."),
    "delete": LazyCommand("results.delete:delete", "Delete results or a job, once told what goes."),
    "worker": LazyCommand("jobs.worker:worker", "Take shards of the jobs, beside other workers."),
    "recheck": LazyCommand("jobs.recheck:recheck", "Compare values with another kind of device."),
    "trajectory": LazyCommand("results.onset:trajectory", "Show when one sequence was memorized and forgotten."),
    "trajectories": LazyCommand("results.cells:trajectories", "Show a batch's sequences over all checkpoints."),
    "passages": LazyCommand("results.cells:passages", "Show what a protocol reads of sequences, as text."),
    "why": LazyCommand("results.cells:why", "Show where one measured value comes from."),
    "onset": LazyCommand("results.onset:onset", "Show what a model memorized when."),
    "which": LazyCommand("results.which:which", "List sequences that a model memorized, kept, relearned."),
    "compact": LazyCommand("results.which:compact", "Make reading single trajectories cheap."),
    "influence": LazyCommand("attribution.influence:influence", "Find the training sequences that mattered to a text."),
    "study": LazyCommand("studies:study", "Answer the questions of papers from results."),
    "duplicates": LazyCommand("attribution.duplicates:duplicates", "Find what an order repeats."),
    "exposures": LazyCommand("attribution.exposures:exposures", "Show how often memorized sequences had been seen."),
    "compare": LazyCommand("results.published:compare", "Compare our results with published ones."),
    "export-index": LazyCommand("attribution.exchange:export_index", "Write an index for infini-gram or tokengrams."),
    "export-dataset": LazyCommand("attribution.exchange:export_dataset", "Write sequences as a dataset for bergson."),
    "export-memorized": LazyCommand("attribution.exchange:export_memorized", "Write memorized sequences as a list."),
    "export": LazyCommand("results.export:export", "Write the measured values of a model to a file."),
    "evals": LazyCommand("catalog.evals:evals", "Show benchmark results by step."),
    "import": LazyCommand("results.published:import_", "Import what others measured."),
    "cite": LazyCommand("catalog.cite:cite", "Print BibTeX of a model, its papers and its data."),
    "sync": LazyCommand("catalog.integrity:sync", "Read which revisions and files the hub has."),
    "audit": LazyCommand("catalog.integrity:audit", "Find checkpoints whose files are not what they should be."),
    "verify": LazyCommand("catalog.integrity:verify", "Compare checkpoints on this machine with their digests."),
    "register": LazyCommand("catalog.suites:register", "Add a suite of your own, described by one file."),
    "unregister": LazyCommand("catalog.suites:unregister", "Delete a suite of your own from the catalog."),
    "serve": LazyCommand("service.serve:serve", "Serve the catalog over HTTP, to be read."),
    "db": LazyCommand("system.database:db", "Make, upgrade, check, back up and restore the catalog."),
    "attach": LazyCommand("system.keeping:attach", "Take over results and indexes that were made elsewhere."),
    "gc": LazyCommand("system.keeping:gc", "Find files that nothing names, and delete them."),
    "token": LazyCommand("service.token:token", "Say who may write to a served catalog."),
    "completion": LazyCommand("system.completion:completion", "Complete commands and names in bash, fish and zsh."),
    "doctor": LazyCommand("system.doctor:doctor", "Show versions, places, devices and problems."),
}


@click.group(
    cls=LazyGroup,
    listed=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__, prog_name="seenat")
@click.option(
    "--catalog", metavar="URL", help="The catalog: a database, a file, or the address of a service, http://HOST:PORT."
)
def seenat(catalog: str | None) -> None:
    """Which training step saw it, and from which step it stuck.

    A catalog of language models whose training order is known: what each checkpoint had seen, and when it had memorized it.

    \b
    Examples:
      seenat demo                       train, measure and show a small suite
      seenat step pythia-70m 3000       what this checkpoint had seen
      seenat batch pythia-70m 71490     where this batch lies, what saw it first
      seenat memorize pocket-2m         measure every checkpoint
      seenat register SUITE.toml        add a training run of your own

    \b
    Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 schema out of date,
    5 network, hub or database, 130 interrupted, 141 its reader is gone,
    143 ended by SIGTERM.
    """


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(_GC_THRESHOLD)
    # The interpreter looks for cycles once more when it ends, in all that was imported: 60 of a look-up's 370 ms. What is frozen
    # is passed over; it is still closed and freed.
    atexit.register(gc.freeze)
    settings.use_one_blas_thread()
    try:
        with ended_tidily():
            code = _run() if open_closed_streams() else _refuse_closed_output()
    except KeyboardInterrupt as error:
        code = exit_code(error)
    sys.exit(code)


def _run() -> int:
    try:
        seenat.main(prog_name="seenat", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _refuse(error, error.exit_code, one_line(_usage(error)))
    except (click.Abort, KeyboardInterrupt) as error:
        return exit_code(error.__context__ if isinstance(error.__context__, KeyboardInterrupt) else error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets one sentence and no traceback.
        # A library that a signal broke off may fail in its own way: SQLAlchemy says that a transaction is invalid.
        number = asked_to_end()
        return _refuse_any(error) if number is None else exit_code(EndedError(number))
    return 0


def _refuse_any(error: Exception) -> int:
    if isinstance(error, SeenatError):
        return _refuse(error, error.exit_code, str(error) if error.has_lines else one_line(str(error)))
    if isinstance(error, OSError):
        return _refuse(error, 1, one_line(_culprit(error)))
    text = f"{type(error).__name__}: {error}. This is a fault in seenat; SEENAT_DEBUG=1 shows where."
    return _refuse(error, 1, one_line(text))


def _refuse(error: Exception, code: int, text: str) -> int:
    if isinstance(error, OSError) and error.filename == STDOUT:
        discard_output(sys.stdout)
    if settings.debug():
        import traceback

        write("".join(traceback.format_exception(error)), err=True)
        return code
    say(f"Error: {text}", color="red", colored=len("Error:"))
    return code


def _refuse_closed_output() -> int:
    say("Error: Standard output is closed, so the answer would be lost; redirect it to a file, or to /dev/null.")
    return 1


def _usage(error: click.ClickException) -> str:
    """What is wrong with the arguments, and which help to read."""
    text = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.option_name.strip("-").isdigit():
        text = f"{error.option_name} is no option and no index; indices, steps and counts are whole numbers from 0"
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return f"{text}."
    if context.parent is not None and isinstance(context.command, click.Group) and not text.endswith("?"):
        text = f"{text}: there are {', '.join(context.command.list_commands(context))}"
    return f"{text}{' See' if text.endswith('?') else '; see'} `{context.command_path} --help`."


def _culprit(error: OSError) -> str:
    """The file that could not be read or written, and why; for a temporary file, its final name."""
    reason = (error.strerror or str(error)).rstrip(".")
    if error.filename is None:
        return f"{reason}."
    from seenat.registry.storage.local import PARTIAL

    if error.filename == STDOUT:
        return f"The answer cannot be written to {STDOUT}: {reason}; redirect it to a place that holds it."
    name = re.sub(rf"\.[\w-]+{re.escape(PARTIAL)}$", "", str(error.filename))
    return f"{name} cannot be used: {reason}; check the path, and that you may use it."
