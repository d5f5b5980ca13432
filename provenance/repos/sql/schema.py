"""The tables, as they are now; `migrations` leads every earlier state here.

Names of artifacts inside the database are their sequence numbers: a tenth of the bytes of their ids. References to
other artifacts, and members of sets, are kept as ids, since these may lie in other repos.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class _JsonText(sa.JSON):
    """JSON as text. SQLite would give a column of type JSON numeric affinity and turn ``"1.0"`` into ``1``."""


@compiles(_JsonText, "sqlite")
def _as_text(_type: object, _compiler: object, **_options: object) -> str:
    return "TEXT"


Json = _JsonText().with_variant(JSONB(), "postgresql")
Sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = sa.DateTime(timezone=True)
Bytes = sa.LargeBinary()


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _sequence() -> sa.Column[int]:
    return sa.Column("sequence", Sequence, primary_key=True, autoincrement=True)


def _reference(target: str, *, name: str, index: bool = False, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        Sequence,
        sa.ForeignKey(f"{target}.sequence", ondelete="CASCADE"),
        nullable=False,
        index=index,
        primary_key=primary_key,
        autoincrement=False,
    )


meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text(), primary_key=True),
    sa.Column("value", sa.BigInteger(), nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("info", Json, nullable=False),
    sa.Column("recorded_at", Time, nullable=False),
    sa.Index(None, "recorded_at"),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    _sequence(),
    sa.Column("id", sa.Text(), nullable=False, unique=True),
    _text("value_id"),
    sa.Column("value_encoding", Bytes, nullable=False),
    _text("name"),
    sa.Column("version", sa.Text(), nullable=False, comment="JSON, so that 1 and '1' differ"),
    _text("fn_module"),
    _text("fn_name"),
    sa.Column("hash_scheme", sa.Integer(), nullable=False),
    sa.Column("composite", sa.Boolean(), nullable=False),
    _text("serializer"),
    sa.Column("load_kwargs", Json, nullable=False),
    sa.Column("dump_kwargs", Json, nullable=False),
    _text("value_type"),
    sa.Column("value_callable", sa.Boolean(), nullable=False),
    _text("value_blob", nullable=True),
    sa.Column("value_size", sa.BigInteger(), nullable=True),
    sa.Column("value_inline", Bytes, nullable=True, comment="a checksum, then the bytes"),
    _text("inputs_blob", nullable=True),
    sa.Column("inputs_size", sa.BigInteger(), nullable=True),
    sa.Column("inputs_inline", Bytes, nullable=True, comment="a checksum, then the bytes"),
    sa.Column("input_hashes", Json, nullable=False),
    sa.Column("inputs_json", Json, nullable=False),
    sa.Column("custom_fields", Json, nullable=False),
    sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("hash_seconds", sa.Double(), nullable=False),
    sa.Column("compute_seconds", sa.Double(), nullable=False),
    sa.Column("value_hash_seconds", sa.Double(), nullable=False),
    sa.Column("store_seconds", sa.Double(), nullable=False),
    sa.Column("edge_count", sa.Integer(), nullable=False),
    _text("recipe", nullable=True),
    _text("code_id", nullable=True),
    sa.Column("computed_at", Time, nullable=False),
    sa.Column("state", sa.Text(), nullable=False, comment="stored, failed or evicted"),
    # Searches are ordered by sequence, so that a page costs the same however many rows come after it.
    sa.Index(None, "value_id", "sequence"),
    sa.Index(None, "name", "sequence"),
    sa.Index(None, "fn_name", "sequence"),
    sa.Index(None, "run_id", "sequence"),
    sa.Index(None, "computed_at", "sequence"),
    sqlite_autoincrement=True,
)
for _blob in (artifacts.c.value_blob, artifacts.c.inputs_blob):
    sa.Index(None, _blob, sqlite_where=_blob.is_not(None), postgresql_where=_blob.is_not(None))

artifact_inputs = sa.Table(
    "artifact_inputs",
    metadata,
    _reference("artifacts", name="artifact_sequence", primary_key=True),
    sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("input_id", sa.Text(), nullable=False, index=True),
    _text("path"),
    sa.Column("kind", sa.Text(), nullable=False, comment="input, result or call"),
)

artifact_items = sa.Table(
    "artifact_items",
    metadata,
    sa.Column("item", sa.Text(), primary_key=True, comment="digest of what an artifact is found by"),
    # Refers to no row, so that it costs nothing to check; rows of deleted artifacts are never found.
    sa.Column("artifact_sequence", Sequence, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""The index of what is in custom fields, inputs and input artifacts; see `search_index`."""

