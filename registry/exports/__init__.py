"""Files and datasets for other programs: batches of an order, and tables of results.

batches     the ids of batches: to a file, or to a `datasets.IterableDataset` to train on
answers     the rows of any answer
files       writes .npy, Parquet, text tables and dataset folders piece by piece, so that they are whole or absent
text_tables  CSV and JSON lines
"""
