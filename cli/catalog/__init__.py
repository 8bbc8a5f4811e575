"""Commands about what the catalog holds.

models        models, model, step
checkpoints   checkpoints: a search over all of them; broken
orders        batch, sequence
suites        register, unregister, demo
integrity     sync, audit, verify
evals         evals: benchmark results
order         orders, order
labels        label, labels: named values of sequences
texts         how texts of sequences are shown
cite          cite, learning-rate
"""
