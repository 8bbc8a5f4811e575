"""From a text back to the training: which sequences hold it, at which steps they were consumed, and which ones mattered.

ngrams/       the index over an order: every place of some ids, in milliseconds
trace/        the parts of a text that stand in an order word for word
"""
