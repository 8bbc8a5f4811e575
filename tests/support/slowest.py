"""Which tests take the most processor time: their own, and that of the processes that they start and wait for.

    make slowest     runs the whole and writes tests/slowest.txt

Time on the clock depends on what else the machine does; processor time hardly does. What a shared fixture takes counts for
the setup of the first test that asks for it. Commands that are forked from a loaded process (`command_server`) are not in it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["pytest_addoption", "pytest_configure"]

_LISTED = 60
_KEY = "processor_seconds"


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class _Meter:
    """Measures each phase of each test, and in the process that reports to the user writes the list."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.seconds: dict[str, float] = defaultdict(float)

    def _measured(self, item: pytest.Item) -> Iterator[None]:
        before = _processor_seconds()
        yield
        item.user_properties.append((_KEY, _processor_seconds() - before))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        yield from self._measured(item)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        yield from self._measured(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            phases = [seconds for name, seconds in report.user_properties if name == _KEY]
            for phase, seconds in zip(("setup", "call"), phases, strict=False):
                self.seconds[f"{phase:5}  {report.nodeid}"] += float(str(seconds))

    def pytest_sessionfinish(self) -> None:
        if self.path is None:
            return
        files: dict[str, float] = defaultdict(float)
        for name, seconds in self.seconds.items():
            files[name.split(maxsplit=1)[1].partition("::")[0]] += seconds
        total = (
            f"{sum(self.seconds.values()):,.0f} seconds of processor time in all tests; the {_LISTED} longest phases:"
        )
        lines = [total, "", *_ranked(self.seconds), "", f"The {_LISTED} longest files:", "", *_ranked(files)]
        self.path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _ranked(seconds: dict[str, float]) -> list[str]:
    ranked = sorted(seconds.items(), key=lambda entry: -entry[1])[:_LISTED]
    return [f"{taken:6.1f}  {name}" for name, taken in ranked]


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option."""
    parser.addoption("--slowest", metavar="FILE", help="write the tests that take the most processor time to a file")


def pytest_configure(config: pytest.Config) -> None:
    """Measure where that is asked for; workers measure, and the process that started them writes."""
    path: str | None = config.getoption("--slowest")
    if path is not None:
        is_worker = hasattr(config, "workerinput")
        config.pluginmanager.register(_Meter(None if is_worker else Path(path)))
