"""N-gram indexes of orders, and their shards."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "indexes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_digest", sa.String(80), nullable=False),
        sa.Column("window", sa.Integer(), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("fingerprints", sa.Boolean(), nullable=False),
        sa.Column("shard_sequences", sa.BigInteger(), nullable=False),
        sa.Column("ranks_digest", sa.String(80), nullable=False),
        sa.Column("folder", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_indexes"),
        sa.UniqueConstraint("folder", name="uq_indexes_folder"),
        sa.UniqueConstraint("order_digest", "window", name="uq_indexes_order_digest"),
    )
    op.create_table(
        "index_shards",
        sa.Column("index_id", sa.Integer(), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("sequences", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(80), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["index_id"], ["indexes.id"], name="fk_index_shards_index_id_indexes"),
        sa.PrimaryKeyConstraint("index_id", "first_sequence", name="pk_index_shards"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("index_shards")
    op.drop_table("indexes")
