"""A store in a bucket that speaks S3's protocol, by obstore.

Credentials, region and endpoint are those of the environment, as AWS's own tools read them (`AWS_ACCESS_KEY_ID`,
`AWS_ENDPOINT_URL`, roles of machines and so on); obstore reads them, and nothing here keeps or shows them.

A request ends within `Patience.request` seconds, and is repeated, with growing pauses, for `Patience.all_tries` at most: after
that `StoreUnavailable` is raised. A put that only creates is repeated here, because its answer may have been lost after it was done:
then the object is there, with these bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from seenat.registry import settings
from seenat.registry.errors import MissingExtra, StoreUnavailable
from seenat.registry.printable import in_a_sentence
from seenat.registry.storage.stores.store import LARGEST, Listed, check_object_name, check_taken, too_large

__all__ = ["ObjectStore", "Patience"]

_Result = TypeVar("_Result")
_PIECE = 16 << 20
"""Bytes that are read by one request at most, so that each ends within its time."""
_FIRST_PAUSE = 0.1
_NO_BUCKET = "<Code>NoSuchBucket</Code>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a store is waited for, in seconds."""

    connect: float = 5.0
    request: float = 30.0
    """One request, from its connection to the last byte of its answer."""
    all_tries: float = 60.0
    """From the first try to the start of the last."""
    tries: int = 8


class ObjectStore:
    """See `Store`."""

    def __init__(self, bucket: str, prefix: str = "", patience: Patience | None = None) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._patience = patience or Patience()
        self._obstore = _obstore_or_refuse()
        self._errors = self._obstore.exceptions
        self._inner = _connected(bucket, prefix, self._patience)

    @property
    def url(self) -> str:
        """See `Store.url`."""
        return "/".join(("s3:/", self.bucket, *([self.prefix] if self.prefix else [])))

    def put_new(self, name: str, data: bytes) -> None:
        """See `Store.put_new`."""
        self._retried(name, lambda: self._create(name, data))

    def replace(self, name: str, data: bytes) -> None:
        """See `Store.replace`."""
        check_object_name(name)
        with self._told(name):
            self._obstore.put(self._inner, name, data, use_multipart=False)

    def put_file(self, name: str, file: Path) -> None:
        """See `Store.put_file`."""
        check_object_name(name)
        with self._told(name):
            self._obstore.put(self._inner, name, file, chunk_size=_PIECE, max_concurrency=4)

    def get(self, name: str, most: int = LARGEST) -> bytes | None:
        """See `Store.get`."""
        check_object_name(name)
        try:
            with self._told(name):
                found = self._obstore.get(self._inner, name)
                size = int(found.meta["size"])
                if size > most:
                    raise too_large(self.locate(name), size, most)
                if size <= _PIECE:
                    return bytes(found.bytes())
            pieces = (self.get_range(name, start, min(start + _PIECE, size)) for start in range(0, size, _PIECE))
            return b"".join(pieces)
        except FileNotFoundError:
            return None

    def get_range(self, name: str, start: int, stop: int) -> bytes:
        """See `Store.get_range`."""
        check_object_name(name)
        if start >= stop:
            return b""
        with self._told(name):
            return bytes(self._obstore.get_range(self._inner, name, start=start, end=stop))

    def size(self, name: str) -> int | None:
        """See `Store.size`."""
        check_object_name(name)
        try:
            with self._told(name):
                return int(self._obstore.head(self._inner, name)["size"])
        except FileNotFoundError:  # Without a body, the answer does not say whether the bucket is missing.
            found = self.get(name)
            return None if found is None else len(found)

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        check_object_name(name)
        try:
            with self._told(name):
                self._obstore.delete(self._inner, name)
        except FileNotFoundError:
            pass

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """See `Store.listed`."""
        with self._told(prefix):
            for chunk in self._obstore.list(self._inner, prefix=prefix or None):
                for found in chunk:
                    yield Listed(found["path"], int(found["size"]), found["last_modified"])

    def locate(self, name: str) -> str:
        """See `Store.locate`."""
        return f"{self.url}/{name}" if name else self.url

    def _create(self, name: str, data: bytes) -> None:
        check_object_name(name)
        try:
            self._obstore.put(self._inner, name, data, mode="create", use_multipart=False)
        except self._errors.AlreadyExistsError:
            held = self.get(name, most=max(len(data), LARGEST))
            if held is None:  # Somebody else's put of this name was under way, and is undone.
                raise StoreUnavailable(f"{self.locate(name)} was written and deleted at once; try again.") from None
            check_taken(self.locate(name), held, data)

    def _retried(self, name: str, work: Callable[[], _Result]) -> _Result:
        """Repeat what obstore does not repeat, since it may have been done."""
        deadline, pause = time.monotonic() + self._patience.all_tries, _FIRST_PAUSE
        while True:
            try:
                with self._told(name):
                    return work()
            except StoreUnavailable:
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause *= 2

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Raise `StoreUnavailable` for obstore's errors; that an object is missing passes."""
        errors, place = self._errors, self.locate(name)
        try:
            yield
        except FileNotFoundError as error:
            if _NO_BUCKET not in str(error):
                raise
            raise StoreUnavailable(f"There is no bucket {self.bucket}; make it, or check AWS_ENDPOINT_URL.") from error
        except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
            raise StoreUnavailable(
                f"{place} may not be used with the credentials of this environment; set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a role, that may read and write there."
            ) from error
        except errors.BaseError as error:
            raise StoreUnavailable(
                f"{place} cannot be reached: {_reason(error)}; check AWS_ENDPOINT_URL, the bucket and the network."
            ) from error


def _connected(bucket: str, prefix: str, patience: Patience) -> Any:
    from obstore.store import S3Store

    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={
            "allow_http": settings.object_endpoint_is_plain(),
            "connect_timeout": timedelta(seconds=patience.connect),
            "timeout": timedelta(seconds=patience.request),
        },
        retry_config={
            "max_retries": patience.tries - 1,
            "retry_timeout": timedelta(seconds=patience.all_tries),
            "backoff": {
                "init_backoff": timedelta(seconds=_FIRST_PAUSE),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        },
    )


def _obstore_or_refuse() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise MissingExtra("Stores at s3:// need obstore; run `pip install 'seenat[s3]'`.") from error
    return obstore


def _reason(error: BaseException) -> str:
    """The first line of what obstore says, without the address's query."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return in_a_sentence(first.partition("?")[0], 300)
