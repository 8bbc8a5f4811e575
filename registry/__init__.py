"""The catalog: orders, models and checkpoints, where their files are and what is known of them.

Rooms, each importing only those above it:

    storage       files written whole or not at all, and their digests
    parquet       Parquet files of others, read within bounds of memory
    checkpoints   the files of a checkpoint: which, what they hash to, how many parameters they hold
    hub           repositories of models: listed, fetched, kept
    database      engine, transactions, tables, schema
    orders        token files: formats, byte ranges, remote reading
    exports       batches as files and as data sets to train on
    catalog       models and orders as values, and the queries that make them
    suites        suites as data: manifests, what changed, writing, claims
    integrity     is a checkpoint what its name says: sync, audit, verify
    evaluations   benchmark results that others published
    access        tokens with which the catalog is written over HTTP, and what they did
    data          what ships with seenat: Pythia, claims, known issues, published counts

Files for every room:

    errors           every error, with its exit code and HTTP status
    settings         the environment, read at call time
    units            sequences, batches, steps and half-open ranges
    schedule         how a run walks through its order, and which steps it saved
    learning_rate    the rate of any update
    answer           the base of typed answers: JSON and tables from fields
    columns          rows by column, for lists of millions
    closing          what `with` needs of an object that has a `close`
    printable        text of others, escaped and shortened for people and terminals
    notebook         answers as notebooks show them
    optional         packages that only an extra installs
    open             open_catalog: make, migrate and fill a catalog; knows all the rooms
"""
