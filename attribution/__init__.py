"""From data to training and back: what of the order mattered to a model.

influence/  which training sequences lowered the loss of a text, by gradients at the checkpoints around them; imports torch
"""
