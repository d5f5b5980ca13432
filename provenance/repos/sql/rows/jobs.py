"""Jobs in a SQL database, and what they used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from provenance.repos.json_fields import dump_json
from provenance.repos.rows import Entry
from provenance.repos.sql.database import Database, Transaction, repeatable
from provenance.repos.sql.statements.texts import statements
from provenance.types import ArtifactId, JobRecord, JobUses, RunRecord, UsedAs

if TYPE_CHECKING:
    from provenance.repos.sql.statements.jobs import JobStatements


class SqlJobs:
    """Rows of jobs, and of what they used; see `provenance.repos.rows.Jobs`.

    Parameters
    ----------
    database : Database
        The database.
    adding : callable
        Opens a transaction that adds rows, or raises why it may not be written.
    """

    def __init__(self, database: Database, adding: Callable[[], AbstractContextManager[Transaction]]) -> None:
        self._database = database
        self._dialect = database.dialect
        self._adding = adding
        self._sql: JobStatements = statements("JobStatements", database.dialect)
        self._insert_run: str = statements("WriteStatements", database.dialect).insert_run

    @repeatable
    def begin(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job unless it is there, and the facts about the process that begins it."""
        as_json, as_time = self._dialect.json_parameter, self._dialect.time_parameter
        started_at = None if record.started_at is None else as_time(record.started_at)
        with self._adding() as transaction:
            transaction.execute(self._insert_run, (run.id, as_json(dump_json(run.info))))
            row = (record.id, as_json(dump_json(record.labels)), record.run_id, started_at)
            transaction.execute(self._sql.insert, row)
            (started_at,) = transaction.execute(self._sql.started_at, (record.id,)).fetchone()
        return replace(record, started_at=self._dialect.time_value(started_at))

    @repeatable
    def end(self, job_id: str) -> None:
        """Note that a job is over."""
        with self._adding() as transaction:
            transaction.execute(self._sql.end, (job_id,))

    @repeatable
    def add(self, job_id: str, uses: JobUses) -> None:
        """Note what a job used."""
        rows = sorted((job_id, artifact_id, used_as, run_id) for artifact_id, (used_as, run_id) in uses.items())
        with self._adding() as transaction:
            transaction.executemany(self._sql.use, rows)

    def uses(self, job_id: str) -> JobUses:
        """What a job used, as far as it was noted."""
        rows = self._database.fetch_all(self._sql.uses, (job_id,))
        return {ArtifactId(row[0]): (cast("UsedAs", row[1]), row[2]) for row in rows}

    def note(self, transaction: Transaction, entries: Iterable[Entry]) -> None:
        """Note, in the transaction that stores artifacts, which jobs they were computed for."""
        rows = sorted(
            (entry.job.job_id, entry.record.id, entry.job.used_as, entry.record.run_id)
            for entry in entries
            if entry.job is not None
        )
        transaction.executemany(self._sql.use, rows)
