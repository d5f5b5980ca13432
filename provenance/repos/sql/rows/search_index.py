"""The index of what artifacts are found by: custom fields, inputs and input artifacts, as items of one length.

Storing an artifact leaves it alone. A search first adds what was stored since the last one, many rows at once, which
costs a fraction of adding them one by one. Rows above the mark up to which all are indexed have to be looked through.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from provenance.errors import StorageError
from provenance.repos.containment import input_artifacts, stored_items
from provenance.repos.sql.database import Database, Transaction
from provenance.repos.sql.statements.texts import statements
from provenance.types import ArtifactRecord

if TYPE_CHECKING:
    from provenance.repos.sql.statements.index import IndexStatements

BATCH = 2000
"""Rows that are indexed in one transaction."""


class SearchIndex:
    """The index in an open database; `may_write` tells whether searches may bring it up to date."""

    def __init__(self, database: Database, *, may_write: bool) -> None:
        self._database = database
        self._dialect = database.dialect
        self._may_write = may_write
        self._sql: IndexStatements = statements("IndexStatements", database.dialect)

    def catch_up(self) -> int | None:
        """Index every row there is now.

        Returns
        -------
        int or None
            The sequence up to which rows are indexed, if there are others above and they cannot be; None if all are.
        """
        mark, last = self._state()
        if last is None or last <= mark:
            return None
        if not self._may_write:
            return mark
        try:
            self._index_up_to(last)
        except StorageError as exc:  # whoever may only read can search as well
            logging.getLogger("provenance.repos").debug("the index of %s stays as it is: %s", self._database.place, exc)
            return self._state()[0]
        return None

    def _state(self) -> tuple[int, int | None]:
        row: Any = self._database.fetch_one(self._sql.state)
        return row[0], row[1]

    def _index_up_to(self, last: int) -> None:
        mark = 0
        while mark < last:
            # Nobody adds rows meanwhile, so that none can appear below the new mark later.
            with self._database.writing() as transaction:
                mark = transaction.execute(self._sql.state).fetchone()[0]
                rows = transaction.execute(self._sql.rows, (mark, BATCH)).fetchall()
                if not rows:
                    return
                self._add(transaction, (text for row in rows for text in self._texts(row)))
                mark = rows[-1][0]
                transaction.execute(self._sql.set_mark, (mark,))

    def _texts(self, row: Any) -> Iterable[str]:
        sequence, fields, inputs, input_ids = row
        from_json: Any = self._dialect.json_value
        artifact_ids = () if input_ids is None else [row[0] for row in from_json(input_ids)]
        return (f"{item}{sequence}" for item in stored_items(from_json(fields), from_json(inputs), artifact_ids))

    def _add(self, transaction: Transaction, texts: Iterable[str]) -> None:
        # In their order, so that neighbours come one after the other.
        transaction.execute(self._sql.add, (self._dialect.batch_parameter(sorted(texts)),))

    def replace(self, transaction: Transaction, old: ArtifactRecord, new: ArtifactRecord) -> None:
        """Index a row that took the place of another one, under its sequence."""
        self.remove(transaction, [old])
        self._add(transaction, _texts_of(new, old.sequence))

    def remove(self, transaction: Transaction, records: Iterable[ArtifactRecord]) -> None:
        """Forget rows."""
        texts = [text for record in records for text in _texts_of(record, record.sequence)]
        if texts:
            transaction.execute(self._sql.remove, (self._dialect.batch_parameter(texts),))


def _texts_of(record: ArtifactRecord, sequence: int | None) -> list[str]:
    items = stored_items(record.custom_fields, record.input_hashes, input_artifacts(record))
    return [f"{item}{sequence}" for item in items]
