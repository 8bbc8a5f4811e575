"""Whether an order's end-of-document id is the one that its tokenizer and its models' configurations name.

Greedy decoding leaves that id out. A wrong one counts sequences that are not memorized, or the reverse, and nothing shows
it. So an id that nobody wrote, the default, has to be the one that each of them names, as far as they name any. A
written id has to be among those that one of them names, with one exception: transformers writes an id of its own into a
config.json where training set none (`_UNASKED`), which says nothing against a written one.

Local files are looked at when their suite is registered. The config.json of a hub's checkpoint is looked at when it arrives,
before its weights do; a tokenizer on a hub never is.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from seenat.registry.catalog.catalog import Catalog
from seenat.registry.catalog.orders import Order
from seenat.registry.checkpoints.files import CONFIG, read_config
from seenat.registry.database.tables.catalog import suites
from seenat.registry.errors import InvalidManifest

__all__ = ["NamedIds", "check_end_of_document", "check_known_end"]

# The defaults of transformers' configurations (5.x, configuration_gpt_neox.py and so on), which save_pretrained writes too.
_UNASKED = {"gpt_neox": 2, "llama": 2, "mistral": 2, "opt": 2, "gpt2": 50256, "gpt_neo": 50256, "gptj": 50256}
# Names of the end of a document, for a tokenizer.json that has no tokenizer_config.json beside it.
_NAMES = frozenset(
    {"</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|eos|>", "[EOS]", "<|end▁of▁sentence|>", "<EOS_TOKEN>"}
)
_TOKENIZER = "tokenizer.json"
_BESIDE = ("tokenizer_config.json", "special_tokens_map.json")


@dataclass(frozen=True)
class NamedIds:
    """The end-of-document ids that a file names, and whether nothing but a default of transformers may have named them."""

    ids: frozenset[int]
    path: Path
    is_unasked: bool = False

    def __str__(self) -> str:
        return f"{' or '.join(map(str, sorted(self.ids)))} by {self.path}"


def check_end_of_document(
    order: str, eos_id: int | None, is_written: bool, tokenizer: str | None, folders: Iterable[Path]
) -> None:
    """Compare an order's end-of-document id with what its tokenizer and the checkpoints in these folders name.

    `is_written` is whether somebody wrote the id; `tokenizer` is a path, or a repository of a hub, which is not looked at.
    Raises `InvalidManifest`, with both values, where they differ, and as `read_config` does.
    """
    if eos_id is None:  # Written as "none": nothing is left out.
        return
    folders = tuple(folders)
    named = [*_of_tokenizer(tokenizer, folders), *_of_configurations(folders)]
    if is_written:
        against = [] if any(eos_id in each.ids for each in named) else [each for each in named if not each.is_unasked]
        what, advice = f"eos_id is {eos_id}", "correct eos_id, or that file"
    else:
        against = [each for each in named if each.ids != {eos_id}]
        what = f"eos_id is not written, and {eos_id} by default"
        advice = 'write the eos_id with which documents end in the token files, or eos_id = "none"'
    if against:
        raise InvalidManifest(f"The order {order} has two ends of documents: {what}, but {against[0]}; {advice}.")


def check_known_end(catalog: Catalog, order: Order, folders: Iterable[Path]) -> None:
    """Compare the end-of-document id of an order of the catalog with checkpoints in these folders; see above."""
    check_end_of_document(order.name, order.eos_id, _is_written(catalog, order), order.tokenizer, folders)


def _is_written(catalog: Catalog, order: Order) -> bool:
    """Whether somebody wrote an order's id: the catalog does not keep it, the suite's manifest still says it."""
    if order.eos_id != 0 or not order.is_local:  # All but the default were, and those of orders that ship are known.
        return True
    with catalog.database.read() as connection:
        origin = connection.execute(select(suites.c.origin).where(suites.c.name == order.suite)).scalar_one()
    try:
        stated = tomllib.loads(Path(origin).read_text(encoding="utf-8")).get("order")
    except (OSError, ValueError, RecursionError):
        return False
    entries = [entry for entry in stated if isinstance(entry, dict)] if isinstance(stated, list) else []
    return any(entry.get("name") == order.name and "eos_id" in entry for entry in entries)


# -- configurations


def _of_configurations(folders: Iterable[Path]) -> Iterator[NamedIds]:
    seen = set()
    for folder in folders:
        config = read_config(folder)
        ids = _ids(config)
        if ids and ids not in seen:
            seen.add(ids)
            yield NamedIds(ids, folder / CONFIG, is_unasked=ids == {_UNASKED.get(str(config.get("model_type")))})


def _ids(config: Mapping[str, Any]) -> frozenset[int]:
    """The ids of a configuration, or of the text part of one for more than text."""
    inner = config.get("text_config")
    value = config.get("eos_token_id")
    if value is None and isinstance(inner, dict):
        value = inner.get("eos_token_id")
    return frozenset(each for each in (value if isinstance(value, list) else [value]) if type(each) is int)


# -- tokenizers


def _of_tokenizer(tokenizer: str | None, folders: tuple[Path, ...]) -> Iterator[NamedIds]:
    """What the order's tokenizer names, or else the one that lies with the first checkpoint."""
    if tokenizer is not None and (path := Path(tokenizer)).is_absolute():
        file = path / _TOKENIZER if path.is_dir() else path
    elif folders:
        file = folders[0] / _TOKENIZER
    else:
        return
    content = _read(file)
    texts = _texts_beside(file.parent) if file.name == _TOKENIZER else set()
    by_text = _ids_by_text(content)
    marked = {text for text, _ in _added(content) if text in _NAMES}
    ids = {by_text[text] for text in texts or (marked if len(marked) == 1 else set()) if text in by_text}
    if ids:
        yield NamedIds(frozenset(ids), file)


def _texts_beside(folder: Path) -> set[str]:
    """The text of the end of a document, by the files that transformers writes beside a tokenizer.json."""
    for name in _BESIDE:
        token = _read(folder / name).get("eos_token")
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str) and text:
            return {text}
    return set()


def _ids_by_text(content: Mapping[str, Any]) -> dict[str, int]:
    model = content.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocab, list):  # Of the kind Unigram: pairs of a text and its score.
        texts = [piece[0] if isinstance(piece, list) and piece else None for piece in vocab]
        vocab = {text: number for number, text in enumerate(texts) if isinstance(text, str)}
    known = {text: id_ for text, id_ in (vocab if isinstance(vocab, dict) else {}).items() if type(id_) is int}
    return known | dict(_added(content))


def _added(content: Mapping[str, Any]) -> list[tuple[str, int]]:
    added = content.get("added_tokens")
    tokens = [token for token in added if isinstance(token, dict)] if isinstance(added, list) else []
    pairs = [(token.get("content"), token.get("id")) for token in tokens]
    return [(text, id_) for text, id_ in pairs if isinstance(text, str) and type(id_) is int]


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none that can be read: whoever decodes with it says why."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
