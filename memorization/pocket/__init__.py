"""The pocket suite: three small language models, trained here and now, whose training order is known to the last id.

It is a suite like anyone's own (a SUITE.toml, an order in the format of Pythia's, Hugging Face checkpoint folders), small
enough to be made in about half a minute on two cores, and large enough to show the field's findings: larger models
memorize more, more repetitions are memorized earlier, and a few sequences are forgotten again.

    suite      build_pocket_suite: a folder from nothing, or from where a killed build stopped
    demo       the main job end to end: build, register, measure, and show when what was memorized
    config     POCKET: sizes, repetition classes, saved steps, models
    plan       as what a folder is being built; a later build must agree
    manifest   its SUITE.toml, written last
    progress   what a build reports
    text/      corpus, tokenizer, order
    training/  architecture, checkpoints, processes

The corpus is the documentation of torch.distributed, from the sources of the installed PyTorch; nothing is downloaded or
embedded. The tokenizer is a byte-level BPE of 1,024 entries. The order has 3,072 sequences of 65 ids: 760 distinct ones,
planted 64, 32, 16, 8, 4 or 1 times; then 512 unseen controls. The models are GPT-NeoX of 231,168, 658,944 and 2,104,320
parameters, each saved at 13 steps from 0 to 384.
"""

from __future__ import annotations

from seenat.memorization.pocket.config import POCKET, PocketConfig, PocketModel, RepetitionClass
from seenat.memorization.pocket.progress import PocketProgress
from seenat.memorization.pocket.suite import build_pocket_suite, pocket_folder
from seenat.memorization.pocket.text.order import repetitions

__all__ = [
    "POCKET",
    "PocketConfig",
    "PocketModel",
    "PocketProgress",
    "RepetitionClass",
    "build_pocket_suite",
    "pocket_folder",
    "repetitions",
]
