"""The only module that reads the environment, at the time of the call.

    SEENAT_HOME           seenat's own folder: the embedded catalog, results, columns, the pocket suite
    SEENAT_DATABASE_URL   the catalog, instead of the SQLite file in that folder
    SEENAT_RESULTS        the store in which results of new measurements lie, s3://BUCKET/PREFIX; else beside the catalog
    SEENAT_INDEXES        the same for indexes that begin; they lie beside the catalog of whoever builds them too
    SEENAT_OBJECT_BYTES   most bytes of objects from stores that are kept in seenat's own folder
    SEENAT_TOKEN          the token with which `seenat.connect` writes
    SEENAT_CACHE_BYTES    most bytes that tokens fetched from a hub may take in that folder; 0 keeps none
    SEENAT_DEBUG=1        tracebacks instead of one-sentence errors
    SEENAT_SERVE_PORT     and so on for each option of `seenat serve`; click reads them
    SHELL, XDG_CONFIG_HOME, XDG_DATA_HOME, ZDOTDIR   where a shell looks for completions
    NO_COLOR              anything but nothing: plain text on terminals too (https://no-color.org)
    FORCE_COLOR           anything but nothing: colours in pipes too, unless NO_COLOR forbids them (https://force-color.org)
    COLUMNS               how wide answers are laid out, in pipes too; shells that know a terminal's width do not pass it on

`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` are huggingface_hub's own; `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
`AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL` and the rest of `AWS_*` are obstore's; `RAY_ADDRESS`, `RAY_AUTH_MODE`,
`RAY_AUTH_TOKEN` and `RAY_AUTH_TOKEN_PATH` are Ray's.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seenat.registry.errors import InvalidValue
from seenat.registry.units import parse_bytes

__all__ = [
    "cache_bytes",
    "columns",
    "config_home",
    "data_home",
    "database_url",
    "debug",
    "environment_for",
    "expand",
    "force_color",
    "home",
    "indexes_store",
    "login_shell",
    "no_color",
    "object_cache_bytes",
    "object_endpoint_is_plain",
    "passed_on",
    "prepare_ray",
    "ray_address",
    "results_store",
    "token",
    "url_for_others",
    "use_one_blas_thread",
    "user_home",
    "zsh_home",
]


_PASSED_ON = ("SEENAT_HOME", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE")


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
    return _bytes("SEENAT_CACHE_BYTES", 2 << 30)


def object_cache_bytes() -> int:
    """Most bytes of objects kept from stores: 20 GiB, 300,000 blocks of results or a large index, unless set otherwise."""
    return _bytes("SEENAT_OBJECT_BYTES", 20 << 30)


def _bytes(name: str, usual: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return usual
    try:
        return parse_bytes(text, "size")
    except InvalidValue:
        raise InvalidValue(
            f"{name} is {text!r}; write a whole number of bytes, such as 2GiB, or 0 to keep none."
        ) from None


def results_store() -> str | None:
    """The URL of the store in which new measurements keep their results, as the user set it; None for beside the catalog."""
    return os.environ.get("SEENAT_RESULTS", "").strip() or None


def indexes_store() -> str | None:
    """The URL of the store in which new indexes keep their files too, as the user set it; None for none."""
    return os.environ.get("SEENAT_INDEXES", "").strip() or None


def object_endpoint_is_plain() -> bool:
    """Whether the endpoint of object stores that the user set speaks HTTP without TLS."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), "").startswith("http://")


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


def url_for_others(url: Any) -> str:
    """A catalog's URL as processes of ours take it: whole, a file by its full path, since they may run in another folder."""
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:")):
        url = url.set(database=str(Path(url.database).absolute()))
    return str(url.render_as_string(hide_password=False))


def passed_on(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """What workers on other machines need of this environment, beside the catalog."""
    given = os.environ if environment is None else environment
    return {name: given[name] for name in _PASSED_ON if given.get(name)}


def ray_address() -> str | None:
    """The address of a cluster of Ray that the user set, or None."""
    return os.environ.get("RAY_ADDRESS", "").strip() or None


def prepare_ray(*, begins: bool) -> None:
    """Have Ray, before it is imported, ask for tokens and report nothing of its use.

    Where a cluster `begins` here and the user has no token, it gets one of its own, which only its processes know. Raises
    `InvalidValue` where one begins and the user has switched tokens off: it would run the code of whoever reaches this machine.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if begins and os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        raise InvalidValue(
            f"RAY_AUTH_MODE is {os.environ['RAY_AUTH_MODE']!r}, and without tokens a cluster runs the code of whoever reaches this "
            "machine; set it to token, or leave it out."
        )
    has_token = (
        any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
        or (Path(os.environ.get("HOME", "/")) / ".ray" / "auth_token").is_file()
    )
    if begins and not has_token:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    if begins or has_token:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def no_color() -> bool:
    """Whether terminals are to be spared colours."""
    return bool(os.environ.get("NO_COLOR"))


def force_color() -> bool:
    """Whether pipes and files are to have colours too."""
    return bool(os.environ.get("FORCE_COLOR")) and not no_color()


def columns() -> int | None:
    """How many characters a line of an answer has, as the user set it; None where that is no number of at least 1."""
    text = os.environ.get("COLUMNS", "").strip()
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text[:9]) < 100_000 else None


def token() -> str | None:
    """The token with which a service's catalog is written, or None."""
    return os.environ.get("SEENAT_TOKEN", "").strip() or None


def use_one_blas_thread() -> None:
    """Have numpy's OpenBLAS start no threads when it is imported, unless the user says how many.

    Nothing here multiplies matrices with numpy, and its waiting threads take 50 ms of two cores from each look-up.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
