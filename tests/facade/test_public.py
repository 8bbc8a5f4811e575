"""The public names: complete, sorted, lazy, and one method of the catalog for every command."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.commands import METHODS, commands

import seenat
from seenat.cli.main import seenat as command_line
from seenat.names import PLACES
from seenat.registry import errors
from seenat.results.studies import Studies
from seenat.results.which import Which

SOURCE = Path(seenat.__file__)


def test_every_command_has_a_method() -> None:
    assert set(commands(command_line)) == METHODS.keys() | {
        "completion install",
        "completion show",
        "demo",
        "doctor",
        "serve",
    }


def test_every_name_exists() -> None:
    assert [name for name in seenat.__all__ if not hasattr(seenat, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = seenat.nonsense


def test_type_checkers_see_the_names_that_are_there() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (types,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module for node in types.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported.keys() | {"__version__", "connect", "open"} == set(seenat.__all__)
    assert imported == {name: f"seenat.{module}" for name, module in PLACES.items()}


def test_every_error_is_public() -> None:
    raised = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert raised <= set(seenat.__all__)
    assert issubclass(seenat.UnknownModel, seenat.SeenatError)


def returned(function: Any) -> set[str]:
    """The names of the classes that a method's return annotation holds."""
    text = inspect.signature(function).return_annotation
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("owner", [seenat.Catalog, seenat.Indexes, Studies, Which], ids=lambda owner: owner.__name__)
def test_what_methods_return_can_be_named(owner: type[Any]) -> None:
    """So that whoever annotates a function of their own needs no deeper path."""
    builtin = {"None", "bool", "Self", "tuple", "int", "Path", "Iterator"}
    for name, method in inspect.getmembers(owner, inspect.isfunction):
        if not name.startswith("_"):
            assert method.__doc__, name
            assert returned(method) <= set(seenat.__all__) | builtin, name


def test_importing_it_and_its_errors_loads_nothing_heavy() -> None:
    code = "import sys, seenat; seenat.SeenatError; seenat.SequenceRange; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "sqlalchemy", "zarr", "torch", "click", "rich"} & set(loaded)


def test_the_help_is_a_page() -> None:
    code = "import seenat; help(seenat)"
    text = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "seenat.open()" in text
    assert 'catalog.onsets("pocket-2m")' in text
    assert "url: 'str | Path | None' = None" in text  # From 3.13 on a long signature has a line an argument.
    assert len(text.splitlines()) < 140
    assert "CLASSES" not in text


def test_the_methods_that_the_page_names_exist() -> None:
    assert seenat.__doc__ is not None
    for line in seenat.__doc__.splitlines():
        head = line.strip().partition("   ")[0]
        for part in head.split(", "):
            if part.startswith("catalog."):
                names = part.removeprefix("catalog.").partition("(")[0].split(".")
                owner = {"which": Which, "studies": Studies, "index": seenat.Indexes}.get(names[0], seenat.Catalog)
                assert hasattr(owner, names[-1]), line
