"""SQLite's ways."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from provenance.repos.sql.dialect import Dialect
from provenance.types import JSON

_decode = json.JSONDecoder().raw_decode
# Six digits of a second, as SQLAlchemy reads and writes them; SQLite's clock gives three.
_CLOCK = "'%Y-%m-%d %H:%M:%f000', 'now'"


def _batch(name: str) -> sa.Select[Any]:
    texts = sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value")
    return sa.select(texts.c.value)


def _batch_parameter(texts: Collection[str]) -> str:
    return json.dumps(list(texts))


def _ago(name: str) -> sa.ColumnElement[Any]:
    clock: sa.ColumnElement[Any] = sa.literal_column(_CLOCK)
    return sa.func.strftime(clock, sa.bindparam(name, type_=sa.Text()))


def _seconds_parameter(seconds: float) -> str:
    return f"-{seconds:.3f} seconds"


def _json_rows(*columns: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.json_group_array(sa.func.json_array(*columns))


def _json_value(stored: str) -> JSON:
    # json.loads() would take as long again to look for byte order marks and blanks, which are not there.
    return {} if stored == "{}" else _decode(stored)[0]


def _time_parameter(time: datetime) -> str:
    # Not strftime(), which does not fill up years before 1000, so that texts would not sort as times.
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _time_value(stored: str) -> datetime:
    return datetime.fromisoformat(stored + "+00:00")


SQLITE = Dialect(
    name="sqlite",
    compiler=sqlite.dialect(paramstyle="qmark"),
    insert=sqlite.insert,
    batch=_batch,
    batch_parameter=_batch_parameter,
    now=sa.literal_column(f"strftime({_CLOCK})"),
    ago=_ago,
    seconds_parameter=_seconds_parameter,
    json_rows=_json_rows,
    json_parameter=str,
    json_value=_json_value,
    time_parameter=_time_parameter,
    time_value=_time_value,
    knows_frequencies=False,
)
