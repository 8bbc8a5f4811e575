"""Commands that go from text back to training.

find    every exposure of a text
index   build, list, verify and remove the indexes of orders
trace   what of a text was seen in training; what a checkpoint writes
"""
