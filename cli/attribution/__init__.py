"""Commands from data back to training.

duplicates  what an order repeats: sequences, windows, ids at any offset, and what is alike
exposures   how often memorized sequences had been seen before their onset
"""
