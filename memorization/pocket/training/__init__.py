"""Training the pocket suite's models; the only part of pocket/ that computes with torch.

architecture  GPT-NeoX with weights drawn from numpy
checkpoints   the folder of each saved step, and the state from which a killed run continues
train_model   one model, in a process of its own
workers       all models: as many processes at a time as there are cores
"""
