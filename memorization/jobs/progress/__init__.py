"""How far jobs are, how fast they go on, and how long they will take.

counts  SQL: shards by state, by who holds them, by checkpoint
pace    Pace: the rate of all workers together, and the time left
"""
