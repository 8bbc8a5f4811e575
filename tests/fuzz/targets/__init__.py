"""The targets: every parser of what seenat did not write itself.

Each module beside this one lists its own in TARGETS; a module is imported when one of its targets is wanted.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from fuzz.target import Target

__all__ = ["MODULES", "all_targets", "find_target"]

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")


def all_targets() -> dict[str, Target]:
    """Every target by its name."""
    modules = [importlib.import_module(f"fuzz.targets.{name}") for name in MODULES]
    return {target.name: target for module in modules for target in module.TARGETS}


def find_target(name: str) -> Target:
    """The target of a name; of the modules, those after its own are not imported."""
    modules = (importlib.import_module(f"fuzz.targets.{module}") for module in MODULES)
    return next(target for module in modules for target in module.TARGETS if target.name == name)
