"""The history of imports, and indexes by which checkpoints of a status or a stretch of training are found without reading all."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_checkpoints_status", "checkpoints", ["status", "model_id"])
    # Holds what is asked of checkpoints, so that PostgreSQL need not look at the table for each.
    op.create_index("ix_checkpoints_step", "checkpoints", ["model_id", "step", "status"])
    op.create_table(
        "import_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(80), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_import_log"),
    )


def downgrade() -> None:
    op.drop_table("import_log")
    op.drop_index("ix_checkpoints_step", "checkpoints")
    op.drop_index("ix_checkpoints_status", "checkpoints")
