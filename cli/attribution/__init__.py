"""Commands that go from text and data back to training.

find        every exposure of a text
index       build, list, verify and remove the indexes of orders
trace       what of a text was seen in training; what a checkpoint writes
duplicates  what an order repeats: sequences, windows, ids at any offset, and what is alike
exchange    files for other attribution tools
exposures   how often memorized sequences had been seen before their onset
influence   influence: the training sequences that lowered a text's loss
"""
