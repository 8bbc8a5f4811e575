"""What a measurement costs, told before any of it is done, by arithmetic over rows: nothing here imports torch.

flop        floating-point operations of a cell, from a model's shape and a protocol
gpus        GPUs by name: what their data sheets say
volumes     bytes: checkpoints to fetch, ids to read, results to keep
rates       how fast this catalog's earlier jobs were
work        what is asked for: cells, shards, checkpoints
projection  time on a number of GPUs, and what holds them up
answers     Estimate and its parts
estimate    all of it, for one model
missing     what a job needs and this machine lacks
faster      whether what was asked for pays, and what is faster
"""
