"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

JSON = sa.Text().with_variant(JSONB(), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make all tables."""
    _make_meta()
    _make_artifacts()
    _make_references()
    _make_sets()
    if op.get_context().dialect.name == "postgresql":
        _index_json()


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for every database."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _make_meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )


def _make_artifacts() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("info", JSON, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_table(
        "artifacts",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("value_id", sa.Text(), nullable=False),
        sa.Column("value_encoding", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False, comment="JSON, so that 1 and '1' differ"),
        sa.Column("fn_module", sa.Text(), nullable=False),
        sa.Column("fn_name", sa.Text(), nullable=False),
        sa.Column("hash_scheme", sa.Integer(), nullable=False),
        sa.Column("composite", sa.Boolean(), nullable=False),
        sa.Column("serializer", sa.Text(), nullable=False),
        sa.Column("load_kwargs", JSON, nullable=False),
        sa.Column("dump_kwargs", JSON, nullable=False),
        sa.Column("value_type", sa.Text(), nullable=False),
        sa.Column("value_callable", sa.Boolean(), nullable=False),
        sa.Column("value_blob", sa.Text(), nullable=True),
        sa.Column("value_size", sa.BigInteger(), nullable=True),
        sa.Column("value_inline", sa.LargeBinary(), nullable=True, comment="a checksum, then the bytes"),
        sa.Column("inputs_blob", sa.Text(), nullable=True),
        sa.Column("inputs_size", sa.BigInteger(), nullable=True),
        sa.Column("inputs_inline", sa.LargeBinary(), nullable=True, comment="a checksum, then the bytes"),
        sa.Column("input_hashes", JSON, nullable=False),
        sa.Column("inputs_json", JSON, nullable=False),
        sa.Column("custom_fields", JSON, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("hash_seconds", sa.Double(), nullable=False),
        sa.Column("compute_seconds", sa.Double(), nullable=False),
        sa.Column("value_hash_seconds", sa.Double(), nullable=False),
        sa.Column("store_seconds", sa.Double(), nullable=False),
        sa.Column("edge_count", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("code_id", sa.Text(), nullable=True),
        sa.Column("computed_at", TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="stored, failed or evicted"),
        sa.PrimaryKeyConstraint("sequence", name="pk_artifacts"),
        sa.UniqueConstraint("id", name="uq_artifacts_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_artifacts_run_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_artifacts_computed_at", "artifacts", ["computed_at"])
    op.create_index("ix_artifacts_fn_module_fn_name", "artifacts", ["fn_module", "fn_name"])
    op.create_index("ix_artifacts_inputs_blob", "artifacts", ["inputs_blob"], **where("inputs_blob IS NOT NULL"))
    op.create_index("ix_artifacts_name", "artifacts", ["name"])
    op.create_index("ix_artifacts_run_id", "artifacts", ["run_id"])
    op.create_index("ix_artifacts_value_blob", "artifacts", ["value_blob"], **where("value_blob IS NOT NULL"))
    op.create_index("ix_artifacts_value_id_sequence", "artifacts", ["value_id", "sequence"])


def _make_references() -> None:
    op.create_table(
        "artifact_inputs",
        sa.Column("artifact_sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("input_id", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="input, result or call"),
        sa.ForeignKeyConstraint(
            ["artifact_sequence"],
            ["artifacts.sequence"],
            name="fk_artifact_inputs_artifact_sequence",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("artifact_sequence", "position", name="pk_artifact_inputs"),
    )
    op.create_index("ix_artifact_inputs_input_id", "artifact_inputs", ["input_id"])
    op.create_table(
        "recipes",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("artifact_sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_sequence"], ["artifacts.sequence"], name="fk_recipes_artifact_sequence", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_recipes"),
    )
    op.create_index("ix_recipes_artifact_sequence", "recipes", ["artifact_sequence"])
    op.create_table(
        "blobs",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("unreferenced_at", TIME, nullable=True, comment="since when no artifact refers to it"),
        sa.PrimaryKeyConstraint("key", name="pk_blobs"),
    )
    op.create_index("ix_blobs_unreferenced_at", "blobs", ["unreferenced_at"], **where("unreferenced_at IS NOT NULL"))


def _make_sets() -> None:
    op.create_table(
        "artifact_sets",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_artifact_sets"),
        sa.UniqueConstraint("id", name="uq_artifact_sets_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "set_members",
        sa.Column("set_sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("artifact_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["set_sequence"], ["artifact_sets.sequence"], name="fk_set_members_set_sequence", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("set_sequence", "artifact_id", name="pk_set_members"),
    )
    op.create_index("ix_set_members_artifact_id", "set_members", ["artifact_id"])
    op.create_table(
        "set_labels",
        sa.Column("sequence", SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("set_sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("saved_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["set_sequence"], ["artifact_sets.sequence"], name="fk_set_labels_set_sequence", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name="pk_set_labels"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_set_labels_set_sequence", "set_labels", ["set_sequence"])
    op.create_table(
        "set_label_items",
        sa.Column("item", sa.Text(), nullable=False, comment="digest of a label and its value"),
        sa.Column("labels_sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["labels_sequence"], ["set_labels.sequence"], name="fk_set_label_items_labels_sequence", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("item", "labels_sequence", name="pk_set_label_items"),
    )
    op.create_index("ix_set_label_items_labels_sequence", "set_label_items", ["labels_sequence"])


def _index_json() -> None:
    """SQLite has no index of what is in JSON."""
    for table, column in (("artifacts", "custom_fields"), ("artifacts", "inputs_json"), ("set_labels", "labels")):
        name = f"ix_{table}_{column}"
        op.create_index(name, table, [column], postgresql_using="gin", postgresql_ops={column: "jsonb_path_ops"})
