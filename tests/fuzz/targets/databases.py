"""SEENAT_DATABASE_URL: a URL, the bare path of a SQLite file, or a mistake. Parsing it makes no file, whatever it says."""

from __future__ import annotations

import os
from pathlib import Path

from fuzz.mutator import damage_text
from fuzz.target import Target
from seenat.registry.database.url import parse_url

__all__ = ["TARGETS"]

_URLS = (
    "postgresql://user:secret@host:5432/name?sslmode=require&connect_timeout=3",
    "postgres://user:sec%40ret@[::1]:5432/name",
    "postgresql+psycopg:///name?host=/var/run/postgresql",
    "sqlite:////data/catalog.sqlite",
    "sqlite:///file:catalog.sqlite?mode=ro&uri=true",
    "sqlite://",
    "host=localhost port=5432 dbname=name user=me password=secret",
    "~/seenat/catalog.sqlite",
    "catalogs/mine.sqlite",
)


def _samples(_folder: Path) -> list[bytes]:
    return [url.encode() for url in _URLS]


def _parse(data: bytes, folder: Path) -> None:
    text = os.fsdecode(data)
    before = Path.cwd()
    os.chdir(folder)
    try:
        parsed = parse_url(text)
    finally:
        os.chdir(before)
        assert not any(folder.iterdir()), "a file was made"
    assert parsed.get_backend_name() in ("sqlite", "postgresql")
    path = parsed.database or ":memory:"
    if parsed.get_backend_name() == "sqlite" and not path.startswith(("file:", ":memory:")):
        assert Path(path).is_absolute()


TARGETS = [Target(name="database-url", samples=_samples, parse=_parse, damage=damage_text)]
