"""Models, checkpoints and orders: values, the queries that make them, and the tables they are kept in.

catalog             Catalog: the one object that look-ups go through
snapshot            what was read of one generation of the catalog, kept in memory
names               names, aliases and repositories -> models; the nearest names of an unknown one
queries             rows -> values; the catalog's queries
models              Model, Checkpoint
orders              Order, Batch
specs               what a suite states: SuiteSpec, OrderSpec, ModelSpec, CheckpointSpec
end_of_document     is an order's end-of-document id the one that tokenizer and models name
status              Evidence, and the status that follows from it
search              checkpoints over all models: by tokens seen, size, status
serialize           answers as JSON
checkpoint_tables   the one writer of checkpoints, their files, evidence and revisions
order_tables        the one writer of orders, token files and batches
"""
