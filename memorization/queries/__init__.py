"""Questions about results, each answered by one function. They read, and never write or wait for a writer.

onsets        when a model memorized what: counts at every checkpoint, the first sequences
trajectories  one sequence over a model's checkpoints; values of a range of sequences
batches       a batch's sequences by a model's checkpoints
passages      what a protocol reads of sequences, as text
provenance    where the value of a cell comes from
memorized     what was memorized first by a step; how many sequences of each batch
recited       what each checkpoint said of a sequence, as far as results tell
said_anew     what checkpoints say of a sequence, generated anew
earlier       what one model memorized before another
whole_lists   all rows of these lists, as columns
measured      what was measured, by which protocols, on what, by which jobs
export        every value as Parquet or a dataset
"""
