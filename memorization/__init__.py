"""Measuring: which sequences each checkpoint of a model has memorized, and since when.

Each line may import those above it, never those below:

    protocol/     what is measured: protocols, measures, the sequences and blocks they are asked of
    statistics/   intervals and distributions, from numbers alone
    engine/       running models: prefixes, scores and losses of sequences; imports torch
    results/      what was measured, on disk and in SQL: arrays, commits, onsets, trajectories
    jobs/         stored plans, shards and leases, and the runners that measure them
    labels/       named values of the sequences of an order, to choose and to group by
    adaptive/     jobs that measure a grid of checkpoints and refine it, and what these leave out
    estimate/     what a measurement costs, and what pays, told before it begins
    queries/      answers from results: onsets, trajectories, lists, exports
    published/    results that others published: imported, and compared with ours
    studies/      what papers ask of memorization
    upkeep/       whether what is stored is true, and what nothing names
    deletion/     deleting results, jobs and suites: rows first, then files
    plots/        charts of answers and studies
    pocket/       a small suite that is trained here, and the demo on it
"""
