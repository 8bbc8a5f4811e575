"""When the entry of a file last changed, and its inode: what no copy can set, beside the time of change."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("token_files", "checkpoint_files")
COLUMNS = ("changed_ns", "inode")


def upgrade() -> None:
    # Nothing is known of files recorded before, so each is read once more before it is trusted again.
    for table in TABLES:
        for column in COLUMNS:
            op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        for column in COLUMNS:
            op.drop_column(table, column)
