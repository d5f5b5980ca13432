"""Jobs as they are listed: with what became of them, from a few grouped queries for each page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from provenance.artifacts.found_rows import JobRow
from provenance.repos.job_tally import Tally
from provenance.repos.queries import JobQuery
from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.database import Database
from provenance.repos.sql.dialect import Dialect
from provenance.repos.sql.schema import artifact_inputs, artifacts, failed_calls, job_artifacts, jobs, runs
from provenance.repos.sql.statements.searches import Selection, during

_HIT: sa.ColumnElement[str] = sa.literal_column("'hit'")
_COMPUTED: sa.ColumnElement[str] = sa.literal_column("'computed'")
_RESULT: sa.ColumnElement[str] = sa.literal_column("'result'")


def job_selection(query: JobQuery, compiler: Compiler) -> Selection:
    """All jobs of the time that a query asks for."""
    one = jobs.c
    found = sa.select(one.sequence, one.id, one.labels, one.run_id, one.started_at, one.ended_at)
    found = found.where(*during(one.started_at, query.period, compiler))
    return Selection(found, {"sequence": one.sequence, "start": one.started_at}, one.sequence)


def job_row(row: Any, dialect: Dialect) -> JobRow:
    """A job without what became of it."""
    sequence, job_id, labels, run_id, started_at, ended_at = row
    return JobRow(
        sequence=sequence,
        id=job_id,
        labels=cast("Any", dialect.json_value(labels)),
        run_id=run_id,
        start=dialect.time_value(started_at),
        end=None if ended_at is None else dialect.time_value(ended_at),
    )


class JobOutcomes:
    """Looks up what became of jobs, many at once."""

    def __init__(self, database: Database, compiler: Compiler) -> None:
        self._database = database
        self._dialect = database.dialect
        self._used = compiler.sql(_used(compiler), "ids")
        self._failed = compiler.sql(_failed(compiler), "ids")
        self._runs = compiler.sql(sa.select(runs.c.id, runs.c.info).where(runs.c.id.in_(compiler.batch("ids"))), "ids")

    def added_to(self, rows: Sequence[JobRow]) -> list[JobRow]:
        """The rows with what became of the jobs; three queries."""
        ids = self._dialect.batch_parameter([row.id for row in rows])
        tallies = {row.id: Tally(run_ids={row.run_id: None}) for row in rows}
        for job_id, used_as, run_id, count, seconds in self._database.fetch_all(self._used, (ids,)):
            tallies[job_id].add(used_as, run_id, count, seconds)
        for job_id, failed in self._database.fetch_all(self._failed, (ids,)):
            tallies[job_id].failed = failed
        hosts = self._hosts({run_id for tally in tallies.values() for run_id in tally.run_ids})
        return [tallies[row.id].added_to(row, hosts) for row in rows]

    def _hosts(self, run_ids: set[str]) -> dict[str, object]:
        found = self._database.fetch_all(self._runs, (self._dialect.batch_parameter(sorted(run_ids)),))
        return {run_id: cast("Any", self._dialect.json_value(info)).get("host") for run_id, info in found}


def _used(compiler: Compiler) -> sa.Select[Any]:
    """How many artifacts each process found or computed for a job, and how long these took."""
    use, one, edge = job_artifacts.c, artifacts.c, artifact_inputs.c
    used = (
        sa.select(
            *(use.job_id, use.artifact_id, use.used_as, use.run_id),
            *(one.sequence, one.composite, one.compute_seconds),
        )
        .join_from(job_artifacts, artifacts, one.id == use.artifact_id, isouter=True)  # it may be deleted, or elsewhere
        .where(use.job_id.in_(compiler.batch("ids")))
        .cte("used")
    )
    is_part = sa.or_(edge.kind == sa.literal_column("'call'"), sa.and_(edge.kind == _RESULT, used.c.composite))
    parts = (
        sa.select(used.c.job_id, edge.input_id)
        .distinct()
        .join_from(used, artifact_inputs, edge.artifact_sequence == used.c.sequence)
        .where(used.c.used_as == _HIT, is_part)
        .cte("parts")
    )
    counts = sa.or_(used.c.used_as == _COMPUTED, sa.and_(used.c.used_as == _HIT, parts.c.input_id.is_(sa.null())))
    seconds = sa.func.coalesce(sa.func.sum(sa.case((counts, used.c.compute_seconds))), sa.literal_column("0.0"))
    is_same = sa.and_(parts.c.job_id == used.c.job_id, parts.c.input_id == used.c.artifact_id)
    keys = (used.c.job_id, used.c.used_as, used.c.run_id)
    return sa.select(*keys, sa.func.count(), seconds).join_from(used, parts, is_same, isouter=True).group_by(*keys)


def _failed(compiler: Compiler) -> sa.Select[Any]:
    """How many calls of a job raised and have no result that it used."""
    call, use = failed_calls.c, job_artifacts.c
    has_result = sa.exists().where(use.job_id == call.job_id, use.artifact_id == call.artifact_id)
    found = sa.select(call.job_id, sa.func.count(call.artifact_id.distinct()))
    return found.where(call.job_id.in_(compiler.batch("ids")), ~has_result).group_by(call.job_id)
