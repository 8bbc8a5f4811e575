"""Stores of objects: where a measurement or an index lies, and which object holds a block."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("measurements", sa.Column("store", sa.Text(), nullable=True))
    op.add_column("indexes", sa.Column("store", sa.Text(), nullable=True))
    op.add_column("blocks", sa.Column("object", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("blocks", "object")
    op.drop_column("indexes", "store")
    op.drop_column("measurements", "store")