recipes = sa.Table(
    "recipes",
    metadata,
    sa.Column("key", sa.Text(), primary_key=True),
    _reference("artifacts", name="artifact_sequence", index=True),
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("key", sa.Text(), primary_key=True),
    sa.Column("size", sa.BigInteger(), nullable=False),
    sa.Column("unreferenced_at", Time, nullable=True, comment="since when no artifact refers to it"),
)
sa.Index(
    None,
    blobs.c.unreferenced_at,
    sqlite_where=blobs.c.unreferenced_at.is_not(None),
    postgresql_where=blobs.c.unreferenced_at.is_not(None),
)

artifact_sets = sa.Table(
    "artifact_sets",
    metadata,
    _sequence(),
    sa.Column("id", sa.Text(), nullable=False, unique=True),
    sa.Column("created_at", Time, nullable=False),
    sqlite_autoincrement=True,
)

set_members = sa.Table(
    "set_members",
    metadata,
    _reference("artifact_sets", name="set_sequence", primary_key=True),
    sa.Column("artifact_id", sa.Text(), primary_key=True, index=True),
)

set_labels = sa.Table(
    "set_labels",
    metadata,
    _sequence(),
    _reference("artifact_sets", name="set_sequence", index=True),
    sa.Column("labels", Json, nullable=False),
    sa.Column("saved_at", Time, nullable=False),
    sqlite_autoincrement=True,
)

SEARCHED = (("artifacts", "custom_fields"), ("artifacts", "inputs_json"), ("set_labels", "labels"))
"""JSON columns, by table, that are searched, and indexed where a database can do that."""

set_label_items = sa.Table(
    "set_label_items",
    metadata,
    sa.Column("item", sa.Text(), primary_key=True, comment="digest of a label and its value"),
    _reference("set_labels", name="labels_sequence", primary_key=True, index=True),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("fence", Sequence, primary_key=True, autoincrement=True, comment="grows with each lease that is given"),
    sa.Column("artifact_id", sa.Text(), nullable=False, unique=True),
    _text("holder"),
    sa.Column("expires_at", Time, nullable=False),
    sqlite_autoincrement=True,
)
"""Who may compute what at present; nothing is stored under a lease that is not here any more."""

jobs = sa.Table(
    "jobs",
    metadata,
    _sequence(),
    sa.Column("id", sa.Text(), nullable=False, unique=True),
    sa.Column("labels", Json, nullable=False),
    _text("run_id"),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("ended_at", Time, nullable=True),
    sqlite_autoincrement=True,
)

job_artifacts = sa.Table(
    "job_artifacts",
    metadata,
    sa.Column("job_id", sa.Text(), primary_key=True),
    # Both refer to no row, so that it costs nothing to check; an artifact may be deleted, or lie in another repo.
    sa.Column("artifact_id", sa.Text(), primary_key=True),
    sa.Column("used_as", sa.Text(), nullable=False, comment="hit, computed or nested"),
    _text("run_id"),
    sqlite_with_rowid=False,
)

failed_calls = sa.Table(
    "failed_calls",
    metadata,
    _sequence(),
    sa.Column("artifact_id", sa.Text(), nullable=False),
    _text("name"),
    sa.Column("version", sa.Text(), nullable=False, comment="JSON, so that 1 and '1' differ"),
    _text("fn_module"),
    _text("fn_name"),
    sa.Column("input_hashes", Json, nullable=False),
    sa.Column("inputs_json", Json, nullable=False),
    _text("error_type"),
    _text("message"),
    _text("traceback"),
    sa.Column("compute_seconds", sa.Double(), nullable=False),
    _text("run_id"),
    _text("job_id", nullable=True),
    sa.Column("failed_at", Time, nullable=False),
    sa.Index(None, "artifact_id", "sequence"),
    sa.Index(None, "name", "sequence"),
    sa.Index(None, "job_id", "sequence"),
    sqlite_autoincrement=True,
)
"""Calls that raised; never looked up as results."""
