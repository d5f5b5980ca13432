"""How PostgreSQL's SQL is written."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGDialect

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.postgres.dialect import POSTGRES

_texts = postgresql.ARRAY(sa.Text())


def _batch(name: str) -> sa.Select[Any]:
    return sa.select(sa.func.unnest(sa.cast(sa.bindparam(name, type_=_texts), _texts)))


def _ago(name: str) -> sa.ColumnElement[Any]:
    seconds: sa.ColumnElement[Any] = sa.cast(sa.bindparam(name, type_=sa.Double()), sa.Double())
    clock: sa.ColumnElement[Any] = sa.func.now()
    return clock - seconds * sa.literal_column("interval '1 second'")


def _json_rows(*columns: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.json_agg(sa.func.json_build_array(*columns))


def _json_index(column: str) -> str:
    return f"USING gin ({column} jsonb_path_ops)"


def _bytewise(text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.collate(text, "C")


POSTGRES_COMPILER = Compiler(
    dialect=POSTGRES,
    writer=PGDialect(paramstyle="numeric_dollar"),  # type: ignore[no-untyped-call]
    insert=postgresql.insert,
    batch=_batch,
    now=sa.func.now(),
    ago=_ago,
    json_rows=_json_rows,
    json_index=_json_index,
    bytewise=_bytewise,
)
