"""How much memory this process may still take."""

from __future__ import annotations

from pathlib import Path

__all__ = ["free_memory"]

_CGROUP = Path("/sys/fs/cgroup")


def free_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int | None:
    """Bytes that can be had without swapping, within the limit of a container; None where the system does not tell."""
    try:
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        machine = int(fields["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit, used = ((cgroup / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return min(machine, max(0, int(limit) - int(used)))
    except (OSError, ValueError):  # No container, or one without a limit, which is written `max`.
        return machine
