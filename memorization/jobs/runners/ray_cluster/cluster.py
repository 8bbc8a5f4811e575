"""A cluster of Ray: one that exists, by its address, or one of this machine for as long as it is needed.

Ray listens on every interface of a machine, whatever it is told, and runs the code of whoever connects. So a cluster that is
begun here asks for a token, and is not begun where tokens are switched off.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seenat.registry import settings
from seenat.registry.errors import InvalidValue, JobFailed
from seenat.registry.optional import ray_or_refuse
from seenat.registry.printable import in_a_sentence

__all__ = ["Need", "joined", "places"]

_OBJECT_BYTES = 80 << 20
"""Of Ray's store, near the least that it takes: nothing is put there."""
_LONGEST_FOLDER = 30
"""Ray's sockets lie below it, and a socket's path has at most 107 bytes."""

Need = dict[str, float]
"""What an actor takes of a node, as Ray names it: CPU, GPU, memory in bytes."""


@contextmanager
def joined(address: str | None, cores: int, *, is_shared: bool) -> Iterator[Any]:
    """The module ray while this process belongs to a cluster; where it did before, it stays.

    Without an address, and where RAY_ADDRESS is not set, a cluster of this machine is begun with so many `cores`, and ended with
    this context. Raises `InvalidValue` where the catalog is not `is_shared` and the cluster has other machines, and `JobFailed`
    where Ray cannot be used.
    """
    address = address or settings.ray_address()
    settings.prepare_ray(begins=address is None)
    ray = ray_or_refuse()
    if ray.is_initialized():
        yield ray
        return
    with _temporary_folder() as folder, _own_signals():
        try:
            _connect(ray, address, cores, folder)
        except (ConnectionError, OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            where = "here" if address is None else f"at {address}"
            raise JobFailed(
                f"Ray's cluster {where} cannot be used: {in_a_sentence(error)}; check that it runs, and that its token stands in "
                "RAY_AUTH_TOKEN or ~/.ray/auth_token."
            ) from error
        try:
            if not is_shared:
                _check_alone(ray)
            yield ray
        finally:
            ray.shutdown()


def places(ray: Any, need: Need) -> int:
    """How many actors that `need` so much the nodes of a cluster hold, all that is taken now included."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fitting = ([node.get(name, 0) / much for name, much in need.items() if much] for node in nodes)
    return sum(int(min(each)) for each in fitting if each)


def _connect(ray: Any, address: str | None, cores: int, folder: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is not None:
        ray.init(address=address, **quiet)
        return
    ray.init(
        address="local",
        num_cpus=cores,
        include_dashboard=False,
        object_store_memory=_OBJECT_BYTES,
        _temp_dir=folder,
        **quiet,
    )


def _check_alone(ray: Any) -> None:
    """Raise `InvalidValue` where a cluster has another machine than this one."""
    here = ray.util.get_node_ip_address()
    others = sorted({node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]} - {here})
    if others:
        raise InvalidValue(
            f"Ray's cluster has other machines ({', '.join(others[:3])}), which do not reach the SQLite file of this one; set "
            "SEENAT_DATABASE_URL to a catalog in PostgreSQL."
        )


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """A folder with a short path, for Ray's sockets and logs."""
    usual = tempfile.gettempdir()
    where = usual if len(usual) <= _LONGEST_FOLDER or not Path("/tmp").is_dir() else "/tmp"
    with tempfile.TemporaryDirectory(prefix="seenat-ray-", dir=where, ignore_cleanup_errors=True) as folder:
        yield folder


@contextmanager
def _own_signals() -> Iterator[None]:
    """Whatever SIGTERM meant before means it again: Ray sets a meaning of its own while it connects."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
