"""The only module that reads the environment, at the time of the call.

    SEENAT_HOME           seenat's own folder: the embedded catalog, results, columns, the pocket suite
    SEENAT_DATABASE_URL   the catalog, instead of the SQLite file in that folder
    SEENAT_CACHE_BYTES    most bytes that tokens fetched from a hub may take in that folder; 0 keeps none
    SEENAT_DEBUG=1        tracebacks instead of one-sentence errors
    NO_COLOR              anything but nothing: plain text on terminals too (https://no-color.org)

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are huggingface_hub's own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from seenat.registry.errors import InvalidValue

__all__ = ["cache_bytes", "database_url", "debug", "home", "no_color"]


def home() -> Path:
    """seenat's own folder, absolute; not created here."""
    chosen = os.environ.get("SEENAT_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("seenat", appauthor=False))


def cache_bytes() -> int:
    """Most bytes of tokens kept from hubs: 2 GiB, about 500 batches of Pythia, unless the user set another number."""
    text = os.environ.get("SEENAT_CACHE_BYTES", "").strip()
    if not text:
        return 2 << 30
    if not re.fullmatch(r"\d{1,18}", text):
        raise InvalidValue(f"SEENAT_CACHE_BYTES is {text!r}; write a whole number of bytes, 0 to keep none.")
    return int(text)


def database_url() -> str | None:
    """The catalog's URL or path as the user set it, or None for the embedded one."""
    return os.environ.get("SEENAT_DATABASE_URL") or None


def debug() -> bool:
    """Whether errors show their traceback."""
    return os.environ.get("SEENAT_DEBUG", "") not in ("", "0")


def no_color() -> bool:
    """Whether terminals are to be spared colours."""
    return bool(os.environ.get("NO_COLOR"))
