"""Run the inputs of one target one by one in this process, and write down what fails.

    python -m fuzz.campaign TARGET SEED START STOP FOLDER

Writes FOLDER/number before each input, so that whoever started this process knows which one killed it, and a line of JSON
for each input that failed: its number, the kind of failure, and what was raised. Inputs of the corpus come first
and have negative numbers.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from fuzz.target import Target
from fuzz.targets import find_target
from seenat.registry.errors import SeenatError

__all__ = ["run_inputs"]

# Of processor time, which does not follow what else the machine does; what sleeps is ended by whoever began this process.
SECONDS = 5
BYTES = 2**30


class HangError(BaseException):
    """An input took longer than it may; not an `Exception`, so that no parser takes it for a fault of the input."""


def _hang(_signal: int, _frame: FrameType | None) -> None:
    raise HangError


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _failure(target: Target, data: bytes, folder: Path) -> str | None:
    """What is wrong with how a target reads an input; None where it reads or refuses it as it should."""
    before = _peak_bytes()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        target.parse(data, folder)
    except SeenatError:
        pass
    except HangError:
        return f"took more than {SECONDS} s of processor time"
    except BaseException as error:  # noqa: BLE001  A panic of a library in Rust is a BaseException.
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    grown = _peak_bytes() - before
    return f"took {grown / 2**20:,.0f} MB" if grown > BYTES else None


def _numbered(target: Target, samples: list[bytes], seed: int, numbers: range) -> Iterator[tuple[int, bytes]]:
    """Inputs that failed before, then damaged samples."""
    failed_before = target.failed_before()
    for number, path in enumerate(failed_before, start=-len(failed_before)):
        if number in numbers:
            yield number, path.read_bytes()
    yield from target.inputs(samples, seed, range(max(0, numbers.start), numbers.stop))


def run_inputs(target: Target, seed: int, numbers: range, folder: Path) -> Iterator[tuple[int, str]]:
    """The inputs that fail, each with its number and what was wrong."""
    signal.signal(signal.SIGPROF, _hang)
    with tempfile.TemporaryDirectory() as own:
        for_samples, for_inputs = Path(own, "samples"), Path(own, "inputs")
        for_samples.mkdir()
        for_inputs.mkdir()
        samples = list(target.samples(for_samples))
        for number, data in _numbered(target, samples, seed, numbers):
            (folder / "number").write_text(str(number))
            if (reason := _failure(target, data, for_inputs)) is not None:
                (folder / f"input{number}").write_bytes(data)
                yield number, reason


def main() -> None:
    """The command above."""
    name, seed, start, stop, folder = sys.argv[1:]
    for number, reason in run_inputs(find_target(name), int(seed), range(int(start), int(stop)), Path(folder)):
        print(json.dumps({"number": number, "reason": reason}), flush=True)


if __name__ == "__main__":
    main()
