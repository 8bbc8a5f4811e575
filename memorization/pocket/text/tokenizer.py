"""The tokenizer: byte-level BPE, trained on the corpus alone, with the two special ids of GPT-NeoX.

Any text can be encoded and decoded back, because all 256 bytes are in the vocabulary. Two trainings on the same texts
give the same JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seenat.registry.errors import MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["END_OF_TEXT", "END_OF_TEXT_ID", "PADDING", "PADDING_ID", "train_tokenizer"]

END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_ID = 0
PADDING = "<|padding|>"
PADDING_ID = 1


def train_tokenizer(texts: Sequence[str], vocab_size: int) -> Tokenizer:
    """Train a byte-level BPE tokenizer of `vocab_size` entries, two special ones and 256 bytes included.

    Raises `MissingExtra` where `tokenizers` is not installed.
    """
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError:
        raise MissingExtra("Making the pocket suite needs tokenizers; run: pip install 'seenat[jobs]'") from None
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT, PADDING],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
