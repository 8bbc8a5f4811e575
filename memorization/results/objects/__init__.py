"""Results in a store of objects, which machines share: create-only objects that the catalog names.

array       ObjectArray: blocks as objects, named by their writers
parts       ObjectParts: the second array, which any Zarr reader opens
choose      whether a measurement lies in a folder or a store
"""
