"""The only module that reads the environment, at the time of the call.

    SEENAT_HOME           seenat's own folder: the embedded catalog, results, the pocket suite
    SEENAT_DATABASE_URL   the catalog, instead of the SQLite file in that folder
    SEENAT_DEBUG=1        tracebacks instead of one-sentence errors

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are huggingface_hub's own, `NO_COLOR` is rich's.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["database_url", "debug", "home"]


def home() -> Path:
    """seenat's own folder, absolute; not created here."""
    chosen = os.environ.get("SEENAT_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("seenat", appauthor=False))


def database_url() -> str | None:
    """The catalog's URL or path as the user set it, or None for the embedded one."""
    return os.environ.get("SEENAT_DATABASE_URL") or None


def debug() -> bool:
    """Whether errors show their traceback."""
    return os.environ.get("SEENAT_DEBUG", "") not in ("", "0")
