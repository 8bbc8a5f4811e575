"""Memorization results that others published, and ours beside them.

sources      reading data sets of published results, from the hub, a folder or a file
importer     which model they are of, which rows count, and importing each set once
result_sets  ResultSet: a published set as the catalog holds it
compare      our results beside published ones: counts, and sequence by sequence
"""
