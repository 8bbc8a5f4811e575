"""Memorization results that others published, and ours beside them.

sources        reading data sets of published results, from the hub, a folder or a file
parquet_files  rows of Parquet files of this machine, and what other files are instead
columns        which columns say what, and their values
split_names    SplitName: names of published splits
subjects       which model and checkpoint a data set is of
token_check    whether ids that come with rows are those of the order
list_export    our own list of memorized sequences, in the published form
importer       which rows count, and importing each set once
result_sets    ResultSet: a published set as the catalog holds it
compare        our results beside published ones: counts, and sequence by sequence
"""
