"""Keeping a catalog: copies of it, whether it is true, and what may be deleted.

backup_folder   how a back-up lies in a folder
backup          copy a catalog with its results and indexes while others work with it
restore         make a catalog of a back-up, in either database
attach          results and indexes that were made elsewhere
verify          derive again what is stored, and compare digests
garbage         files that nothing names
schema          making a catalog's schema, bringing it up to date, checking it
access          tokens with which a served catalog may be written
methods         the catalog's methods
"""
