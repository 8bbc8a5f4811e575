"""The catalog: units, schedules, suites as data, orders and where their ids are, checkpoints and what is known of them.

Each line may import those above it, never those below; `orders` has layers of its own, in the same direction.

    errors, settings, units, schedule, learning_rate    what every room needs
    answer           the base of typed answers: JSON, tables and pages from fields
    optional         packages that only an extra installs
    storage/         files that are whole or absent, and digests
    checkpoints/     the files of a checkpoint and the parameters that they hold
    hub/             model repositories on a hub: listings, downloads, retries
    orders/          training orders, their formats, and orders read from a hub
    exports/         batches and tables for other programs
    database/        the SQL engine, the schema and its tables
    catalog/         orders, models and checkpoints as values, and the queries that read them
    suites/          the descriptions of suites: reading them and writing them into the catalog
    integrity/       whether checkpoints and batches are what their names say
    evaluations/     benchmark results
    data/            the suites that ship with seenat, as JSON
"""
