"""Rows in a SQL database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from provenance.errors import SchemaVersionError
from provenance.repos.json_fields import dump_json
from provenance.repos.rows import UNKNOWN_SWEEPS, BlobCheck, Entry, Inserted
from provenance.repos.sql.database import Database, Transaction, repeatable
from provenance.repos.sql.records import edge_parameters, parameters, record_from
from provenance.repos.sql.rows.others import OtherRows
from provenance.repos.sql.statements.texts import statements
from provenance.types import (
    JSON,
    ArtifactId,
    ArtifactRecord,
    BlobKey,
    BlobRef,
    RecipeKey,
    RunRecord,
    SetId,
    ValueId,
)

if TYPE_CHECKING:
    from provenance.repos.labellings import Arrange, History
    from provenance.repos.queries import FailedCallQuery, Query, Row
    from provenance.repos.sql.rows.jobs import SqlJobs
    from provenance.repos.sql.rows.leases import LeaseRows
    from provenance.repos.sql.statements.artifacts import (
        BlobStatements,
        ReadStatements,
        RecipeStatements,
        WriteStatements,
    )
    from provenance.types import FailedCall, SetRecord


class SqlRows:
    """Rows of a repo in an open database.

    Parameters
    ----------
    database : Database
        The database.
    refusal : SchemaVersionError or None
        Why its rows may not be written, if that is so.
    may_index : bool
        Whether the database may be written where that is not asked for: searches bring the index up to date.
    """

    def __init__(self, database: Database, refusal: SchemaVersionError | None, *, may_index: bool = True) -> None:
        self._database = database
        self._dialect = database.dialect
        self._refusal = refusal
        self._read: ReadStatements = statements("ReadStatements", self._dialect)
        self._write: WriteStatements = statements("WriteStatements", self._dialect)
        self._recipe: RecipeStatements = statements("RecipeStatements", self._dialect)
        self._blob: BlobStatements = statements("BlobStatements", self._dialect)
        self._other = OtherRows(database, self._adding, self._read.record, may_write=may_index and refusal is None)
        self._known_runs: set[str] = set()
        self.sweeps = UNKNOWN_SWEEPS

    @property
    def jobs(self) -> SqlJobs:
        """The rows of jobs."""
        return self._other.jobs

    @property
    def leases(self) -> LeaseRows:
        """The leases."""
        return self._other.leases

    def identity(self) -> str | None:
        """What tells the database from all others, if it has something that does."""
        return self._other.identity()

    def _writing(self) -> AbstractContextManager[Transaction]:
        self._require_writable()
        return self._database.writing()

    def _adding(self) -> AbstractContextManager[Transaction]:
        self._require_writable()
        return self._database.adding()

    def _require_writable(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    def _batch(self, texts: Collection[str]) -> tuple[object]:
        return (self._dialect.batch_parameter(texts),)

    # ---- reading

    def records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """The stored records among `ids`; one statement."""
        if len(ids) == 1:
            row = self._database.fetch_one(self._read.record, tuple(ids))
            rows = [] if row is None else [row]
        else:
            rows = self._database.fetch_all(self._read.records, self._batch(ids))
        dialect = self._dialect
        return {row[1]: record_from(row, dialect) for row in rows}

    def records_by_recipe(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """The stored records that these keys led to; one statement."""
        rows = self._database.fetch_all(self._read.records_by_recipe, self._batch(keys))
        return {row[-1]: record_from(row[:-1], self._dialect) for row in rows}

    def latest_with_value(self, value_id: ValueId) -> ArtifactRecord | None:
        """The record with this value that was stored last."""
        row = self._database.fetch_one(self._read.latest_with_value, (value_id,))
        return None if row is None else record_from(row, self._dialect)

    def run(self, run_id: str) -> RunRecord | None:
        """The facts about one process."""
        row = self._database.fetch_one(self._read.run, (run_id,))
        return None if row is None else RunRecord(run_id, cast("dict[str, JSON]", self._dialect.json_value(row[0])))

    def downstream(self, ids: Collection[ArtifactId]) -> set[ArtifactId]:
        """Everything that refers to `ids`, directly or through others."""
        return {row[0] for row in self._database.fetch_all(self._read.downstream, self._batch(ids))}

    def recipes_of(self, ids: Collection[ArtifactId]) -> dict[RecipeKey, ArtifactId]:
        """The recipe keys that lead to these artifacts."""
        return {row[0]: row[1] for row in self._database.fetch_all(self._recipe.of, self._batch(ids))}

    def count_sweeps(self) -> int:
        """Look up how many sweeps there were."""
        row = self._database.fetch_one(self._blob.sweeps)
        self.sweeps = UNKNOWN_SWEEPS if row is None else row[0]
        return self.sweeps

    # ---- storing

    @repeatable
    def insert(self, entry: Entry) -> Inserted:
        """Store a row, unless its id is taken."""
        record, run = entry.record, entry.run
        row = parameters(record, self._dialect)
        with self._adding() as transaction:
            is_late = entry.lease is not None and self.leases.is_lost(transaction, entry.lease, record.id)
            self._put_run(transaction, run)
            inserted = None if is_late else transaction.execute(self._write.insert_artifact, row).fetchone()
            if inserted is None:
                self._note_unused(transaction, record)
                stored = self._current(transaction, record.id)
            else:
                self._refer_to_blobs(transaction, record, entry.blobs)
                stored = self._complete(transaction, record, inserted)
            if record.recipe is not None:
                transaction.execute(self._recipe.put, (record.recipe, record.id))
            if entry.job is not None:
                self.jobs.note(transaction, [entry])
        if run is not None:
            self._known_runs.add(run.id)
        return Inserted(stored, is_new=inserted is not None)

    @repeatable
    def insert_many(self, entries: Sequence[Entry], recipes: Mapping[RecipeKey, ArtifactId]) -> list[Inserted]:
        """Do for each of several rows what `insert` does, in as few round trips as for one."""
        rows = [parameters(entry.record, self._dialect) for entry in entries]
        self._require_writable()
        with self._database.adding_many() as transaction:
            self._put_runs(transaction, entries)
            written = transaction.execute_each(self._write.insert_artifact, rows)
            new = [entry for entry, row in zip(entries, written, strict=True) if row is not None]
            late = [entry for entry, row in zip(entries, written, strict=True) if row is None]
            sequences = [row for row in written if row is not None]
            self._put_edges(transaction, new, sequences)
            self._refer_to_blobs_of(transaction, new, late)
            own = {entry.record.recipe: entry.record.id for entry in entries if entry.record.recipe is not None}
            transaction.executemany(self._recipe.put, sorted({**own, **recipes}.items()))
            self.jobs.note(transaction, entries)
            stored = self._currents(transaction, [entry.record.id for entry in late])
        self._known_runs.update(entry.run.id for entry in entries if entry.run is not None)
        records = (self._as_stored(entry.record, row) for entry, row in zip(new, sequences, strict=True))
        return [
            Inserted(stored[entry.record.id], is_new=False) if row is None else Inserted(next(records), is_new=True)
            for entry, row in zip(entries, written, strict=True)
        ]

    def _put_runs(self, transaction: Transaction, entries: Sequence[Entry]) -> None:
        runs = {entry.run.id: entry.run.info for entry in entries if entry.run is not None}
        unknown = sorted(runs.keys() - self._known_runs)
        as_json = self._dialect.json_parameter
        transaction.executemany(self._write.insert_run, [(key, as_json(dump_json(runs[key]))) for key in unknown])

    def _put_edges(self, transaction: Transaction, entries: Sequence[Entry], stored: Sequence[Any]) -> None:
        pairs = zip(entries, stored, strict=True)
        edges = [edge for entry, row in pairs for edge in edge_parameters(entry.record, row[0])]
        transaction.executemany(self._write.insert_edge, edges)

    def _refer_to_blobs_of(self, transaction: Transaction, new: Sequence[Entry], late: Sequence[Entry]) -> None:
        """Refer to the blobs of new rows, and note those of rows that came second: all in the order of their keys."""
        statements = {ref: self._blob.note_unused for entry in late for ref in _blobs(entry.record)}
        referred = {ref for entry in new for ref in _blobs(entry.record)}
        statements.update(dict.fromkeys(referred, self._blob.refer))
        ordered = sorted(statements.items(), key=lambda item: item[0].key)
        for statement, group in groupby(ordered, key=lambda item: item[1]):
            transaction.executemany(statement, [(ref.key, ref.size) for ref, _ in group])
        if referred:
            self.sweeps = transaction.execute(self._blob.sweeps).fetchone()[0]
            for entry in new:
                if self.sweeps != entry.blobs.sweeps:
                    for ref in _blobs(entry.record):
                        entry.blobs.restore(ref.key)

    def _currents(self, transaction: Transaction, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        if not ids:
            return {}
        rows = transaction.execute(self._read.records, self._batch(ids)).fetchall()
        return {row[1]: record_from(row, self._dialect) for row in rows}

    def _put_run(self, transaction: Transaction, run: RunRecord | None) -> None:
        if run is not None and run.id not in self._known_runs:
            transaction.execute(self._write.insert_run, (run.id, self._dialect.json_parameter(dump_json(run.info))))

    def _complete(self, transaction: Transaction, record: ArtifactRecord, stored: Any) -> ArtifactRecord:
        """Store the references of a row that was just written, and return the record as it can be read now."""
        if record.edges:
            transaction.executemany(self._write.insert_edge, edge_parameters(record, stored[0]))
        return self._as_stored(record, stored)

    def _as_stored(self, record: ArtifactRecord, stored: Any) -> ArtifactRecord:
        sequence, computed_at = stored
        return record._replace(
            edges=tuple(record.edges),
            sequence=sequence,
            computed_at=self._dialect.time_value(computed_at),
        )

    def _current(self, transaction: Transaction, artifact_id: ArtifactId) -> ArtifactRecord:
        return record_from(transaction.execute(self._read.record, (artifact_id,)).fetchone(), self._dialect)

    def _refer_to_blobs(self, transaction: Transaction, record: ArtifactRecord, blobs: BlobCheck) -> None:
        refs = _blobs(record)
        if not refs:
            return
        for ref in refs:
            transaction.execute(self._blob.refer, (ref.key, ref.size))
        self.sweeps = transaction.execute(self._blob.sweeps).fetchone()[0]
        if self.sweeps != blobs.sweeps:
            for ref in refs:
                blobs.restore(ref.key)

    def _note_unused(self, transaction: Transaction, record: ArtifactRecord) -> None:
        """Let the bytes of a call that came second be swept one day, if they differ from the first one's."""
        for ref in _blobs(record):
            transaction.execute(self._blob.note_unused, (ref.key, ref.size))

    @repeatable
    def replace(self, old: ArtifactRecord, new: Entry) -> ArtifactRecord:
        """Put other bytes in the place of lost ones, unless another caller did so already."""
        record = new.record
        row = parameters(record, self._dialect)
        with self._writing() as transaction:
            found = transaction.execute(self._read.record, (old.id,)).fetchone()
            if found is None:
                return self._insert_again(transaction, row, new)
            current = record_from(found, self._dialect)
            if (current.value_blob, current.value_inline) != (old.value_blob, old.value_inline):
                return current
            self._put_run(transaction, new.run)
            updated = transaction.execute(self._write.update_artifact, (*row[1:], old.id)).fetchone()
            transaction.execute(self._write.remove_edges, (updated[0],))
            self._other.index.replace(transaction, current, record)
            self._refer_to_blobs(transaction, record, new.blobs)
            self._release(transaction, [ref.key for ref in _blobs(current)])
            if current.value_id != record.value_id:
                found = transaction.execute(self._read.downstream, self._batch((old.id,))).fetchall()
                self._remove_recipes(transaction, [row[0] for row in found])
            self.jobs.note(transaction, [new])
            return self._complete(transaction, record, updated)

    def _insert_again(self, transaction: Transaction, row: tuple[object, ...], entry: Entry) -> ArtifactRecord:
        """Store a row whose predecessor was deleted meanwhile."""
        self._put_run(transaction, entry.run)
        inserted = transaction.execute(self._write.insert_artifact, row).fetchone()
        self._refer_to_blobs(transaction, entry.record, entry.blobs)
        self.jobs.note(transaction, [entry])
        return self._complete(transaction, entry.record, inserted)

    @repeatable
    def add_recipes(self, recipes: Mapping[RecipeKey, ArtifactId]) -> None:
        """Let recipe keys lead to stored artifacts; ids that are not stored are left out."""
        with self._adding() as transaction:
            transaction.executemany(self._recipe.put, sorted(recipes.items()))

    # ---- removing

    @repeatable
    def remove(self, ids: Collection[ArtifactId]) -> None:
        """Remove rows, and note which blobs nothing refers to any more."""
        with self._writing() as transaction:
            self._other.index.remove(transaction, self._currents(transaction, ids).values())
            removed = transaction.execute(self._write.remove_artifacts, self._batch(ids)).fetchall()
            self._release(transaction, sorted({key for row in removed for key in row if key is not None}))

    def _release(self, transaction: Transaction, keys: list[BlobKey]) -> None:
        if keys:
            transaction.execute(self._blob.release, self._batch(keys))

    @repeatable
    def remove_recipes(self, ids: Collection[ArtifactId]) -> None:
        """Remove the recipe keys that lead to these artifacts."""
        with self._writing() as transaction:
            self._remove_recipes(transaction, ids)

    def _remove_recipes(self, transaction: Transaction, ids: Collection[ArtifactId]) -> None:
        transaction.execute(self._recipe.remove, self._batch(ids))
        transaction.execute(self._recipe.forget, self._batch(ids))

    @repeatable
    def sweep(self, grace_seconds: float, delete: Callable[[Collection[BlobKey]], None]) -> None:
        """Delete the blobs that nothing has referred to for at least so long.

        They are deleted while their rows are locked: whoever stores an artifact with the same bytes meanwhile sees
        afterwards that there was a sweep, and puts them again.
        """
        with self._writing() as transaction:
            seconds = (self._dialect.seconds_parameter(grace_seconds),)
            due = transaction.execute(self._blob.take_due, seconds).fetchall()
            if due:
                delete([row[0] for row in due])
                transaction.execute(self._blob.count_sweep)

    # ---- sets

    def set_by_id(self, set_id: SetId) -> SetRecord | None:
        """A set, with the labels it was last saved under."""
        return self._other.sets.by_id(set_id)

    def latest_set(self, labels: Mapping[str, JSON]) -> SetRecord | None:
        """The set last saved under labels that contain these."""
        return self._other.sets.latest(labels)

    @repeatable
    def save_set(self, record: SetRecord) -> SetRecord:
        """Store a set unless it is there, and append its labels to the history."""
        with self._adding() as transaction:
            return self._other.sets.save(transaction, record)

    def set_ids(self) -> set[SetId]:
        """The ids of all sets."""
        return self._other.sets.ids()

    def label_history(self) -> History:
        """Under which labels sets were saved, in that order."""
        return self._other.sets.history()

    @repeatable
    def arrange_labels(self, arrange: Arrange) -> None:
        """Give the history of labels another order, and add to it; sets that are not here are left out of it."""
        with self._writing() as transaction:
            self._other.sets.arrange(transaction, arrange)

    @repeatable
    def remove_set(self, set_id: SetId) -> None:
        """Remove a set with its history."""
        with self._writing() as transaction:
            self._other.sets.remove(transaction, set_id)

    # ---- calls that raised

    @repeatable
    def save_failed_call(self, call: FailedCall, run: RunRecord) -> FailedCall:
        """Store a call that raised."""
        with self._adding() as transaction:
            self._put_run(transaction, run)
            return self._other.failures.save(transaction, call)

    def failed_calls(self, query: FailedCallQuery) -> list[FailedCall]:
        """The calls that raised that a query asks for, the last ones first."""
        return self._other.failures.find(query)

    # ---- searching

    def search(self, query: Query) -> Iterator[Row]:
        """The rows that a query asks for, in its order, fetched as they are needed."""
        return self._other.search.search(query)

    def count(self, query: Query) -> int:
        """How many rows a query asks for."""
        return self._other.search.count(query)

    def close(self) -> None:
        """Close every connection; they are opened again when needed."""
        self._database.close()


def _blobs(record: ArtifactRecord) -> list[BlobRef]:
    refs = (record.value_blob, record.inputs_blob)
    return sorted({ref for ref in refs if ref is not None}, key=attrgetter("key")) if any(refs) else []
