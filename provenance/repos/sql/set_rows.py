"""Artifact sets in a SQL database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from provenance.repos.json_fields import dump_json, label_items
from provenance.repos.sql.database import Database, Row, Transaction
from provenance.repos.sql.statements import SetStatements
from provenance.types import JSON, SetId, SetRecord


class SetRows:
    """Rows of artifact sets and of the labels they were saved under."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sql = SetStatements(self._dialect)

    def by_id(self, set_id: SetId) -> SetRecord | None:
        """A set, with the labels it was last saved under."""
        row = self._database.fetch_one(self._sql.labelled_set, (set_id,))
        if row is None:
            row = self._database.fetch_one(self._sql.set, (set_id,))
        return None if row is None else self._record(row)

    def latest(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """The set last saved under labels that contain these."""
        items = _digests(labels)
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
            labels, at = transaction.execute(self._sql.insert_labels, (sequence, text)).fetchone()
            saved_at = self._dialect.time_value(at)
            items = [(item, labels) for item in _digests(record.labels)]
            transaction.executemany(self._sql.insert_label_item, items)
        return SetRecord(
            id=record.id,
            artifact_ids=record.artifact_ids,
            labels=record.labels,
            created_at=self._dialect.time_value(stored_at),
            saved_at=saved_at,
        )

    def remove(self, transaction: Transaction, set_id: SetId) -> None:
        """Remove a set with its history."""
        transaction.execute(self._sql.remove_set, (set_id,))


def _digests(labels: Mapping[str, JSON]) -> list[str]:
    """Labels as texts of one length, so that a database can index them."""
    return [blake3(item.encode()).hexdigest() for item in sorted(label_items(labels))]
