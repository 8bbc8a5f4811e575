"""Alembic's entry: runs revisions over the connection that the caller put into the configuration.

There is no other way in: seenat decides which database, in which transaction, and holds its lock.
"""

from alembic import context

from seenat.registry.database.tables.complete import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    transactional_ddl=False,
)
context.run_migrations()
