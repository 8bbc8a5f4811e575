"""The format of a measurement's files: a number that is fixed when the measurement begins.

1   The array lies in the measurement's folder itself. A chunk of a block has no check sum.
2   The folder is a group, which xarray opens, and the array lies in it as `values`. Every chunk ends in a check sum, CRC32C,
    which is compared before a byte of it is decompressed.

Both are read and written.
"""

from __future__ import annotations

__all__ = ["NEWEST"]

NEWEST = 2
"""The format of measurements that begin now."""
