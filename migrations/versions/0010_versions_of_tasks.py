"""The versions of the tasks of a run: two versions of a task may be other questions, under one name."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing is known of files imported before; importing them again adds it.
    op.add_column("evaluation_files", sa.Column("versions", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("evaluation_files", "versions")
