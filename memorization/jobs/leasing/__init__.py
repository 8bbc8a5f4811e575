"""Leasing: who works on which shard, so that many processes share jobs, and a dead one holds nothing up.

leases        ShardLeases: what a run holds, renewed while it lives
owners        the names under which runs hold leases, and whether their processes are gone
lost_workers  free what workers held that are gone, and count it
open_jobs     which jobs have something to do, and which comes first
heartbeat     the thread that renews leases
worker_table  SQL of the runs that work at jobs
"""
