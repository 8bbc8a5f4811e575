"""Claims, evidence and imports."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claims",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=96), nullable=False),
        sa.Column("field", sa.String(length=96), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("date", sa.String(length=32), nullable=True),
        sa.Column("confidence", sa.String(length=32), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
    )
    op.create_index("ix_claims_subject", "claims", ["subject_kind", "subject", "field"], unique=False)

    op.create_table(
        "evaluation_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("sha256", sa.String(length=80), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("shots", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("imported_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_evaluation_files_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_files")),
        sa.UniqueConstraint("path", name=op.f("uq_evaluation_files_path")),
    )
    op.create_index(op.f("ix_evaluation_files_model_id"), "evaluation_files", ["model_id"], unique=False)

    op.create_table(
        "reference_counts",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("memorized", sa.BigInteger(), nullable=False),
        sa.Column("sequences", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_reference_counts_model_id_models")),
        sa.PrimaryKeyConstraint("model_id", "step", name=op.f("pk_reference_counts")),
    )
    op.create_table(
        "result_sets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("protocol", sa.JSON(), nullable=False),
        sa.Column("sequences", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("imported_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_result_sets_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result_sets")),
        sa.UniqueConstraint("name", name=op.f("uq_result_sets_name")),
    )
    op.create_index(op.f("ix_result_sets_model_id"), "result_sets", ["model_id"], unique=False)

    op.create_table(
        "evaluations",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=96), nullable=False),
        sa.Column("metric", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["evaluation_files.id"], name=op.f("fk_evaluations_file_id_evaluation_files")
        ),
        sa.PrimaryKeyConstraint("file_id", "task", "metric", name=op.f("pk_evaluations")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("date", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_evidence_checkpoint_id_checkpoints")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_checkpoint_id"), "evidence", ["checkpoint_id"], unique=False)

    op.create_table(
        "revisions",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("commit_id", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.String(length=32), nullable=False),
        sa.Column("files", sa.JSON(), nullable=True),
        sa.Column("elements", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_revisions_model_id_models")),
        sa.PrimaryKeyConstraint("model_id", "name", name=op.f("pk_revisions")),
    )

    _replace_aliases(with_times=True)

    op.add_column("checkpoints", sa.Column("source", sa.Text(), nullable=True))

    op.add_column("models", sa.Column("version", sa.String(length=32), nullable=True))
    op.add_column("models", sa.Column("order_note", sa.Text(), nullable=True))
    op.add_column("models", sa.Column("altered_from_step", sa.Integer(), nullable=True))
    op.add_column("models", sa.Column("notes", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("models", "notes")
    op.drop_column("models", "altered_from_step")
    op.drop_column("models", "order_note")
    op.drop_column("models", "version")

    op.drop_column("checkpoints", "source")

    _replace_aliases(with_times=False)

    op.drop_table("revisions")
    op.drop_index(op.f("ix_evidence_checkpoint_id"), table_name="evidence")

    op.drop_table("evidence")
    op.drop_table("evaluations")
    op.drop_index(op.f("ix_result_sets_model_id"), table_name="result_sets")

    op.drop_table("result_sets")
    op.drop_table("reference_counts")
    op.drop_index(op.f("ix_evaluation_files_model_id"), table_name="evaluation_files")

    op.drop_table("evaluation_files")
    op.drop_index("ix_claims_subject", table_name="claims")

    op.drop_table("claims")


def _replace_aliases(*, with_times: bool) -> None:
    """SQLite cannot change a primary key: the rows move to a new table, which then takes the name."""
    times = [
        sa.Column("valid_from", sa.String(length=10), nullable=True),
        sa.Column("valid_until", sa.String(length=10), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
    ]
    key = ["name", "model_id"] if with_times else ["name"]
    op.create_table(
        "aliases_new",
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        *(times if with_times else []),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_aliases_model_id_models")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_aliases_new")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO aliases_new (name, model_id) SELECT name, min(model_id) FROM aliases GROUP BY name")
    op.drop_index(op.f("ix_aliases_model_id"), table_name="aliases")
    op.drop_table("aliases")
    op.rename_table("aliases_new", "aliases")
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE aliases RENAME CONSTRAINT pk_aliases_new TO pk_aliases")
    op.create_index(op.f("ix_aliases_model_id"), "aliases", ["model_id"], unique=False)
