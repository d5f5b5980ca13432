"""Leases, jobs, and calls that failed: what is known of work while and after it is done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

JSON = sa.Text().with_variant(JSONB(), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add tables; nothing that an older library reads or writes is changed."""
    op.create_table(
        "leases",
        sa.Column("fence", SEQUENCE, nullable=False, comment="grows with each lease that is given"),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("fence", name="pk_leases"),
        sa.UniqueConstraint("artifact_id", name="uq_leases_artifact_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "jobs",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_artifacts",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("used_as", sa.Text(), nullable=False, comment="hit, computed or nested"),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "artifact_id", name="pk_job_artifacts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failed_calls",
        sa.Column("sequence", SEQUENCE, nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False, comment="JSON, so that 1 and '1' differ"),
        sa.Column("fn_module", sa.Text(), nullable=False),
        sa.Column("fn_name", sa.Text(), nullable=False),
        sa.Column("input_hashes", JSON, nullable=False),
        sa.Column("inputs_json", JSON, nullable=False),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("traceback", sa.Text(), nullable=False),
        sa.Column("compute_seconds", sa.Double(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("failed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_failed_calls"),
        sqlite_autoincrement=True,
    )
    for column in ("artifact_id", "name", "job_id"):
        op.create_index(f"ix_failed_calls_{column}_sequence", "failed_calls", [column, "sequence"])
