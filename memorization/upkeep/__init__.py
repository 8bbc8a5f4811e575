"""Upkeep of results: which files count, whether rows follow from them, and what nothing names any more.

inventory   the files that the catalog names, with their digests
rederive    onsets and counts derived again from the files, and compared with the rows
recheck     a sample of what other kinds of devices measured, measured again here
abandoned   files that nothing names
attach      results that another catalog holds, taken over where their digests fit
"""
