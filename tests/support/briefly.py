"""What runs again on each other Python than the one that runs everything: what that Python could do otherwise.

`pytest --briefly` leaves out tests by the table below, which gives the reason for each line: those that read the repository
and not the code, those that wait for a clock or for other processes, and of long rows of one test's cases all but some. A
property gets ten examples, and a parser twenty damaged inputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import settings

__all__ = ["LEFT_OUT", "Kept", "damaged_inputs", "kept_of"]

Kept = tuple[int, str]
"""Of how many tests one is kept, 0 for none; and why that is enough."""

_FUZZ = "tests/fuzz/test_fuzz.py::test_damaged_input_is_read_or_refused"

LEFT_OUT: dict[str, Kept] = {
    "tests/house": (0, "reads the repository"),
    "tests/test_house.py": (0, "reads the repository, and builds the wheel"),
    "tests/benchmarks": (0, "the benchmarks run on the Python that is developed on"),
    "tests/docs": (0, "reads pages"),
    **{
        f"{_FUZZ}[{name}]": (0, "NumPy, pyarrow and zarr read these bytes, the same on every Python")
        for name in (
            "compacted-part", "idx", "index-maps", "loss-block", "memorized-arrow", "memorized-parquet", "npy", "parquet",
            "parquet-footer", "raw", "result-block", "zarr-json",
        )
    },
    f"{_FUZZ}[suite-register]": (0, "as suite-toml, and then writes to SQLite"),
    f"{_FUZZ}[database-url]": (0, "SQLAlchemy reads these texts"),
    f"{_FUZZ}[http-range]": (0, "httpx reads these answers"),
    "tests/old_catalog/test_old_catalog.py::test_a_command_answers_as_it_did": (9, "49 of 441 answers call every room"),
    "tests/registry/suites/test_builtin.py": (9, "compares numbers with numbers, model by model"),
    "tests/registry/orders/test_conformance.py": (4, "the same few functions over every layout; NumPy reads them"),
    "tests/registry/hub/test_hostile_hub.py": (8, "waits for time limits, again and again"),
    "tests/cli/test_streams.py": (3, "each case is several processes of the same few lines"),
    "tests/cli/test_mistakes.py::test_a_hub_that_does_not_answer": (0, "waits for time limits"),
    "tests/cli/results/test_interrupted_import.py::test_memorized_sequences": (0, "as the import beside it"),
    "tests/registry/database/test_schema.py::test_four_processes_make_one_catalog": (0, "waits for SQLite's locks"),
    "tests/registry/database/test_schema.py::test_two_upgrades_at_once_make_one_catalog": (0, "waits for SQLite's locks"),
    "tests/registry/orders/remote/test_order.py::test_a_thousand_scattered_sequences_are_read": (0, "counts requests"),
    "tests/registry/orders/remote/test_order.py::test_processes_share_a_cache": (0, "waits for other processes"),
    "tests/registry/parquet/test_parquet_limits.py": (4, "pyarrow's memory, and bytes that no library reads"),
    "tests/registry/orders/test_registered.py": (4, "registers one kind of order after the other"),
    "tests/registry/orders/remote/test_order.py": (4, "a server and a client a test; the client is httpx"),
    "tests/registry/integrity/test_evidence.py": (4, "compares kinds of evidence pair by pair"),
    "tests/registry/integrity/test_sync.py": (4, "a catalog and a server a test, for each way in which they differ"),
    "tests/registry/integrity/test_audit.py": (4, "a catalog a test, for each fault of a checkpoint"),
    "tests/registry/suites/test_write.py": (4, "a catalog a test, for each field that may change; SQL"),
    "tests/registry/evaluations/test_importer.py": (3, "a catalog a test; the JSON is read in test_harness_files"),
    "tests/registry/database/test_engine.py": (3, "SQLAlchemy and SQLite"),
    "tests/registry/database/test_schema.py": (3, "the migrations are SQL"),
    "tests/memorization/results/test_compaction.py": (3, "a store of results a test; zarr"),
    "tests/cli/catalog/test_evals.py::test_every_documented_command_runs": (0, "many processes; the old catalog asks the same"),
    "tests/memorization/protocol/test_selection.py::test_a_list_of_millions_is_cut": (0, "measures the speed of NumPy"),
    "tests/memorization/results/test_compaction.py::test_killed_at_every_sync": (0, "waits for other processes"),
    "tests/attribution/ngrams/test_build.py": (4, "waits for other processes; files and SQL"),
    "tests/attribution/ngrams/test_search.py::test_random_orders_and_queries": (8, "NumPy compares numbers"),
    "tests/attribution/ngrams/test_sources.py": (6, "the same few functions over every layout; NumPy reads them"),
    "tests/attribution/trace/test_spans.py": (4, "NumPy compares numbers"),
    "tests/attribution/duplicates": (4, "NumPy compares numbers"),
    "tests/service": (4, "a server a file; FastAPI and uvicorn answer"),
}  # fmt: skip
"""By the beginning of a test's name."""

_EXAMPLES = 10
_DAMAGED_INPUTS = 20
_USUAL_DAMAGED_INPUTS = 200
_OPTION = "--briefly"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(_OPTION, action="store_true", help="only what another Python could do otherwise")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(_OPTION):
        settings.register_profile("briefly", settings.get_profile("usual"), max_examples=_EXAMPLES)
        settings.load_profile("briefly")


def damaged_inputs(config: pytest.Config) -> int:
    """How many damaged inputs a parser gets."""
    return _DAMAGED_INPUTS if config.getoption(_OPTION) else _USUAL_DAMAGED_INPUTS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption(_OPTION):
        return
    kept = kept_of([item.nodeid for item in items], LEFT_OUT)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in kept])
    items[:] = [item for item in items if item.nodeid in kept]


def kept_of(names: Iterable[str], table: Mapping[str, Kept]) -> set[str]:
    """The names that a table does not leave out."""
    seen: Counter[str] = Counter()
    kept = set()
    for name in names:
        line = next((line for line in table if name.startswith(line)), None)
        every = 1 if line is None else table[line][0]
        if every and seen[line or ""] % every == 0:
            kept.add(name)
        seen[line or ""] += 1
    return kept


def pytest_report_header(config: pytest.Config) -> str | None:
    return f"{_OPTION}: {len(LEFT_OUT)} kinds of tests are left out or thinned" if config.getoption(_OPTION) else None
