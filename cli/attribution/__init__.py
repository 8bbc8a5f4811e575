"""Commands that lead from data to training and back.

influence   influence: the training sequences that lowered a text's loss
"""
