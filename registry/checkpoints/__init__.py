"""Checkpoints as files: what a folder holds, read without loading a model.

files            which files determine a checkpoint, their digests, and its config.json
weight_index     which file holds which tensor
parameters       how many parameters the files hold, from headers or from config.json
storage_dtype    how the parameters are stored (16 or 32 bits, with or without masks), from the length of a file
"""
