"""Which database a URL or a path means. Whatever is neither is refused, so that no file is made of a server's address.

A password may be in any of it, so no message repeats more than the kind of database.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from seenat.registry import settings
from seenat.registry.errors import InvalidValue

__all__ = ["is_file", "parse_url"]

_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# A path that begins so is meant as one, whatever follows.
_SURELY_A_PATH = ("./", "../", "~")
# Parts of addresses, of settings (host=... dbname=...), of quoted text, and of variables that nobody replaced.
_NOT_IN_A_PATH = re.compile(r"""[:=;@?"'`$<>{}]|//""")
_A_SERVER = re.compile(r"(postgres(ql)?(\+\w+)?|localhost)(?![\w.+-])|sqlite$", re.IGNORECASE)
# What Python's driver takes besides the file; SQLAlchemy drops anything else with a warning, mode=ro among it.
_SQLITE_OPTIONS = {"uri", "timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"}
_WRITE_ONE = "write sqlite:///PATH or postgresql://USER@HOST/NAME"


def parse_url(url: str | None) -> URL:
    """Read a SQLAlchemy URL, a bare path of a SQLite file or of the folder with a catalog, or None for the embedded one.

    Blanks and line ends around it do not count, nor does the case of its scheme; a password may hold an `@`. Raises
    `InvalidValue` for all else; where a bare path looks like something else, `./` before it says that it is one.
    """
    if url is None and (url := settings.database_url()) is None:
        return _file(str(settings.home() / "catalog.sqlite"))
    text = url.strip()
    if any(char < " " or "\x7f" <= char < "\xa0" for char in text):
        raise InvalidValue(f"The database URL holds a line end or another control character; {_WRITE_ONE}.")
    if (scheme := _SCHEME.match(text)) is not None:
        return _from_url(scheme[1].lower(), text[scheme.end() :])
    if not _is_bare_path(text):
        raise InvalidValue(
            "What is given as the database is neither a database URL nor a bare path of a SQLite file; "
            f"{_WRITE_ONE}, or ./PATH for a file of such a name."
        )
    return _file(_in_folder(text))


def _in_folder(path: str) -> str:
    """The catalog in a folder of seenat's; any other path as it is."""
    try:
        is_folder = path.endswith("/") or settings.expand(path, "The database").is_dir()
    except (OSError, ValueError):  # A name that no file can have: it is refused with its reason.
        return path
    return str(Path(path) / "catalog.sqlite") if is_folder else path


def is_file(url: URL) -> bool:
    """Whether a SQLite URL names a file by its path: not a catalog in memory, not SQLite's own `file:` URI."""
    return url.database not in (None, "", ":memory:") and not str(url.database).startswith("file:")


def _is_bare_path(text: str) -> bool:
    if text.startswith("//") or "://" in text:
        return False
    if text.startswith(_SURELY_A_PATH) or Path(text).is_absolute():
        return True
    return bool(text) and not _NOT_IN_A_PATH.search(text) and not _A_SERVER.match(text)


def _from_url(scheme: str, rest: str) -> URL:
    if scheme not in _DRIVERS:
        raise InvalidValue(f"Databases of the kind {scheme} are not supported; {_WRITE_ONE}.")
    try:
        parsed = make_url(f"{_DRIVERS[scheme]}://{_with_one_at(rest)}")
    except (ArgumentError, ValueError):
        raise _not_the_rest(scheme) from None
    if any(re.search(r"[\x00-\x1f\ud800-\udfff]", part) for part in _parts(parsed)) or "@" in (parsed.host or ""):
        raise _not_the_rest(scheme)
    return _sqlite(scheme, parsed) if parsed.get_backend_name() == "sqlite" else parsed


def _with_one_at(rest: str) -> str:
    """What follows the scheme, with every `@` before the last one quoted: user and password end at the last."""
    address, mark, query = rest.partition("?")
    user, at, host = address.rpartition("@")
    return f"{user.replace('@', '%40')}{at}{host}{mark}{query}"


def _parts(url: URL) -> Iterator[str]:
    yield from (part for part in (url.username, url.host, url.database) if part)
    if url.password:
        yield str(url.password)
    if url.get_backend_name() != "sqlite":
        yield from (str(value) for value in url.query.values())


def _sqlite(scheme: str, url: URL) -> URL:
    """A SQLite URL whose path is absolute; `sqlite://PATH`, with two slashes, would name a host."""
    if url.host or url.username or url.password or url.port:
        raise _not_the_rest(scheme)
    if url.query.get("uri") is None:
        if str(url.database).startswith("file:"):
            raise InvalidValue(f"A database of SQLite's file: kind needs ?uri=true after it; add it, or {_WRITE_ONE}.")
        if url.query.keys() - _SQLITE_OPTIONS:
            raise InvalidValue(
                "SQLite takes what follows the ? of its URL only with uri=true there; add it, or leave it out."
            )
    return url.set(database=_absolute(str(url.database))) if is_file(url) else url


def _not_the_rest(scheme: str) -> InvalidValue:
    return InvalidValue(f"What follows {scheme}:// is not the rest of a database URL; {_WRITE_ONE}.")


def _file(path: str) -> URL:
    return URL.create("sqlite", database=_absolute(path))


def _absolute(path: str) -> str:
    whole = str(settings.expand(path, "The database"))
    try:
        os.fsencode(whole)
    except UnicodeEncodeError:
        raise InvalidValue(f"The database's path {path!r} cannot be the name of a file; {_WRITE_ONE}.") from None
    return whole
