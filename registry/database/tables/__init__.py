"""The catalog's tables, as SQLAlchemy Core sees them; the migrations make the same schema step by step.

    base       the metadata that all tables share
    home_path  paths below the catalog's folder, stored relative to it
    access     who may write over HTTP, and what was written by which token
    catalog    what suites consist of and what is known of it
    imports    what others measured
    indexes    n-gram indexes of orders, and their shards
    jobs       what is to be measured
    labels     named values of sequences
    results    what was measured
    complete   the metadata, once all tables are in it

The tables, in seven layers, each pointing only upwards:

* catalog     suites, orders, token_files, batches, models, aliases, checkpoints, checkpoint_files, revisions, evidence,
              claims; generations, which count their changes
* imports     evaluation_files, evaluations, result_sets, reference_counts: what others measured; import_log
* indexes     indexes, index_shards: where some ids stand in an order
* jobs        protocols, measurements, measurement_rows, jobs, shards
* results     blocks, memorized_sequences, onset_counts, batch_counts
* labels      labels, label_values: values of the sequences of an order, which lie in files
* access      access_tokens, access_log: they point nowhere

A *measurement* is what makes numbers comparable: one protocol, one model, one order's content. Its dense values live in a
Zarr array; `measurement_rows` says which row of that array belongs to which checkpoint *content*, `blocks` which files
of it are committed. Sequences are arithmetic, never rows, except those that were memorized at least once.

Times are UTC as ISO-8601 text ending in Z; digests are text that starts with `sha256:`.
"""
