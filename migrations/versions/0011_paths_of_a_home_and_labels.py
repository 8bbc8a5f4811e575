"""Paths below a catalog's folder relative to it, so that it may be moved; and labels of sequences."""

import pathlib

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_PATHS = (
    ("suites", "origin"),
    ("orders", "location"),
    ("orders", "tokenizer"),
    ("models", "folder"),
    ("token_files", "name"),
)
_MARK = "home:"


def upgrade() -> None:
    for folder in _folders():
        for table, column in _PATHS:
            _replace_beginning(table, column, folder + "/", _MARK)
            _replace_whole(table, column, folder, f"{_MARK}.")
    op.create_table(
        "labels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_digest", sa.String(80), nullable=False),
        sa.Column("name", sa.String(96), nullable=False),
        sa.Column("sequences", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.String(200), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_digest", sa.String(80), nullable=False),
        sa.Column("imported_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_labels"),
        sa.UniqueConstraint("order_digest", "name", name="uq_labels_order_digest"),
    )
    op.create_table(
        "label_values",
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("sequences", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name="fk_label_values_label_id_labels"),
        sa.PrimaryKeyConstraint("label_id", "code", name="pk_label_values"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("label_values")
    op.drop_table("labels")
    for folder in _folders()[:1]:
        for table, column in _PATHS:
            _replace_whole(table, column, f"{_MARK}.", folder)
            _replace_beginning(table, column, _MARK, folder + "/")


def _folders() -> list[str]:
    """The folder of a SQLite catalog: where its file lies, and as it was named; none for other databases."""
    url = op.get_bind().engine.url
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:") or url.database.startswith("file:"):
        return []
    folders = (pathlib.Path(url.database).parent, pathlib.Path(url.database).resolve().parent)
    return [str(folder).rstrip("/") for folder in dict.fromkeys(folders)]


def _replace_beginning(table: str, column: str, before: str, after: str) -> None:
    statement = sa.text(
        f"UPDATE {table} SET {column} = :after || substr({column}, :rest) WHERE substr({column}, 1, :length) = :before"
    )
    values = {"before": before, "after": after, "length": len(before), "rest": len(before) + 1}
    op.get_bind().execute(statement, values)


def _replace_whole(table: str, column: str, before: str, after: str) -> None:
    statement = sa.text(f"UPDATE {table} SET {column} = :after WHERE {column} = :before")
    op.get_bind().execute(statement, {"before": before, "after": after})
