"""Commands about this installation.

database    db: the schema of the catalog's database
doctor      doctor
diagnosis   what doctor finds out
"""
