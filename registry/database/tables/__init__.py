"""The catalog's tables, as SQLAlchemy Core sees them; the migrations make the same schema step by step.

    base      the metadata that all tables share
    catalog   what suites consist of and what is known of it
    imports   what others measured
    jobs      what is to be measured
    results   what was measured

The tables, in four layers, each pointing only upwards:

* catalog     suites, orders, token_files, batches, models, aliases, checkpoints, checkpoint_files, revisions, evidence,
              claims; generations, which count their changes
* imports     evaluation_files, evaluations, result_sets, reference_counts: what others measured
* jobs        protocols, measurements, measurement_rows, jobs, shards
* results     blocks, memorized_sequences, onset_counts, batch_counts

A *measurement* is what makes numbers comparable: one protocol, one model, one order's content. Its dense values live in a
Zarr array; `measurement_rows` says which row of that array belongs to which checkpoint *content*, `blocks` which files
of it are committed. Sequences are arithmetic, never rows, except those that were memorized at least once.

Times are UTC as ISO-8601 text ending in Z; digests are text that starts with `sha256:`.
"""

from seenat.registry.database.tables.base import metadata
from seenat.registry.database.tables.catalog import (
    aliases,
    batches,
    checkpoint_files,
    checkpoints,
    claims,
    evidence,
    generations,
    models,
    orders,
    revisions,
    suites,
    token_files,
)
from seenat.registry.database.tables.imports import evaluation_files, evaluations, reference_counts, result_sets
from seenat.registry.database.tables.jobs import jobs, measurement_rows, measurements, protocols, shards
from seenat.registry.database.tables.results import batch_counts, blocks, memorized_sequences, onset_counts

__all__ = [
    "aliases",
    "batch_counts",
    "batches",
    "blocks",
    "checkpoint_files",
    "checkpoints",
    "claims",
    "evaluation_files",
    "evaluations",
    "evidence",
    "generations",
    "jobs",
    "measurement_rows",
    "measurements",
    "memorized_sequences",
    "metadata",
    "models",
    "onset_counts",
    "orders",
    "protocols",
    "reference_counts",
    "result_sets",
    "revisions",
    "shards",
    "suites",
    "token_files",
]
