"""Workers of jobs, fences of shards; jobs that are cancelled, named and noted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("cancelled_at", sa.String(32), nullable=True))
    op.add_column("jobs", sa.Column("name", sa.String(200), nullable=True))
    op.add_column("jobs", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("shards", sa.Column("fence", sa.Integer(), server_default="0", nullable=False))
    # Leases of earlier versions are of half an hour, and nobody renews them.
    op.execute("UPDATE shards SET state = 'pending', owner = NULL, lease_until = NULL WHERE state = 'running'")
    op.create_table(
        "job_workers",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(96), nullable=False),
        sa.Column("began_at", sa.String(32), nullable=False),
        sa.Column("lease_until", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_workers_job_id_jobs"),
        sa.PrimaryKeyConstraint("job_id", "owner", name="pk_job_workers"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("job_workers")
    op.drop_column("shards", "fence")
    for name in ("note", "name", "cancelled_at"):
        op.drop_column("jobs", name)
