"""The house: what is packed, what imports what, and how the code is written. About 25 seconds, most of them a build."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import seenat

ROOT = Path(__file__).parents[1]
ROOMS = ("registry", "memorization", "attribution", "service", "migrations", "cli")
LONGEST_FILE = 400
LONGEST_FUNCTION = 50

SEENAT = ROOT / "src" / "seenat"
FACADE_ROOMS = ("keeping", "remote", "results", "texts")
FACADE = sorted(
    path
    for path in (*SEENAT.iterdir(), *(path for room in FACADE_ROOMS for path in SEENAT.glob(f"{room}/**/*.py")))
    if path.is_file()
)
"""The public package's own modules, beside the links to the rooms."""
PUBLIC = {f"seenat.{path.stem}" for path in FACADE if path.suffix == ".py" and path.parent == SEENAT} | {
    f"seenat.{room}" for room in FACADE_ROOMS
}

MAY_IMPORT_TORCH = (
    "attribution/influence/",
    "memorization/engine/",
    "memorization/pocket/",
)
"""Gradients, scoring, the loading of checkpoints, and the training of the pocket suite; `seenat doctor` asks torch for its devices."""
TORCH = {"torch", "transformers"}

LIGHT = {
    "seenat.memorization.jobs.runners.worker_observer",
    "seenat.memorize",
    "seenat.preflight",
    "seenat.registry.answer",
    "seenat.registry.errors",
    "seenat.registry.printable",
    "seenat.registry.settings",
    "seenat.registry.storage.local",
    "seenat.registry.units",
}
"""Modules that import nothing but the standard library, and each other."""

FORBIDDEN = {
    "a folder of one machine": re.compile(r"(?<![\w.])/(?:work|home/\w+|root)/"),
    "where issues are kept": re.compile("issue" + " tracker", re.IGNORECASE),
    "a package host": re.compile("pypi" + r"\.org|files\.python" + "hosted"),
    "a folder beside this one": re.compile(r"\.\./sh" + "ared"),
}
MAY_BE_IN_TESTS = {"a folder beside this one"}

SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")) + [
    path for path in FACADE if path.suffix == ".py"
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# -- packaging


def test_every_room_is_linked_and_packed(pyproject: dict[str, Any]) -> None:
    package = ROOT / "src" / "seenat"
    links = {path.name: path.resolve() for path in package.iterdir() if path.is_symlink()}
    assert links == {room: ROOT / room for room in ROOMS}
    assert all(not (package / room).readlink().is_absolute() for room in ROOMS)
    targets = pyproject["tool"]["hatch"]["build"]["targets"]
    packed = {f"src/seenat/{path.relative_to(SEENAT).parts[0]}" for path in FACADE}
    assert set(ROOMS) | packed == set(targets["wheel"]["only-include"])
    assert targets["wheel"]["sources"] == {room: f"seenat/{room}" for room in ROOMS} | {"src": ""}
    assert set(targets["sdist"]["exclude"]) == {f"src/seenat/{room}" for room in ROOMS}


def test_bare_names_of_rooms_are_banned(pyproject: dict[str, Any]) -> None:
    assert set(pyproject["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]) == set(ROOMS)


def test_the_wheel_through_the_sdist_holds_every_room(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(command, check=False, capture_output=True, text=True)
    if re.search("No matching distribution found|Failed to establish|Temporary failure", built.stdout + built.stderr):
        pytest.skip("hatchling cannot be fetched: no package index answers")
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    code = {name for name in packed if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in code} == {"seenat"}
    expected = {
        f"seenat/{path.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert code == expected | {f"seenat/{path.relative_to(SEENAT).as_posix()}" for path in FACADE}
    assert {"seenat/__init__.py", "seenat/__main__.py", "seenat/py.typed", "seenat/catalog.py"} <= code
    assert "seenat/registry/data/pythia.json" in code
    assert "seenat/migrations/versions/0001_the_catalog.py" in code
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)


def test_the_command_is_installed() -> None:
    from importlib.metadata import entry_points

    (script,) = (entry for entry in entry_points(group="console_scripts") if entry.name == "seenat")
    assert script.value == "seenat.__main__:main"


# -- imports


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported somewhere within, for types only or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            if node.module == "seenat":
                yield from (f"seenat.{alias.name}" for alias in node.names)


def imports_at_the_top(tree: ast.Module) -> Iterator[str]:
    """What importing a module imports: not what is within functions or for types only."""
    yield from imports(ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], []))


def is_within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("registry", {"seenat.memorization", "seenat.attribution", "seenat.cli", *PUBLIC}),
        ("memorization", {"seenat.attribution", "seenat.cli", *PUBLIC}),
        ("attribution", {"seenat.cli", *PUBLIC}),
        ("migrations", {"seenat.memorization", "seenat.attribution", "seenat.cli", *PUBLIC}),
        ("migrations/versions", {"seenat"}),
    ],
)
def test_imports_run_downwards(room: str, above: set[str]) -> None:
    found = [
        (name_of(path), module)
        for path in (ROOT / room).rglob("*.py")
        for module in imports(tree_of(path))
        if is_within(module, above)
    ]
    assert found == []


