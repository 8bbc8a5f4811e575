"""The format of each measurement's files, and on what device, in which type and by which versions each block was measured."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ORIGINS = ("device", "dtype", "seenat", "torch", "transformers")


def upgrade() -> None:
    # What is there was written by format 1, and nobody wrote down what measured it.
    op.add_column("measurements", sa.Column("format", sa.Integer(), server_default="1", nullable=False))
    for name in _ORIGINS:
        op.add_column("blocks", sa.Column(name, sa.Text(), nullable=True))


def downgrade() -> None:
    for name in reversed(_ORIGINS):
        op.drop_column("blocks", name)
    op.drop_column("measurements", "format")
