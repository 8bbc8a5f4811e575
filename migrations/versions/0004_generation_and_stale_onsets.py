"""The generation of the catalog's facts, and which measurements have onsets of contents that were replaced."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "generations",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_generations")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO generations (name, number) VALUES ('catalog', 1)")
    op.add_column("measurements", sa.Column("onsets_stale", sa.Boolean(), server_default=sa.false(), nullable=False))
    # Until now a reader found out. A measurement with a row of a replaced content may have been left as it was.
    op.execute(
        "UPDATE measurements SET onsets_stale = "
        + ("true" if op.get_bind().dialect.name == "postgresql" else "1")
        + " WHERE EXISTS (SELECT 1 FROM measurement_rows JOIN checkpoints ON checkpoints.id = checkpoint_id "
        "WHERE measurement_id = measurements.id AND (digest IS NULL OR digest <> checkpoint_digest))"
    )


def downgrade() -> None:
    op.drop_column("measurements", "onsets_stale")
    op.drop_table("generations")
