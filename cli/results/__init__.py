"""Commands that read results, or write them for other programs.

delete      delete: results, job, label
measured    results: what was measured, by which protocols, on what
onset       trajectory, onset
cells       trajectories, passages, why: sequences by checkpoints
which       which: lists of sequences; compact
export      export, export-batches
published   import, compare: what others measured
"""
