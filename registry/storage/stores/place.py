"""Which store a URL means: `s3://BUCKET/PREFIX`, or `file:///FOLDER`.

Whatever else a URL may hold, a user, a password, options, is refused unrepeated: the catalog keeps these URLs, and secrets belong
to the environment.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from seenat.registry.errors import InvalidValue
from seenat.registry.storage.stores.folder import FolderStore
from seenat.registry.storage.stores.objects import ObjectStore
from seenat.registry.storage.stores.store import Store, check_object_name

__all__ = ["check_store_url", "open_store"]

_WRITE_ONE = "write s3://BUCKET/PREFIX or file:///FOLDER"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def check_store_url(url: str) -> str:
    """The URL as the catalog keeps it; raises `InvalidValue` where it names no store."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise InvalidValue(f"The place of results is no URL; {_WRITE_ONE}.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidValue(
            f"The URL of a store holds more than its place; {_WRITE_ONE}, and give credentials by the environment (AWS_*)."
        )
    if parts.scheme == "s3":
        return _bucket_url(parts.netloc, parts.path.strip("/"))
    folder = unquote(parts.path)
    if parts.scheme == "file" and not parts.netloc and Path(folder).is_absolute() and "\0" not in folder:
        return Path(folder).as_uri()
    raise InvalidValue(f"{url.strip()!r} names no store; {_WRITE_ONE}.")


@lru_cache(maxsize=64)
def open_store(url: str) -> Store:
    """The store at a URL; nothing is asked of it yet. Raises `InvalidValue`, `MissingExtra`."""
    parts = urlsplit(check_store_url(url))
    if parts.scheme == "s3":
        return ObjectStore(parts.netloc, parts.path.strip("/"))
    return FolderStore(Path(unquote(parts.path)))


def _bucket_url(bucket: str, prefix: str) -> str:
    if _BUCKET.fullmatch(bucket) is None:
        raise InvalidValue(f"{bucket!r} cannot be the name of a bucket; {_WRITE_ONE}.")
    if prefix:
        check_object_name(prefix)
    return "/".join(("s3:/", bucket, *([prefix] if prefix else [])))
