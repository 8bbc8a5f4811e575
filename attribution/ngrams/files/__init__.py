"""The files of an index.

shard_file  one shard: the samples of consecutive sequences
directory   where the keys of all shards begin: what a search reads first
ranks_file  how rare each code is
"""
