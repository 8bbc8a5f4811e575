"""Jobs: stored plans of what to measure, cut into shards that processes lease, measure and commit.

plan          store a job, or find the one that asks for the same
plan_checks   what may be planned: orders, checkpoints, sequences that fit
status        Job, Progress: stored plans, how far they are, and who works at them
changes       cancel, pause or prioritize a job, try again what failed, give it a name and a note
job_table     SQL of jobs
shard_table   SQL of shards
shard_writer  ShardWriter: buffer one job's values, then commit
repair        measure again what was committed and is lost
prefetch      fetch and load the next checkpoint while one is measured
background    the thread that does so
window_cache  compact copies of the ids that a protocol reads
host_memory   how much memory is free
progress/     how far and how fast jobs go on
leasing/      which process works on which shard
runners/      the loops that measure
"""
