"""Jobs that are paused, come before others, or keep to one kind of device; shards that fail again and again, and when each was done."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("paused_at", sa.String(32), nullable=True))
    op.add_column("jobs", sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("same_device", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("jobs", sa.Column("device", sa.Text(), nullable=True))
    op.add_column("shards", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("shards", sa.Column("quarantined_at", sa.String(32), nullable=True))
    op.add_column("shards", sa.Column("done_at", sa.String(32), nullable=True))


def downgrade() -> None:
    for name in ("done_at", "quarantined_at", "failures"):
        op.drop_column("shards", name)
    for name in ("device", "same_device", "priority", "paused_at"):
        op.drop_column("jobs", name)
