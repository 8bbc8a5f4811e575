"""The catalog's methods that go from text back to training, a module each.

find        every exposure of a text, and what checkpoints make of it
trace       the parts of a text that stand in an order; what a checkpoint writes
indexes     building, listing and verifying the indexes that both search
duplicates  what an order repeats, and how often memorized sequences had been seen
influence   the training sequences that lowered a text's loss
exchange    files for other attribution tools
"""
