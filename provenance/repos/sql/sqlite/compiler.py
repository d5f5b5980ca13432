"""How SQLite's SQL is written."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.sqlite.dialect import SQLITE

# Six digits of a second, as SQLAlchemy reads and writes them; SQLite's clock gives three.
_CLOCK = "'%Y-%m-%d %H:%M:%f000', 'now'"


def _batch(name: str) -> sa.Select[Any]:
    texts = sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value")
    return sa.select(texts.c.value)


def _ago(name: str) -> sa.ColumnElement[Any]:
    clock: sa.ColumnElement[Any] = sa.literal_column(_CLOCK)
    return sa.func.strftime(clock, sa.bindparam(name, type_=sa.Text()))


def _json_rows(*columns: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.json_group_array(sa.func.json_array(*columns))


SQLITE_COMPILER = Compiler(
    dialect=SQLITE,
    writer=sqlite.dialect(paramstyle="qmark"),
    insert=sqlite.insert,
    batch=_batch,
    now=sa.literal_column(f"strftime({_CLOCK})"),
    ago=_ago,
    json_rows=_json_rows,
)
