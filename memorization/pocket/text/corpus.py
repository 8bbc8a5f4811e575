"""The corpus: the documentation of torch.distributed, read from the sources of the PyTorch that is installed.

One document for each public class, method and function below `torch/distributed` that has a docstring
('torch.distributed.checkpoint.state_dict_saver.save'): real prose and examples, with natural boilerplate; some 500 documents
and 400 kilobytes. The same release gives the same text on every Python, whether it was built for CPUs or for GPUs. Another
release gives another text, so the digest is recorded with a suite and never assumed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from seenat.registry.errors import MissingExtra
from seenat.registry.storage.digests import sha256_of_bytes

__all__ = ["corpus_digest", "documents"]


def documents() -> dict[str, str]:
    """Name and text of each document, sorted by name; a document whose text repeats an earlier one's is left out.

    The sources are parsed, not imported. Raises `MissingExtra` where torch is not installed.
    """
    names_of_texts: dict[str, str] = {}
    for name, text in sorted(_docstrings(_torch_folder())):
        names_of_texts.setdefault(text, name)
    return {name: text for text, name in names_of_texts.items()}


def corpus_digest(texts: Iterable[str]) -> str:
    """`sha256:` and the digest of the texts in UTF-8, each followed by a zero byte."""
    return sha256_of_bytes(b"".join(text.encode() + b"\0" for text in texts))


def _torch_folder() -> Path:
    """Where torch lies; `find_spec` of a top-level package imports nothing."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise MissingExtra(
            "The pocket suite is trained on the documentation of torch.distributed; run: pip install 'seenat[jobs]'"
        )
    return Path(spec.origin).parent


def _docstrings(torch: Path) -> Iterator[tuple[str, str]]:
    for path in (torch / "distributed").rglob("*.py"):
        module = ".".join(("torch", *path.relative_to(torch).with_suffix("").parts)).removesuffix(".__init__")
        if "._" not in module:
            yield from _of_members(module, ast.parse(path.read_bytes()))


def _of_members(name: str, parent: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str]]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            text = ast.get_docstring(node)
            if text:
                yield f"{name}.{node.name}", text
            if isinstance(node, ast.ClassDef):
                yield from _of_members(f"{name}.{node.name}", node)
