"""From a text back to the training: which sequences hold it, at which steps they were consumed, and which ones mattered.

ngrams/       the index over an order: every place of some ids, in milliseconds
exchange/     files of other attribution tools, out and in
duplicates/   what an order repeats, and how often what was memorized had been seen before
"""
