"""The kinds of faults.

fault       what a fault is
processes   workers and drivers that are killed or stopped, two drivers at one job
actors      actors of Ray that are killed or stopped
messages    commits and heartbeats that come twice, late, or under an old fence; clocks an hour apart
files       result, checkpoint and order files that are corrupted, truncated or swapped
indexes     the same of files of the order's index, which is searched at once
servers     PostgreSQL that is killed and begun again, an object store that answers wrongly, late or in part
disk        no room, and nothing that may be written
"""

from __future__ import annotations

from faults.kinds.actors import KillActor, PauseActor
from faults.kinds.disk import FullDisk, NoRoom, ReadOnly
from faults.kinds.fault import Fault
from faults.kinds.files import DamagedCheckpoint, DamagedObject, DamagedOrder, DamagedResult
from faults.kinds.indexes import DamagedIndex
from faults.kinds.messages import LateHeartbeat, LateWorker, OldFence, Twice, WrongClock
from faults.kinds.processes import KillDriver, KillWorker, PauseDriver, PauseWorker, SecondDriver
from faults.kinds.servers import (
    KillPostgres,
    StoreAnswers500,
    StoreCuts,
    StoreForgets,
    StoreIsLate,
    StoreIsSlow,
)

__all__ = ["ALL"]

_PROCESSES = (KillDriver(), KillWorker(), PauseDriver(), PauseWorker(), SecondDriver())
_ACTORS = (KillActor(), PauseActor())
_MESSAGES = (LateHeartbeat(), LateWorker(), OldFence(), Twice(), WrongClock())
_FILES = (DamagedCheckpoint(), DamagedIndex(), DamagedObject(), DamagedOrder(), DamagedResult())
_SERVERS = (KillPostgres(), StoreAnswers500(), StoreCuts(), StoreForgets(), StoreIsLate(), StoreIsSlow())
_DISK = (FullDisk(), NoRoom(), ReadOnly())
ALL: tuple[Fault, ...] = (*_PROCESSES, *_ACTORS, *_MESSAGES, *_FILES, *_SERVERS, *_DISK)
"""One of each kind."""
