"""Fuzz parsers, each in a process of its own: `make fuzz`, or `PYTHONPATH=tests python -m fuzz --inputs 1000 idx npy`.

An input fails when it raises anything but an error of seenat's own, takes 5 seconds of processor time or over 1 GB, or ends the
process. What failed is kept in tests/fuzz/corpus, and every later run begins with it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from fuzz.target import CORPUS, Target
from fuzz.targets import all_targets

__all__ = ["Outcome", "run_target"]

# A process that does not move on is ended: a loop in C takes no alarm.
_STUCK_SECONDS = 120.0
# Failures of one target that are kept; a parser that always fails would fill the disk.
_MOST_FAILURES = 50


@dataclass
class Outcome:
    """What became of a target's inputs."""

    inputs: int
    failures: dict[int, str] = field(default_factory=dict)
    """By the number of the input."""
    seconds: float = 0.0


def run_target(target: Target, seed: int, inputs: int, folder: Path) -> Outcome:
    """Run the corpus and so many damaged samples; a process that dies is followed by another after the deadly input."""
    outcome, began = Outcome(inputs + len(target.failed_before())), time.monotonic()
    start = -len(target.failed_before())
    while start < inputs and len(outcome.failures) < _MOST_FAILURES:
        (folder / "number").write_text(str(start))
        code = _run_process(target, seed, range(start, inputs), folder, outcome.failures)
        if code == 0:
            break
        deadly = int((folder / "number").read_text())
        outcome.failures[deadly] = f"ended the process with {code}"
        start = deadly + 1
    outcome.seconds = time.monotonic() - began
    return outcome


def _run_process(target: Target, seed: int, numbers: range, folder: Path, failures: dict[int, str]) -> int:
    command = [
        sys.executable,
        "-m",
        "fuzz.campaign",
        target.name,
        str(seed),
        str(numbers.start),
        str(numbers.stop),
        str(folder),
    ]
    with (folder / "failures").open("w+") as told, (folder / "talk").open("w") as talk:
        process = subprocess.Popen(command, stdout=told, stderr=talk)
        try:
            while process.poll() is None:
                if time.time() - (folder / "number").stat().st_mtime > _STUCK_SECONDS:
                    process.kill()
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
        told.seek(0)
        failures.update({failure["number"]: failure["reason"] for failure in map(json.loads, told)})
    return process.returncode


def _keep(target: Target, outcome: Outcome, folder: Path) -> None:
    for number in outcome.failures:
        path = folder / f"input{number}"
        if number >= 0 and path.exists():
            data = path.read_bytes()
            kept = CORPUS / target.name / hashlib.sha256(data).hexdigest()[:16]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data)


@click.command()
@click.argument("names", nargs=-1, metavar="[TARGET]...")
@click.option("--inputs", default=100_000, show_default=True, help="Damaged samples a target.")
@click.option("--seed", default=0, show_default=True, help="Seed of the damage.")
@click.option("--keep/--no-keep", default=True, show_default=True, help="Keep inputs that fail in the corpus.")
def main(names: tuple[str, ...], inputs: int, seed: int, *, keep: bool) -> None:
    """Damage valid input and see that each parser reads or refuses it."""
    targets = all_targets()
    failed = False
    for name in names or targets:
        with tempfile.TemporaryDirectory() as own:
            folder = Path(own)
            outcome = run_target(targets[name], seed, inputs, folder)
            if keep:
                _keep(targets[name], outcome, folder)
        click.echo(f"{name}: {outcome.inputs:,} inputs, {len(outcome.failures)} failures, {outcome.seconds:.0f} s")
        for number, reason in outcome.failures.items():
            click.echo(f"  {number}: {reason}")
        failed |= bool(outcome.failures)
    sys.exit(failed)


if __name__ == "__main__":
    main()
