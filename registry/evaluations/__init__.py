"""Benchmark results that others published.

harness_files    one JSON file of the evaluation harness: model, step, numbers, or why it is rejected
task_results     the numbers of a file, in the harness's two layouts
model_arguments  the checkpoint that a run's arguments name
run_setup        whether whole tasks were measured, and in the usual set-up
json_file        reading JSON of others within bounds
rejected         Rejected: why a file is not imported
judge            what becomes of each file, by the catalog
importer         a folder of such files -> the catalog
query            results of a model by task, metric and step
duplicate_runs   runs that share numbers nothing explains, or lack those they should share
"""
