"""Commands about this installation.

database    db: the schema of the catalog's database
keeping     db backup, restore and verify; gc
doctor      doctor
completion  completion: scripts for shells
diagnosis   what doctor finds out
"""
