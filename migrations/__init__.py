"""The schema's history, as Alembic revisions; `seenat db upgrade` walks it.

env        runs the revisions over the connection that it is given
versions/  one file a revision; they import nothing from seenat
"""
