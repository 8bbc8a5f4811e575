"""The only module that reads the environment, at the time of the call.

    SEENAT_HOME           seenat's own folder: the embedded catalog, results, columns, the pocket suite
    SEENAT_DATABASE_URL   the catalog, instead of the SQLite file in that folder
    SEENAT_TOKEN          the token with which `seenat.connect` writes
    SEENAT_CACHE_BYTES    most bytes that tokens fetched from a hub may take in that folder; 0 keeps none
    SEENAT_DEBUG=1        tracebacks instead of one-sentence errors
    SEENAT_SERVE_PORT     and so on for each option of `seenat serve`; click reads them
    SHELL, XDG_CONFIG_HOME, XDG_DATA_HOME, ZDOTDIR   where a shell looks for completions
    NO_COLOR              anything but nothing: plain text on terminals too (https://no-color.org)

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are huggingface_hub's own.
"""

from __future__ import annotations

import os
from pathlib import Path

from seenat.registry.errors import InvalidValue
from seenat.registry.units import parse_bytes

__all__ = [
    "cache_bytes",
    "config_home",
    "data_home",
    "database_url",
    "debug",
    "environment_for",
    "expand",
    "home",
    "login_shell",
    "no_color",
    "token",
    "use_one_blas_thread",
    "user_home",
    "zsh_home",
]


def home() -> Path:
    """seenat's own folder, absolute; not created here.

    Raises `InvalidValue` where the user has no home folder and SEENAT_HOME names none.
    """
    chosen = os.environ.get("SEENAT_HOME")
    if chosen:
        return expand(chosen, "SEENAT_HOME")
    import platformdirs

    try:
        folder = Path(platformdirs.user_data_dir("seenat", appauthor=False))
    except RuntimeError:
        folder = Path("~")
    # Older versions of platformdirs leave the ~ as it is where Python knows no home: a folder of that name would be made.
    if folder.parts[0].startswith("~"):
        raise InvalidValue("This user has no home folder; set SEENAT_HOME to a folder for the catalog and the results.")
    return folder.absolute()


def expand(path: str, what: str) -> Path:
    """An absolute path, `~` and `~user` replaced; raises `InvalidValue` where `what` begins with a user who has no home."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        user = Path(path).parts[0]
        raise InvalidValue(
            f"{what} begins with {user}, and no home folder of that user is known; write the path from / on."
        ) from None


def cache_bytes() -> int:
    """Most bytes of tokens kept from hubs: 2 GiB, about 500 batches of Pythia, unless the user set another number."""
    text = os.environ.get("SEENAT_CACHE_BYTES", "").strip()
    if not text:
        return 2 << 30
    try:
        return parse_bytes(text, "size")
    except InvalidValue:
        raise InvalidValue(
            f"SEENAT_CACHE_BYTES is {text!r}; write a whole number of bytes, such as 2GiB, or 0 to keep none."
        ) from None


def database_url() -> str | None:
    """The catalog's URL or path as the user set it, or None for the embedded one."""
    return os.environ.get("SEENAT_DATABASE_URL", "").strip() or None


def user_home() -> Path:
    """The user's home folder; raises `InvalidValue` where there is none."""
    return expand("~", "The home folder")


def config_home() -> Path:
    """Where programs keep a user's settings."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or user_home() / ".config")


def data_home() -> Path:
    """Where programs keep a user's data."""
    return Path(os.environ.get("XDG_DATA_HOME") or user_home() / ".local" / "share")


def zsh_home() -> Path:
    """Where zsh reads its settings."""
    return Path(os.environ.get("ZDOTDIR") or user_home())


def login_shell() -> str | None:
    """The user's shell, by its path."""
    return os.environ.get("SHELL") or None


def debug() -> bool:
    """Whether errors show their traceback."""
    return os.environ.get("SEENAT_DEBUG", "") not in ("", "0")


def environment_for(url: str | None) -> dict[str, str]:
    """The environment of a process of ours that is to use this catalog, or the one that this process would use."""
    return dict(os.environ) if url is None else {**os.environ, "SEENAT_DATABASE_URL": url}


def no_color() -> bool:
    """Whether terminals are to be spared colours."""
    return bool(os.environ.get("NO_COLOR"))


def token() -> str | None:
    """The token with which a service's catalog is written, or None."""
    return os.environ.get("SEENAT_TOKEN", "").strip() or None


def use_one_blas_thread() -> None:
    """Have numpy's OpenBLAS start no threads when it is imported, unless the user says how many.

    Nothing here multiplies matrices with numpy, and its waiting threads take 50 ms of two cores from each look-up.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
