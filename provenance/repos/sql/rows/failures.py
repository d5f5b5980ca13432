"""Calls that raised, in a SQL database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from provenance.repos.json_fields import dump_json
from provenance.repos.sql.database import Database, Row, Transaction
from provenance.repos.sql.records import FAILURE_COLUMNS
from provenance.repos.sql.statements.texts import statements
from provenance.repos.storable_text import original_text, storable_text
from provenance.types import FailedCall

if TYPE_CHECKING:
    from provenance.repos.queries import FailedCallQuery
    from provenance.repos.sql.statements.artifacts import FailureStatements

_TEXTS = ("name", "fn_module", "fn_name", "error_type", "message", "traceback")


class FailureRows:
    """Rows of calls that raised."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sql: FailureStatements = statements("FailureStatements", database.dialect)

    def save(self, transaction: Transaction, call: FailedCall) -> FailedCall:
        """Store a call that raised."""
        as_json = self._dialect.json_parameter
        values = {name: getattr(call, name) for name in FAILURE_COLUMNS}
        values.update({name: storable_text(values[name]) for name in _TEXTS})
        values["version"] = json.dumps(call.version)
        values["input_hashes"] = as_json(dump_json(dict(call.input_hashes)))
        values["inputs_json"] = as_json(json.dumps(call.inputs_json))
        values["failed_at"] = None if call.failed_at is None else self._dialect.time_parameter(call.failed_at)
        row = transaction.execute(self._sql.insert, [values[name] for name in FAILURE_COLUMNS[1:]]).fetchone()
        return self._call(row)

    def find(self, query: FailedCallQuery) -> list[FailedCall]:
        """The calls that raised that a query asks for, the last ones first."""
        from provenance.repos.sql.statements.compilers import compiler_for  # noqa: PLC0415  needs SQLAlchemy
        from provenance.repos.sql.statements.searches import failures_that  # noqa: PLC0415  needs SQLAlchemy

        text, names, values = compiler_for(self._dialect).compiled(failures_that(query))
        return [self._call(row) for row in self._database.fetch_all(text, [values[name] for name in names])]

    def _call(self, row: Row) -> FailedCall:
        values: dict[str, Any] = dict(zip(FAILURE_COLUMNS, row, strict=True))
        values.update({name: original_text(values[name]) for name in _TEXTS})
        values["version"] = json.loads(values["version"])
        for name in ("input_hashes", "inputs_json"):
            values[name] = self._dialect.json_value(values[name])
        values["failed_at"] = self._dialect.time_value(values["failed_at"])
        return FailedCall(**values)
