"""Indexes that are ordered by sequence, and the items by which artifacts are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what searches need; nothing that an older library reads is taken away."""
    for column in ("name", "fn_name", "run_id", "computed_at"):
        op.create_index(f"ix_artifacts_{column}_sequence", "artifacts", [column, "sequence"])
    for replaced in ("name", "fn_module_fn_name", "run_id", "computed_at"):
        op.drop_index(f"ix_artifacts_{replaced}", "artifacts")
    op.create_index("ix_runs_recorded_at", "runs", ["recorded_at"])
    op.create_table(
        "artifact_items",
        sa.Column("item", sa.Text(), nullable=False, comment="digest of what an artifact is found by"),
        sa.Column("artifact_sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("item", "artifact_sequence", name="pk_artifact_items"),
        sqlite_with_rowid=False,
    )
