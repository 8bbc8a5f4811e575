"""The rooms of the registry in layers: each imports only rooms of layers above it, lazily and for types too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "registry"

LAYERS = (
    (
        "errors",
        "settings",
        "printable",
        "units",
        "schedule",
        "learning_rate",
        "answer",
        "columns",
        "closing",
        "notebook",
        "optional",
    ),
    ("storage", "parquet"),
    ("storage/stores",),
    ("checkpoints",),
    ("hub", "database"),
    ("access", "orders"),
    ("orders/text",),
    ("orders/formats",),
    ("orders/remote", "exports"),
    ("catalog",),
    ("suites/manifest",),
    ("suites", "integrity"),
    ("evaluations",),
    ("open",),
)
"""Rooms of one layer are independent of each other, but for files that belong to no room."""
LAYER_OF = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}


def room_of(path: Path) -> str | None:
    """The room of a file: its folder, or the file itself where it stands beside the rooms; None for the map of all."""
    name = path.relative_to(REGISTRY)
    folder = name.parent.as_posix().removesuffix("/tables")
    return folder if folder != "." else None if name.stem == "__init__" else name.stem


def imported_files(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seenat.registry"):
            base = ROOT / str(node.module).removeprefix("seenat.").replace(".", "/")
            for alias in node.names:
                candidates = (base / f"{alias.name}.py", base.with_suffix(".py"), base / "__init__.py")
                yield next(file for file in candidates if file.is_file())


def edges() -> Iterator[tuple[str, str, str]]:
    """Each import from one room to another, as importer's room, imported room, importing file."""
    for path in sorted(REGISTRY.rglob("*.py")):
        for file in imported_files(path):
            importer, imported = room_of(path), room_of(file)
            if importer is not None and imported is not None and importer != imported:
                yield importer, imported, path.relative_to(ROOT).as_posix()


def test_every_room_has_a_layer() -> None:
    rooms = {room_of(path) for path in REGISTRY.rglob("*.py")} - {None}
    assert rooms <= LAYER_OF.keys()


def test_imports_run_upwards() -> None:
    flat = set(LAYERS[0])
    wrong = [
        edge for edge in edges() if LAYER_OF[edge[1]] >= LAYER_OF[edge[0]] and not (edge[0] in flat and edge[1] in flat)
    ]
    assert wrong == []


def test_files_that_belong_to_no_room_form_no_circle() -> None:
    flat = {(importer, imported) for importer, imported, _ in edges() if importer in LAYERS[0]}
    left = set(LAYERS[0])
    while free := {
        name for name in left if not any(importer == name and imported in left for importer, imported in flat)
    }:
        left -= free
    assert left == set()
