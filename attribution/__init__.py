"""From a text back to the training: which sequences hold it, at which steps they were consumed, and which ones mattered.

ngrams/       the index over an order: every place of some ids, in milliseconds
find/         every exposure of a text
trace/        the parts of a text that stand in an order word for word
duplicates/   what an order repeats, and how often what was memorized had been seen before
exchange/     files of other attribution tools, out and in
influence/  which training sequences lowered the loss of a text, by gradients at the checkpoints around them; imports torch
"""
