"""The pocket suite: three small language models, trained here and now, whose training order is known to the last id.

It is a suite like anyone's own (a SUITE.toml, an order in the format of Pythia's, Hugging Face checkpoint folders), small
enough to be made in about half a minute on two cores, and large enough to show the field's findings: larger models
memorize more, more repetitions are memorized earlier, and a few sequences are forgotten again.

    corpus        the documentation of torch.distributed, from the sources of the installed PyTorch; nothing is downloaded or embedded
    tokenizer     byte-level BPE of 1,024 entries, trained on it
    order         3,072 sequences of 65 ids: 760 distinct ones, planted 64, 32, 16, 8, 4 or 1 times; then 512 unseen controls
    models        GPT-NeoX of 231,168, 658,944 and 2,104,320 parameters, each saved at 13 steps from 0 to 384

The same seed, machine and versions give the same bytes, however often the building was killed and begun again.
"""

from __future__ import annotations

from seenat.memorization.pocket.config import POCKET, PocketConfig, PocketModel, RepetitionClass
from seenat.memorization.pocket.order import repetitions
from seenat.memorization.pocket.progress import PocketProgress
from seenat.memorization.pocket.suite import build_pocket_suite, pocket_folder

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
