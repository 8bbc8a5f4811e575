"""Results: values in files, and the rows of SQL that make them count. Nothing here measures, or needs torch.

measurements      Measurement: a protocol, a model and an order's content; which of several answers
array             ResultArray: one Zarr array a measurement, a file for each block of each row
objects/          the same in a store of objects: names, copies on this machine, which of the two a measurement has
files/            how they lie and are encoded, by format, and what they say of themselves
shard_codec       the bytes of such a file
commit            MeasurementStore: write a block and make it count, in one transaction
recovery          undo what killed writers left behind
block_table       SQL of committed blocks, and of counts by batch
trajectory        one sequence's points; onsets of many sequences at once
onset_rows        SQL of onsets: what a block puts there, counts, pages
refresh           onsets of contents that were replaced: refused to readers, derived anew by writers
trajectory_parts  the same values once more, all checkpoints of a block in a file
compaction        write these files
read              read committed values, from whichever files cost less
"""
