"""Every command that reads prints the same bytes, whether the catalog is a file or a service's; those that write say so."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from collections.abc import Iterator

import pytest
from support.commands import METHODS, WRITE_OR_COMPUTE
from support.served import Served

import seenat
from seenat.cli.main import seenat as command_line
from seenat.registry.database.url import parse_url
from seenat.service.http.folders import Folders

LINES = {
    "models": ["--size 70m", "--size 3b"],
    "model": ["EleutherAI/pythia-70m", "pythia-70m --disputed", "nobody"],
    "checkpoints": ["pythia-70m", "--size 70m --order pile --tokens 0:10000000"],
    "step": ["pythia-70m 3000", "pythia-70m 1500"],
    "batch": ["pythia-70m 71490", "pocket-order 2 --decode", "pocket-230k 2 --tokens"],
    "sequence": ["pocket-230k 20 --decode", "pythia-70m 77"],
    "find": ["self --model pocket-230k --step 256 --context 4", "self --order pocket-order --limit 3", "--ids 17,204"],
    "trace": ["- --model pocket-230k"],
    "index status": [""],
    "labels": ["", "pocket-order"],
    "jobs": [""],
    "job": ["1", "99"],
    "trajectory": ["pocket-230k 20"],
    "onset": ["pocket-230k", "pocket-230k pocket-660k --limit 2"],
    "which first": ["pocket-230k --by 384 --limit 3"],
    "which kept": ["pocket-230k --since 256"],
    "which relearned": ["pocket-230k"],
    "which changed": ["pocket-230k --since 256 --until 384"],
    "which batches": ["pocket-230k --step 384 --batches 0:8"],
    "study onsets": ["pocket-230k"],
    "study forgetting": ["pocket-230k"],
    "study exposures": ["pocket-230k"],
    "study batches": ["pocket-230k"],
    "study predict": ["pocket-230k"],
    "study sets": ["pocket-230k --never pocket-660k"],
    "study counterfactual": ["pocket-230k --control not-yet"],
    "study labels": ["pocket-230k"],
    "duplicates": ["pocket-order", "pocket-order --window 0:32"],
    "exposures": ["pocket-230k"],
    "compare": ["pocket-230k"],
    "evals": ["pythia-70m"],
    "broken": ["pythia-2.8b"],
    "cite": ["pythia-1.4b"],
    "learning-rate": ["pythia-70m 1500"],
    "orders": [""],
    "order": ["pocket-order"],
    "passages": ["pocket-230k 16:20"],
    "estimate": ["pocket-230k pythia-70m --workers 1,8", "pythia-2.8b --adaptive --gpu H100"],
    "results": ["", "pocket-230k"],
    "trajectories": ["pocket-230k 2"],
    "which earlier": ["pocket-230k pocket-660k --limit 5"],
    "why": ["pocket-230k 256 20"],
}
"""Arguments of each command that reads."""

WRITING = ("memorize pocket-230k", "delete job 1", "compact pocket-230k", "audit pythia-70m")
_STDIN = b"the distributed process group of this rank\n"


def run(url: str, line: str) -> tuple[str | None, bytes, bytes]:
    """The error, stdout and stderr of a command."""
    with contextlib.ExitStack() as stack:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(stdin(_STDIN))
        failed = None
        try:
            command_line.main(["--catalog", url, *shlex.split(line)], prog_name="seenat", standalone_mode=False)
        except seenat.SeenatError as error:
            failed = f"{type(error).__name__}: {error}"
        out.flush()
        err.flush()
        return failed, out.buffer.getvalue(), err.buffer.getvalue()  # type: ignore[attr-defined]


@contextlib.contextmanager
def stdin(content: bytes) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(content), "utf-8")
    yield
    sys.stdin = before


def test_the_table_has_every_command_that_reads() -> None:
    assert LINES.keys() == METHODS.keys() - WRITE_OR_COMPUTE - {"audit"}  # It audits anew, which writes.


@pytest.mark.parametrize("line", [f"{name} {arguments}" for name, listed in LINES.items() for arguments in listed])
def test_a_command_prints_the_same_over_http(served: Served, line: str) -> None:
    """But for the folders of the machine that serves, which it does not tell."""
    path = str(served.catalog._registry.database.url.database)
    hide = Folders(served.catalog, parse_url(path)).hide
    for form in (line, f"{line} --json"):
        local = run(path, form)
        if line.split()[0] in ("orders", "order", "job"):
            local = (local[0], hide(local[1].decode()).encode(), local[2])
        assert run(served.url, form) == local


@pytest.mark.parametrize("line", WRITING)
def test_a_command_that_writes_says_so(served: Served, line: str) -> None:
    failed, out, _ = run(served.url, line)
    assert failed is not None
    assert failed.startswith("NotServed: ")
    assert "only read" in failed
    assert out == b""
