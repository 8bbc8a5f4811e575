"""Commands that keep a catalog: back-up, restoring, verification, and what may be deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seenat.cli.framework.output import Output, json_option, plural
from seenat.cli.framework.outputs import NEW_FOLDER, Target, with_force, written
from seenat.cli.framework.params import open_catalog
from seenat.cli.framework.progress import Moment, Show, progress
from seenat.registry.errors import CorruptFile

if TYPE_CHECKING:
    from seenat import CatalogVerification, ResultFault

__all__ = ["backup", "gc", "restore", "verify"]


@click.command(short_help="Copy the catalog, its results and indexes into a folder.")
@click.argument("folder", type=NEW_FOLDER)
@with_force
@click.option("--without-indexes", is_flag=True, help="Leave out n-gram indexes, which can be built again.")
@json_option
def backup(folder: Target, without_indexes: bool, as_json: bool) -> None:
    """Copy the catalog with its results and indexes into a new FOLDER, while others work with it.

    The copy is a catalog itself, of SQLite, and `sha256sum --check SHA256SUMS` tells whether it is whole. Checkpoints and
    token files are not copied.

    \b
    Examples:
      seenat db backup seenat-backup
      SEENAT_DATABASE_URL=seenat-backup/catalog.sqlite seenat jobs
    """
    out = Output(as_json)
    with open_catalog() as catalog, progress() as show:
        answer = catalog.back_up(indexes=not without_indexes, progress=_shown(show), **written(folder, "folder"))
    if not out.data(answer):
        out.line(f"{answer.folder}: the catalog and {plural(answer.files, 'file')}, {answer.bytes:,} bytes.")
    if answer.damaged:
        raise CorruptFile(
            f"{plural(len(answer.damaged), 'file')} could not be copied, since they are gone or damaged ({answer.damaged[0]}); "
            "the rest is backed up. See which: seenat db verify."
        )


@click.command(short_help="Make a catalog of a back-up.")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def restore(folder: Path, as_json: bool) -> None:
    """Make the catalog that SEENAT_DATABASE_URL or SEENAT_HOME names of the back-up in FOLDER; it must not exist yet.

    The back-up of a SQLite catalog can be restored to PostgreSQL, and the other way round. Every file is compared with its digest.

    \b
    Examples:
      seenat db restore seenat-backup
    """
    import seenat

    out = Output(as_json)
    with progress() as show:
        answer = seenat.restore(folder, progress=_shown(show))
    if not out.data(answer):
        made = f" of {answer.made_at}" if answer.made_at else ""
        out.line(f"{answer.catalog}: restored from the back-up{made}, with {plural(answer.files, 'file')}.")


@click.command(short_help="See whether results and indexes are what the catalog says.")
@click.option("--repair", is_flag=True, help="Mend what follows from what is there.")
@json_option
def verify(repair: bool, as_json: bool) -> None:
    """Read every file of results and indexes, and derive onsets and counts again; the exit code is 1 where something is wrong.

    With --repair wrong onsets and counts are replaced, damaged shards of indexes are built again, and jobs whose values are
    gone are open again.

    \b
    Examples:
      seenat db verify
      seenat db verify --repair
    """
    out = Output(as_json)
    with open_catalog() as catalog, progress() as show:
        answer = catalog.verify_stored(repair=repair, progress=_shown(show))
    if not out.data(answer):
        _show_verification(out, answer)
    if not answer.is_sound:
        raise CorruptFile(f"Something is not what the catalog says of it; {_remedy(answer)}.")


@click.command()
@click.option("--yes", is_flag=True, help="Delete them.")
@json_option
def gc(yes: bool, as_json: bool) -> None:
    """Find files of results and indexes that nothing names and that are an hour old; --yes deletes them.

    They are what killed processes left behind, and what belonged to results that were deleted.

    \b
    Examples:
      seenat gc
      seenat gc --yes
    """
    out = Output(as_json)
    with open_catalog() as catalog:
        answer = catalog.garbage(delete=yes)
    if out.data(answer):
        return
    if answer.files:
        out.table(("<file", ">bytes"), [(file.file, f"{file.bytes:,}") for file in answer.files])
    what = f"{plural(len(answer.files), 'file')}, {answer.bytes:,} bytes"
    if not answer.files:
        out.line("There is no file that nothing names.")
    elif yes:
        out.line(f"Deleted: {what}.")
    else:
        out.line(f"Nothing names these: {what}.")
        out.talk("Delete them: seenat gc --yes")


def _shown(show: Show) -> Callable[[str, int, int], None]:
    return lambda what, done, total: show(Moment(task=what, done=done, total=total))


def _show_verification(out: Output, answer: CatalogVerification) -> None:
    for fault in answer.results:
        out.line(
            f"{fault.model} by protocol {fault.protocol}, sequences {fault.start}:{fault.stop}{_at(fault)}: {fault.fault}"
            f"{' (mended)' if fault.mended else ''}."
        )
    for file in answer.files:
        out.line(f"{file} is gone or damaged.")
    for shard in answer.indexes:
        out.line(f"{shard.file}: {shard.fault}{' (built again)' if answer.repaired else ''}.")
    if not (answer.results or answer.files or answer.indexes):
        out.line("Results and indexes are what the catalog says.")
    if answer.shards_reopened:
        out.line(f"{plural(answer.shards_reopened, 'shard')} of jobs are open again.")


def _at(fault: ResultFault) -> str:
    return f" at {', '.join(f'{step:,}' for step in fault.steps)}" if fault.steps else ""


def _remedy(answer: CatalogVerification) -> str:
    if not answer.repaired:
        return "mend what can be with `seenat db verify --repair`"
    if answer.shards_reopened:
        return "measure again what is gone with `seenat worker`"
    return "restore the named files, repeat the commands that made them, or delete them"
