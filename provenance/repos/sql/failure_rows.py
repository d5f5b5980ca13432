"""Calls that raised, in a SQL database."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from provenance.repos.json_fields import dump_json
from provenance.repos.queries import FailedCallQuery
from provenance.repos.sql.database import Database, Row, Transaction
from provenance.repos.sql.schema import failed_calls
from provenance.repos.storable_text import original_text, storable_text
from provenance.types import FailedCall

_TEXTS = ("name", "fn_module", "fn_name", "error_type", "message", "traceback")
_COLUMNS = tuple(failed_calls.c.keys())


class FailureRows:
    """Rows of calls that raised."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect

    @cached_property
    def _insert(self) -> str:
        values: dict[str, Any] = {
            name: sa.bindparam(name, type_=failed_calls.c[name].type) for name in _COLUMNS if name != "sequence"
        }
        values["failed_at"] = sa.func.coalesce(values["failed_at"], self._dialect.now)
        statement = failed_calls.insert().values(values).returning(*failed_calls.c)
        return self._dialect.sql(statement, *_COLUMNS[1:])

    def save(self, transaction: Transaction, call: FailedCall) -> FailedCall:
        """Store a call that raised."""
        as_json = self._dialect.json_parameter
        values = {name: getattr(call, name) for name in _COLUMNS}
        values.update({name: storable_text(values[name]) for name in _TEXTS})
        values["version"] = json.dumps(call.version)
        values["input_hashes"] = as_json(dump_json(dict(call.input_hashes)))
        values["inputs_json"] = as_json(json.dumps(call.inputs_json))
        values["failed_at"] = None if call.failed_at is None else self._dialect.time_parameter(call.failed_at)
        row = transaction.execute(self._insert, [values[name] for name in _COLUMNS[1:]]).fetchone()
        return self._call(row)

    def find(self, query: FailedCallQuery) -> list[FailedCall]:
        """The calls that raised that a query asks for, the last ones first."""
        asked = {"artifact_id": query.artifact, "name": query.name, "job_id": query.job}
        wanted = [
            failed_calls.c[column] == sa.bindparam(column, storable_text(value), type_=sa.Text())
            for column, value in asked.items()
            if value is not None
        ]
        last_first = sa.select(failed_calls).where(*wanted).order_by(failed_calls.c.sequence.desc())
        if query.limit is not None:
            last_first = last_first.limit(sa.bindparam("size", query.limit, type_=sa.Integer()))
        text, names, values = self._dialect.compiled(last_first)
        return [self._call(row) for row in self._database.fetch_all(text, [values[name] for name in names])]

    def _call(self, row: Row) -> FailedCall:
        values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
        values.update({name: original_text(values[name]) for name in _TEXTS})
        values["version"] = json.loads(values["version"])
        for name in ("input_hashes", "inputs_json"):
            values[name] = self._dialect.json_value(values[name])
        values["failed_at"] = self._dialect.time_value(values["failed_at"])
        return FailedCall(**values)
