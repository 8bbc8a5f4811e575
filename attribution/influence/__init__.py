"""Influence of training sequences on the loss of a query, aware of the training order: TracIn over saved checkpoints.

query        what is asked of: ids, and over which of them the loss is taken
candidates   the sequences that are scored, and the refusal of those that the run never consumed
visits       at which checkpoints each candidate is scored, and with which weight
gradients    the gradient of a loss, and its second moment over a batch; imports torch
moved        losses under parameters moved along a direction; imports torch
derivatives  the derivative of every id's loss along a direction, by differences or by forward mode; imports torch
tracin       the loops over checkpoints, queries and candidates
best         the parts of the best candidates, by checkpoint and id, and their error
bm25         the baseline: BM25 over the ids of the candidates
answer       Influence: the sequences that mattered most, with their parts
report       from a request to answers: scores, the best, the baseline beside them

docs/influence.md has the formulas, and what the numbers do not mean.
"""
