"""How the arrays of a measurement lie in files.

format        its number, and what each means
layout        how values become bytes, by format
origin        what measured a block: device, type, versions
description   what an array says of itself, in Zarr's words: made, written, read
block_array   BlockArray: what arrays have in common, in a folder or a store
part_files    PartFiles: the same of their second arrays
places        the folders in which they lie
"""
