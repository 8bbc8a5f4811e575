"""Benchmark results that others published.

harness_files    one JSON file of the evaluation harness: model, step, numbers, or why it is rejected
importer         a folder of such files -> the catalog
query            results of a model by task, metric and step
duplicate_runs   runs that share numbers nothing explains
"""
