"""Artifact sets in a SQL database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from provenance.repos.json_fields import dump_json
from provenance.repos.labellings import Arrange, History, Labelling, first_difference
from provenance.repos.sql.database import Database, Row, Transaction
from provenance.repos.sql.records import label_digests
from provenance.repos.sql.statements.texts import statements
from provenance.types import JSON, SetId, SetRecord

if TYPE_CHECKING:
    from provenance.repos.sql.statements.artifacts import SetStatements


class SetRows:
    """Rows of artifact sets and of the labels they were saved under."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sql: SetStatements = statements("SetStatements", self._dialect)

    def by_id(self, set_id: SetId) -> SetRecord | None:
        """A set, with the labels it was last saved under."""
        row = self._database.fetch_one(self._sql.labelled_set, (set_id,))
        if row is None:
            row = self._database.fetch_one(self._sql.set, (set_id,))
        return None if row is None else self._record(row)

    def latest(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """The set last saved under labels that contain these."""
        items = label_digests(labels)
        if not items:
            row = self._database.fetch_one(self._sql.latest_set)
        else:
            others = self._dialect.batch_parameter(items[1:])
            row = self._database.fetch_one(self._sql.latest_set_with, (items[0], others, len(items) - 1))
        return None if row is None else self._record(row)

    def _record(self, row: Row) -> SetRecord:
        sequence, set_id, created_at, *saved = row
        members = self._database.fetch_all(self._sql.members, (sequence,))
        labels: Any = self._dialect.json_value(saved[0]) if saved else None
        return SetRecord(
            id=set_id,
            artifact_ids=frozenset(member[0] for member in members),
            labels=labels,
            created_at=self._dialect.time_value(created_at),
            saved_at=self._dialect.time_value(saved[1]) if saved else None,
        )

    def save(self, transaction: Transaction, record: SetRecord) -> SetRecord:
        """Store a set unless it is there, and append its labels to the history."""
        created_at = None if record.created_at is None else self._dialect.time_parameter(record.created_at)
        inserted = transaction.execute(self._sql.insert_set, (record.id, created_at)).fetchone()
        if inserted is not None:
            members = [(inserted[0], artifact_id) for artifact_id in record.artifact_ids]
            transaction.executemany(self._sql.insert_member, members)
        sequence, _, stored_at = transaction.execute(self._sql.set, (record.id,)).fetchone()
        saved_at = None
        if record.labels is not None:
            text = self._dialect.json_parameter(dump_json(record.labels))
            at = None if record.saved_at is None else self._dialect.time_parameter(record.saved_at)
            labels, at = transaction.execute(self._sql.insert_labels, (sequence, text, at)).fetchone()
            saved_at = self._dialect.time_value(at)
            items = [(item, labels) for item in label_digests(record.labels)]
            transaction.executemany(self._sql.insert_label_item, items)
        return SetRecord(
            id=record.id,
            artifact_ids=record.artifact_ids,
            labels=record.labels,
            created_at=self._dialect.time_value(stored_at),
            saved_at=saved_at,
        )

    def ids(self) -> set[SetId]:
        """The ids of all sets."""
        return {row[0] for row in self._database.fetch_all(self._sql.ids)}

    def history(self) -> list[Labelling]:
        """Under which labels sets were saved, in that order."""
        return self._labellings(self._database.fetch_all(self._sql.history))

    def _labellings(self, rows: Sequence[Row]) -> list[Labelling]:
        dialect = self._dialect
        return [
            Labelling(set_id, cast("dict[str, JSON]", dialect.json_value(labels)), dialect.time_value(saved_at))
            for _, set_id, labels, saved_at in rows
        ]

    def arrange(self, transaction: Transaction, arrange: Arrange) -> None:
        """Give the history of labels another order, and add to it.

        As the latest labels are those with the highest number, everything from the first difference on is written anew.
        """
        rows = transaction.execute(self._sql.history).fetchall()
        present = self._labellings(rows)
        wanted = arrange(present)
        kept = first_difference(present, wanted)
        if kept < len(rows):
            transaction.execute(self._sql.remove_labels_from, (rows[kept][0],))
        self._append(transaction, wanted[kept:])

    def _append(self, transaction: Transaction, labellings: History) -> None:
        ids = self._dialect.batch_parameter({labelling.set_id for labelling in labellings})
        sets = {row[0]: row[1] for row in transaction.execute(self._sql.sequences, (ids,)).fetchall()}
        known = [labelling for labelling in labellings if labelling.set_id in sets]
        as_json, as_time = self._dialect.json_parameter, self._dialect.time_parameter
        rows = [(sets[one.set_id], as_json(dump_json(one.labels)), as_time(one.saved_at)) for one in known]
        inserted = transaction.execute_each(self._sql.insert_labels, rows)
        pairs = [(one, row) for one, row in zip(known, inserted, strict=True) if row is not None]
        items = [(item, row[0]) for one, row in pairs for item in label_digests(one.labels)]
        transaction.executemany(self._sql.insert_label_item, items)

    def remove(self, transaction: Transaction, set_id: SetId) -> None:
        """Remove a set with its history."""
        transaction.execute(self._sql.remove_set, (set_id,))
