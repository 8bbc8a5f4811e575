"""Counts of onsets by step and block, which lead to an onset's sequences instead of an index of all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "onset_counts",
        sa.Column("measurement_id", sa.Integer(), nullable=False),
        sa.Column("first_step", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("sequences", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["measurement_id"], ["measurements.id"], name=op.f("fk_onset_counts_measurement_id_measurements")
        ),
        sa.PrimaryKeyConstraint("measurement_id", "first_step", "block", name=op.f("pk_onset_counts")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO onset_counts (measurement_id, first_step, block, sequences, lost) "
        "SELECT measurement_id, first_step, sequence / block_sequences, count(*), "
        "sum(CASE WHEN times_lost > 0 THEN 1 ELSE 0 END) "
        "FROM memorized_sequences JOIN measurements ON measurements.id = measurement_id "
        "GROUP BY measurement_id, first_step, sequence / block_sequences"
    )
    op.drop_index("ix_memorized_sequences_first_step", table_name="memorized_sequences")


def downgrade() -> None:
    op.create_index(
        "ix_memorized_sequences_first_step",
        "memorized_sequences",
        ["measurement_id", "first_step", "sequence"],
        unique=False,
    )
    op.drop_table("onset_counts")
