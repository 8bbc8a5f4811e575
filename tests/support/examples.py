"""The examples of answers that stand in the description of the API: real answers, of which lists keep two entries.

`PYTHONPATH=tests python -m support.examples` asks for them again and writes service/api/examples.json.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import seenat
from seenat.registry.answer import to_json
from seenat.remote.routes import ROUTES
from support.addresses import ask
from support.published import write_evals

__all__ = ["EXAMPLES", "fill_catalog", "shape", "shortened"]

EXAMPLES = Path(__file__).parents[2] / "service" / "api" / "examples.json"
_LONGEST = 160


def fill_catalog(path: Path) -> None:
    """What a catalog with the pocket suite and its index needs to answer every example of a route. About 5 seconds."""
    with seenat.open(str(path)) as catalog:
        catalog.memorize("pocket-230k", steps=[0, 64, 128, 256, 384], sequences="0:1024", unseen=True)
        catalog.memorize("pocket-660k", steps=[256, 384], sequences="0:256", unseen=True)
        catalog.import_evaluations(write_evals(path.parent / "evaluations"))


def shortened(value: Any) -> Any:
    """An answer short enough to be read, without the names of this machine's folders."""
    if isinstance(value, dict):
        return {key: shortened(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shortened(entry) for entry in value[:2]]
    if isinstance(value, str) and value.startswith("/"):
        return f"/data/{Path(value).name}"
    return value[:_LONGEST] if isinstance(value, str) else value


def shape(value: Any) -> Any:
    """The keys of an answer, through all of its objects and the first entries of its lists."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [shape(entry) for entry in value[:1]]
    return None


def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catalog.sqlite")
        with seenat.open(str(path)) as catalog:
            catalog.register(catalog.train_pocket_suite())
            catalog.index.build("pocket-order")
        fill_catalog(path)
        found = {}
        with seenat.open(str(path)) as catalog:
            for route in ROUTES:
                try:
                    found[route.name] = shortened(json.loads(json.dumps(to_json(ask(catalog, route)))))
                except seenat.NotFound:  # Nothing is published of the pocket suite to compare with.
                    continue
    EXAMPLES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    _main()
