"""Runners: how the shards of planned jobs get measured. Plans, leases and commits are the same for each.

local             in this process, one checkpoint after the other
worker            take shards of any job, one job after the other
processes         workers as processes of this machine, kept running
local_processes   jobs by several of them, one a device
ray_cluster/      jobs by actors of a Ray cluster
slurm             a script of an array of workers
choose            which of these a request asks for
worker_observer   WorkerObserver: hears what a worker does
watching          Watch: how jobs stand that others measure
together          which jobs are measured together
one_device        jobs that keep to one kind of device
local_loader      fetch checkpoints and load them for a device of this machine
compact_finished  what follows a finished job
"""