def test_torch_is_imported_where_checkpoints_are_and_nowhere_else() -> None:
    found = [
        name_of(path)
        for path in SOURCES
        if not name_of(path).startswith(MAY_IMPORT_TORCH)
        and any(is_within(module, TORCH) for module in imports(tree_of(path)))
    ]
    assert found == ["cli/system/diagnosis.py"]


def test_torch_is_imported_late_by_all_but_those_that_compute() -> None:
    found = {name_of(path) for path in SOURCES if any(is_within(it, TORCH) for it in imports_at_the_top(tree_of(path)))}
    computing = {f"attribution/influence/{name}.py" for name in ("derivatives", "gradients", "moved")}
    assert all(name.startswith("memorization/engine/") or name in computing for name in found), sorted(found)


def test_the_command_line_imports_nothing_heavy_at_the_top() -> None:
    found = [
        (name_of(path), module)
        for path in (ROOT / "cli").rglob("*.py")
        for module in imports_at_the_top(tree_of(path))
        if module.partition(".")[0] not in sys.stdlib_module_names
        and module not in {"click", "seenat", "seenat.__version__", "seenat.registry"} | LIGHT
        and not is_within(module, {"seenat.cli"})
    ]
    assert found == []


def test_what_the_command_line_imports_at_the_top_is_light() -> None:
    for module in LIGHT:
        path = ROOT / "src" / f"{module.replace('.', '/')}.py"
        for imported in imports_at_the_top(tree_of(path)):
            assert imported.partition(".")[0] in sys.stdlib_module_names or imported in LIGHT, (module, imported)


# -- style


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(seenat.__path__, "seenat."):
        if not found.name.startswith(("seenat.migrations", "seenat.__main__")):
            yield importlib.import_module(found.name)


def kind_and_name(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.needs_torch
def test_public_names_are_sorted_and_exist() -> None:
    for module in modules():
        names = getattr(module, "__all__", [])
        assert list(names) == sorted(set(names), key=kind_and_name), module.__name__
        assert [name for name in names if not hasattr(module, name)] == [], module.__name__


@pytest.mark.needs_torch
def test_modules_import_public_names_of_each_other() -> None:
    public = {module.__name__: getattr(module, "__all__", vars(module)) for module in modules()}
    private = [
        (name_of(path), f"{node.module}.{alias.name}")
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.module in public
        for alias in node.names
        if alias.name not in public[node.module] and f"{node.module}.{alias.name}" not in public
    ]
    assert private == []


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_and_functions_are_short() -> None:
    """Migrations are exempt: they are written once, as lists of tables."""
    sources = [path for path in SOURCES if "versions" not in path.parts]
    long_files = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    assert {name: lines for name, lines in long_files.items() if lines > LONGEST_FILE} == {}
    long_functions = {
        f"{name_of(path)}:{node.name}": length(node)
        for path in sources
        for node in functions(tree_of(path))
        if length(node) > LONGEST_FUNCTION
    }
    assert long_functions == {}


def undocumented(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None:
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from (f"{node.name}.{name}" for name in undocumented(node.body))


def test_everything_public_is_documented() -> None:
    for path in SOURCES:
        tree = tree_of(path)
        assert ast.get_docstring(tree) not in (None, "", "."), name_of(path)
        if "versions" not in path.parts:
            assert list(undocumented(tree.body)) == [], name_of(path)


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], check=False, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no clone of the repository")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_project_speaks_of_itself_alone(what: str) -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if what in MAY_BE_IN_TESTS and name_of(path).startswith("tests/"):
            continue
        found += [f"{name_of(path)}: {match[0]}" for match in FORBIDDEN[what].finditer(text)]
    assert found == []
