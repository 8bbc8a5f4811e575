"""Making and checking the files of an index.

builder        plans which shards are missing, has them built, and records them
workers        several processes at a time
worker         one such process
shard_builder  the shard of some sequences: their samples, sorted
sort_setting   which of numpy's sorts is the faster one here
remove         deletes an index
verify         reads every shard, and builds damaged ones again
"""
