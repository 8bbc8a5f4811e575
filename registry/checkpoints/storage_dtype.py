"""How parameters are stored, inferred from the length of a file.

Weights take 2 or 4 bytes a parameter, plus a header. Old uploads also hold the attention masks: one byte for each pair of
positions in every layer, 2048 * 2048 = 4,194,304 bytes a layer in Pythia. So a Pythia model of n parameters and L layers has

    n * 2, n * 2 + L * 4,194,304, n * 4 or n * 4 + L * 4,194,304

bytes, plus up to half a kilobyte a tensor. All four occur on the hub, even within one size of model.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["StorageDtype", "infer_storage_dtype"]

# More than a header or an archive takes for a tensor: safetensors takes about 130 bytes.
_TENSOR_BYTES = 512
# More tensors than GPT-NeoX has, including its buffers.
_TENSORS_A_LAYER, _OTHER_TENSORS = 16, 8


class StorageDtype(NamedTuple):
    """How parameters are stored."""

    bits: int
    masks: bool
    """Whether attention masks are stored beside them."""

    def __str__(self) -> str:
        return f"{self.bits} bits{' with stored masks' if self.masks else ''}"


def infer_storage_dtype(bytes_: int, parameters: int, layers: int, positions: int) -> StorageDtype | None:
    """How this number of parameters is stored in a file of this length; None where no form has that length.

    Also None for models so small that a header could be mistaken for weights.
    """
    slack = _TENSOR_BYTES * (_TENSORS_A_LAYER * layers + _OTHER_TENSORS)
    if 2 * parameters < 4 * slack:
        return None
    for bits in (16, 32):
        for masks in (False, True):
            exact = parameters * bits // 8 + masks * layers * positions * positions
            if exact <= bytes_ <= exact + slack:
                return StorageDtype(bits, masks)
    return None
