"""The database of the catalog: SQLite or PostgreSQL.

engine        Database: transactions that read, write, or write only where nobody else does
url           parse_url: which database a URL or a path means
read_only     SQLite files that may be read and not written
postgresql    PostgreSQL: connections, how transactions begin, which faults pass
patience      running a transaction again where what it met with passes
commits       whether anything was committed since one asked last
generation    a number that grows with every change of models and orders
schema        Alembic's revisions, run over a connection
rows          rows by name or as whole numbers, the time as it is written, inserts and upserts
clock         the database's own clock
bulk_insert   many rows at once, past SQLAlchemy
copy_rows     all rows into another database
tables        all tables
"""
