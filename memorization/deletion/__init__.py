"""Deleting what was measured: first the rows, in one transaction, so that nothing reads them; then the files.

Killed between the two, files are left that belong to no row. No answer reads them; `leftovers` names them, and the next
deletion of the same kind clears them away. What somebody works at right now is not deleted.

answers    Deletion: what is, or would be, deleted
results    all results of a model, or those by one protocol
job        a job, and what it alone measured
suite      a suite with its models and orders
files      the files, and those that a killed deletion left
"""
