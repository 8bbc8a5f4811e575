"""Runners: how the shards of planned jobs get measured. Plans, leases and commits are the same for each.

local             in this process, one checkpoint after the other
worker            take shards of any job, one job after the other
worker_observer   WorkerObserver: hears what a worker does
local_loader      fetch checkpoints and load them for a device of this machine
compact_finished  what follows a finished job
"""
