"""The kinds of faults.

fault       what a fault is
processes   workers and drivers that are killed or stopped, two drivers at one job
messages    commits and heartbeats that come twice, late, or under an old fence; clocks an hour apart
files       result, checkpoint and order files that are corrupted, truncated or swapped
servers     PostgreSQL that is killed and begun again, an object store that answers wrongly, late or in part
disk        no room, and nothing that may be written
"""

from __future__ import annotations

from faults.kinds.fault import Fault
from faults.kinds.processes import KillDriver, KillWorker, PauseDriver, PauseWorker, SecondDriver

__all__ = ["ALL"]

ALL: tuple[Fault, ...] = (KillWorker(), KillDriver(), PauseWorker(), PauseDriver(), SecondDriver())
"""One of each kind."""
