"""Building a pocket suite in a folder: at once where it is there, from where it stopped where it is not.

The folder goes through three states, and a kill at any moment leaves it in one of them:

    empty          nothing but what is half-written
    being built    `building/plan.json` says as what; order, tokenizer and checkpoints appear, each whole
    finished       `SUITE.toml` is there, and with it everything that it names; `building` is gone

One process builds at a time; a second one waits, and then finds the suite.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from seenat.memorization.pocket.config import POCKET, PocketConfig
from seenat.memorization.pocket.manifest import manifest_text
from seenat.memorization.pocket.plan import FORMAT, PLAN_FILE, Plan
from seenat.memorization.pocket.progress import PocketProgress
from seenat.memorization.pocket.text.corpus import corpus_digest, documents
from seenat.memorization.pocket.text.order import distinct_sequences, draw_order
from seenat.memorization.pocket.text.tokenizer import train_tokenizer
from seenat.memorization.pocket.training.checkpoints import checkpoint_path, workspace
from seenat.memorization.pocket.training.workers import train_models
from seenat.registry.errors import CorruptFile, InvalidValue, SuiteChanged
from seenat.registry.storage.local import PARTIAL, write_atomic
from seenat.registry.storage.locks import exclusive

__all__ = ["build_pocket_suite", "pocket_folder"]

_MANIFEST = "SUITE.toml"


def pocket_folder(home: Path, seed: int = 1234) -> Path:
    """The folder within `home` for the pocket suite of a seed: its name tells seeds, corpora and formats apart."""
    corpus = corpus_digest(documents().values()).removeprefix("sha256:")
    return home / f"pocket-{seed}-{corpus[:8]}-v{FORMAT}"


def build_pocket_suite(
    folder: Path,
    *,
    seed: int = 1234,
    config: PocketConfig = POCKET,
    progress: Callable[[PocketProgress], None] | None = None,
) -> Path:
    """Make a pocket suite in a folder and return the path of its SUITE.toml; a finished one is returned at once.

    `progress` is called in this thread. Whatever ends a call, calling it again goes on from each model's last checkpoint.

    Raises `MissingExtra` without torch, transformers and tokenizers, `SuiteChanged` where the folder holds another
    suite, `CorruptFile` where a finished suite lost a file, `InvalidValue` where the folder holds anything else, and
    `JobFailed` where a training process fails.
    """
    report = progress or (lambda _: None)
    texts = tuple(documents().values())
    plan = Plan(seed, corpus_digest(texts), config)
    if workspace(folder).exists() or not _is_finished(folder, plan):
        with exclusive(folder, lambda: report(PocketProgress("waiting"))):
            if not _is_finished(folder, plan):
                _build(folder, plan, texts, report)
            shutil.rmtree(workspace(folder), ignore_errors=True)
    report(PocketProgress("finished"))
    return folder / _MANIFEST


def _is_finished(folder: Path, plan: Plan) -> bool:
    manifest = folder / _MANIFEST
    if not manifest.is_file():
        return False
    if not plan.identity().items() <= _provenance(manifest).items():
        raise SuiteChanged(f"{manifest} belongs to another suite than the one asked for; choose another folder.")
    for path in _named_paths(folder, plan.config):
        if not path.exists():
            raise CorruptFile(f"The pocket suite lost {path}; delete {folder} and make it again.")
    return True


def _provenance(manifest: Path) -> dict[str, object]:
    try:
        found = tomllib.loads(manifest.read_text(encoding="utf-8"))["suite"]["provenance"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return {}
    return dict(found)


def _named_paths(folder: Path, config: PocketConfig) -> Iterator[Path]:
    """Everything that the manifest names."""
    yield from (folder / name for name in ("document.bin", "document.idx", "tokenizer.json"))
    yield from (checkpoint_path(folder, model.name, step) for model in config.models for step in config.saved)


def _build(folder: Path, plan: Plan, texts: Sequence[str], report: Callable[[PocketProgress], None]) -> None:
    report(PocketProgress("data"))
    _prepare(folder, plan)
    _write_data(folder, plan, texts)
    train_models(folder, plan.config, report)
    write_atomic(folder / _MANIFEST, manifest_text(plan, len(texts)).encode())


def _prepare(folder: Path, plan: Plan) -> None:
    """Make the folder one that is being built as planned; parts of another plan are removed, anything else is refused."""
    building = workspace(folder)
    for path in folder.glob(f"*{PARTIAL}"):
        path.unlink()
    if plan.is_written(building):
        return
    if not (building / PLAN_FILE).exists():
        _refuse_strangers(folder, building)
    elif (folder / "models").exists():
        shutil.rmtree(folder / "models")
    for model in building.glob("*/"):
        shutil.rmtree(model)
    plan.write(building)  # Replaces the other plan, so that at no moment the parts are without one.


def _refuse_strangers(folder: Path, building: Path) -> None:
    for path in folder.iterdir():
        if path != building:
            raise InvalidValue(
                f"{folder} is not empty: it holds {path.name}; choose another folder for the pocket suite."
            )


def _write_data(folder: Path, plan: Plan, texts: Sequence[str]) -> None:
    """Write tokenizer and order; they are cheap, so a resumed building writes the same bytes once more."""
    from seenat.registry.orders.formats.megatron_idx import write_order

    tokenizer = train_tokenizer(texts, plan.config.vocab_size)
    distinct = distinct_sequences(texts, tokenizer, plan.config.tokens_per_sequence)
    write_atomic(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
    write_order(folder / "document.bin", folder / "document.idx", draw_order(distinct, plan.config, plan.seed))
