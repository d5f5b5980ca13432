"""Jobs in a SQL database, and what they used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

import sqlalchemy as sa

from provenance.repos.json_fields import dump_json
from provenance.repos.rows import Entry
from provenance.repos.sql.database import Database, Transaction, repeatable
from provenance.repos.sql.dialect import Dialect
from provenance.repos.sql.schema import job_artifacts, jobs, runs
from provenance.types import ArtifactId, JobRecord, JobUses, RunRecord, UsedAs


class JobStatements:
    """What reads and writes jobs."""

    def __init__(self, dialect: Dialect) -> None:
        job, used = jobs.c, job_artifacts.c
        insert: Any = dialect.insert
        by_id = job.id == _bind(job.id)
        self.insert_run = dialect.sql(
            insert(runs)
            .values(id=_bind(runs.c.id), info=_bind(runs.c.info), recorded_at=dialect.now)
            .on_conflict_do_nothing(),
            "id",
            "info",
        )
        self.insert = dialect.sql(
            insert(jobs)
            .values(
                id=_bind(job.id),
                labels=_bind(job.labels),
                run_id=_bind(job.run_id),
                started_at=sa.func.coalesce(_bind(job.started_at), dialect.now),
            )
            .on_conflict_do_nothing(index_elements=[job.id]),
            "id",
            "labels",
            "run_id",
            "started_at",
        )
        self.started_at = dialect.sql(sa.select(job.started_at).where(by_id), "id")
        self.end = dialect.sql(jobs.update().values(ended_at=dialect.now).where(by_id), "id")
        inserted = insert(job_artifacts).values({column.name: _bind(column) for column in job_artifacts.c})
        found, given = used.used_as == _HIT, inserted.excluded
        self.use = dialect.sql(
            inserted.on_conflict_do_update(
                index_elements=[used.job_id, used.artifact_id],
                set_={"used_as": given.used_as, "run_id": given.run_id},
                where=sa.and_(found, given.used_as != _HIT),
            ),
            *(column.name for column in job_artifacts.c),
        )
        self.uses = dialect.sql(
            sa.select(used.artifact_id, used.used_as, used.run_id).where(used.job_id == _bind(used.job_id)), "job_id"
        )


_HIT: sa.ColumnElement[str] = sa.literal_column("'hit'")


def _bind(column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(column.name, type_=column.type)


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
        self._sql = JobStatements(database.dialect)

    @repeatable
    def begin(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job unless it is there, and the facts about the process that begins it."""
        as_json, as_time = self._dialect.json_parameter, self._dialect.time_parameter
        started_at = None if record.started_at is None else as_time(record.started_at)
        with self._adding() as transaction:
            transaction.execute(self._sql.insert_run, (run.id, as_json(dump_json(run.info))))
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
