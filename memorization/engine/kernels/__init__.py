"""The parts of an engine that know no architecture.

output_head    which id greedy decoding chooses, from states, without holding all logits
prefix_state   what is known of each sequence's prefix, for several protocols at once
surprisal      -ln p and ranks of true ids, without holding all logits
rechecking     float32's prefixes from bfloat16's, where the two certainly agree
stages         how many ids each pass takes before sequences with a mistake are dropped
linear         linear maps, packed for oneDNN where torch offers it
packed_linear  the packing itself, and whether this build of torch has it
devices        copies to a device, rows a pass, out of memory, exact float32 products
threads        one share of the sequences for each thread
"""
