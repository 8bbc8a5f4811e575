"""The catalog: facts, plans and results."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "protocols",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocols")),
        sa.UniqueConstraint("digest", name=op.f("uq_protocols_digest")),
    )
    op.create_table(
        "suites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suites")),
        sa.UniqueConstraint("name", name=op.f("uq_suites_name")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("suite_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("sequences", sa.BigInteger(), nullable=False),
        sa.Column("tokens_per_sequence", sa.Integer(), nullable=False),
        sa.Column("sequences_per_batch", sa.Integer(), nullable=False),
        sa.Column("dtype", sa.String(length=16), nullable=False),
        sa.Column("vocab_size", sa.Integer(), nullable=True),
        sa.Column("eos_id", sa.Integer(), nullable=True),
        sa.Column("format", sa.String(length=32), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("tokenizer", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["suite_id"], ["suites.id"], name=op.f("fk_orders_suite_id_suites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("name", name=op.f("uq_orders_name")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_suite_id"), ["suite_id"], unique=False)

    op.create_table(
        "batches",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("sequences", sa.Integer(), nullable=False),
        sa.Column("byte_offset", sa.BigInteger(), nullable=False),
        sa.Column("byte_length", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=True),
        sa.Column("eos_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_batches_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", "batch", name=op.f("pk_batches")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("suite_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("family", sa.String(length=96), nullable=True),
        sa.Column("size", sa.String(length=96), nullable=True),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("sequences_per_batch", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("labels_per_step", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(length=96), nullable=False),
        sa.Column("repository", sa.String(length=200), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("parameters_total", sa.BigInteger(), nullable=True),
        sa.Column("parameters_non_embedding", sa.BigInteger(), nullable=True),
        sa.Column("architecture", sa.JSON(), nullable=False),
        sa.Column("hyperparameters", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_models_order_id_orders")),
        sa.ForeignKeyConstraint(["suite_id"], ["suites.id"], name=op.f("fk_models_suite_id_suites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("name", name=op.f("uq_models_name")),
    )
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_models_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_models_suite_id"), ["suite_id"], unique=False)

    op.create_table(
        "token_files",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data_offset", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=80), nullable=True),
        sa.Column("modified_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_token_files_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("pk_token_files")),
    )
    op.create_table(
        "aliases",
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_aliases_model_id_models")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_aliases")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("aliases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_aliases_model_id"), ["model_id"], unique=False)

    op.create_table(
        "checkpoints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(length=96), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status_date", sa.String(length=32), nullable=True),
        sa.Column("commit_id", sa.String(length=64), nullable=True),
        sa.Column("digest", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_checkpoints_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoints")),
        sa.UniqueConstraint("model_id", "step", name=op.f("uq_checkpoints_model_id")),
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("order_digest", sa.String(length=80), nullable=False),
        sa.Column("sequences", sa.BigInteger(), nullable=False),
        sa.Column("block_sequences", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_measurements_model_id_models")),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocols.id"], name=op.f("fk_measurements_protocol_id_protocols")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
        sa.UniqueConstraint("folder", name=op.f("uq_measurements_folder")),
        sa.UniqueConstraint("protocol_id", "model_id", "order_digest", name=op.f("uq_measurements_protocol_id")),
    )
    with op.batch_alter_table("measurements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_measurements_model_id"), ["model_id"], unique=False)

    op.create_table(
        "batch_counts",
        sa.Column("measurement_id", sa.Integer(), nullable=False),
        sa.Column("array_row", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("measured", sa.Integer(), nullable=False),
        sa.Column("memorized", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["measurement_id"], ["measurements.id"], name=op.f("fk_batch_counts_measurement_id_measurements")
        ),
        sa.PrimaryKeyConstraint("measurement_id", "array_row", "batch", name=op.f("pk_batch_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blocks",
        sa.Column("measurement_id", sa.Integer(), nullable=False),
        sa.Column("array_row", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("measured", sa.Integer(), nullable=False),
        sa.Column("memorized", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["measurement_id"], ["measurements.id"], name=op.f("fk_blocks_measurement_id_measurements")
        ),
        sa.PrimaryKeyConstraint("measurement_id", "array_row", "block", name=op.f("pk_blocks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoint_files",
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=80), nullable=True),
        sa.Column("modified_ns", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_checkpoint_files_checkpoint_id_checkpoints")
        ),
        sa.PrimaryKeyConstraint("checkpoint_id", "name", name=op.f("pk_checkpoint_files")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("measurement_id", sa.Integer(), nullable=False),
        sa.Column("plan_digest", sa.String(length=80), nullable=False),
        sa.Column("specification", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("finished_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["measurement_id"], ["measurements.id"], name=op.f("fk_jobs_measurement_id_measurements")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("plan_digest", name=op.f("uq_jobs_plan_digest")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_measurement_id"), ["measurement_id"], unique=False)

    op.create_table(
        "measurement_rows",
        sa.Column("measurement_id", sa.Integer(), nullable=False),
        sa.Column("array_row", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_digest", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_measurement_rows_checkpoint_id_checkpoints")
        ),
        sa.ForeignKeyConstraint(
            ["measurement_id"], ["measurements.id"], name=op.f("fk_measurement_rows_measurement_id_measurements")
        ),
        sa.PrimaryKeyConstraint("measurement_id", "array_row", name=op.f("pk_measurement_rows")),
        sa.UniqueConstraint(
            "measurement_id", "checkpoint_id", "checkpoint_digest", name=op.f("uq_measurement_rows_measurement_id")
        ),
    )
    with op.batch_alter_table("measurement_rows", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_measurement_rows_checkpoint_id"), ["checkpoint_id"], unique=False)

    op.create_table(
        "memorized_sequences",
        sa.Column("measurement_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("first_step", sa.Integer(), nullable=False),
        sa.Column("bracket_low", sa.Integer(), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("times_memorized", sa.Integer(), nullable=False),
        sa.Column("times_lost", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["measurement_id"], ["measurements.id"], name=op.f("fk_memorized_sequences_measurement_id_measurements")
        ),
        sa.PrimaryKeyConstraint("measurement_id", "sequence", name=op.f("pk_memorized_sequences")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("memorized_sequences", schema=None) as batch_op:
        batch_op.create_index(
            "ix_memorized_sequences_first_step", ["measurement_id", "first_step", "sequence"], unique=False
        )

    op.create_table(
        "shards",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=96), nullable=True),
        sa.Column("lease_until", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("measured", sa.Integer(), nullable=True),
        sa.Column("reused", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoints.id"], name=op.f("fk_shards_checkpoint_id_checkpoints")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_shards_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "checkpoint_id", "block", name=op.f("pk_shards")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("shards", schema=None) as batch_op:
        batch_op.create_index("ix_shards_state", ["job_id", "state"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("shards", schema=None) as batch_op:
        batch_op.drop_index("ix_shards_state")

    op.drop_table("shards")
    with op.batch_alter_table("memorized_sequences", schema=None) as batch_op:
        batch_op.drop_index("ix_memorized_sequences_first_step")

    op.drop_table("memorized_sequences")
    with op.batch_alter_table("measurement_rows", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_measurement_rows_checkpoint_id"))

    op.drop_table("measurement_rows")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_measurement_id"))

    op.drop_table("jobs")
    op.drop_table("checkpoint_files")
    op.drop_table("blocks")
    op.drop_table("batch_counts")
    with op.batch_alter_table("measurements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_measurements_model_id"))

    op.drop_table("measurements")
    op.drop_table("checkpoints")
    with op.batch_alter_table("aliases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_aliases_model_id"))

    op.drop_table("aliases")
    op.drop_table("token_files")
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_models_suite_id"))
        batch_op.drop_index(batch_op.f("ix_models_order_id"))

    op.drop_table("models")
    op.drop_table("batches")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_suite_id"))

    op.drop_table("orders")
    op.drop_table("suites")
    op.drop_table("protocols")
