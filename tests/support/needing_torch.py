"""Which tests need torch, transformers and tokenizers (the extra `jobs`), and the run that leaves them out.

A test needs them where its module cannot be imported without them, where one of its fixtures makes or measures models,
or where it is marked `needs_torch`. Without them such tests are left out, and the last lines of the run count them;
`pytest --without-torch` does the same where they are installed.
"""

from __future__ import annotations

import sys
from collections import Counter
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

LIBRARIES = ("torch", "transformers", "tokenizers")
FIXTURES = frozenset({"bert", "corpus", "llama", "mine", "neox_700", "neox_97", "pocket_manifest", "writables"})
"""What trains a model, or takes one that was trained; every other fixture that needs torch asks for one of these, this last one by name."""
BY_PARAMETER = frozenset({"measured_pocket", "partly"})
"""Those of the others that a test asks for by the value of a parameter."""
_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-torch", action="store_true", help="as if torch, transformers and tokenizers were missing"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT_OUT] = Counter()
    if config.getoption("--without-torch"):
        sys.meta_path[sys.meta_path.index(PathFinder)] = _WithoutTorch


class _WithoutTorch(PathFinder):
    """Finds everything but torch and what comes with it, as where it was never installed."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The spec of any other module."""
        return None if fullname in LIBRARIES else super().find_spec(fullname, path, target)


def _is_missing() -> bool:
    return any(find_spec(library) is None for library in LIBRARIES)


class _Module(pytest.Module):
    """A test module that has no tests where it cannot be imported for want of torch."""

    def collect(self) -> Any:
        try:
            return super().collect()
        except self.CollectError as error:
            cause = error.__cause__
            if not (_is_missing() and isinstance(cause, ModuleNotFoundError) and cause.name):
                raise
            if cause.name.partition(".")[0] not in LIBRARIES:
                raise
            self.config.stash[_LEFT_OUT]["modules"] += 1
            return []


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return _Module.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _needs_torch(item):
            item.add_marker("needs_torch")
    if _is_missing():
        needing = [item for item in items if item.get_closest_marker("needs_torch")]
        config.stash[_LEFT_OUT]["tests"] += len(needing)
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if not item.get_closest_marker("needs_torch")]


def _needs_torch(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    values = {value for value in parameters.params.values() if isinstance(value, str)} if parameters else set()
    return bool(FIXTURES.intersection(getattr(item, "fixturenames", ())) or BY_PARAMETER & values)


# -- telling how many; with pytest-xdist the workers know, and the process that started them says it


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["without_torch"] = dict(session.config.stash[_LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # Every worker collects all tests, so that each knows the same numbers.
    node.config.stash[_LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get("without_torch", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _is_missing():
        left_out = config.stash[_LEFT_OUT]
        terminalreporter.write_line(
            f"without torch: {left_out['tests']} tests and {left_out['modules']} modules that need it were left out"
        )
