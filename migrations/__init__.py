"""The schema's history, as Alembic revisions; `seenat db upgrade` walks it."""
