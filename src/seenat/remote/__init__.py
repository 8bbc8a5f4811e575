"""The catalog over HTTP: which address answers which method, and the client.

routes      every method that reads, its address, and what may be asked of it
parameters  values as they stand in addresses
"""
