"""The statements that read and write jobs, and what they used; see `statements`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.schema import job_artifacts, jobs

_HIT: sa.ColumnElement[str] = sa.literal_column("'hit'")


class JobStatements:
    """What reads and writes jobs."""

    def __init__(self, compiler: Compiler) -> None:
        job, used = jobs.c, job_artifacts.c
        insert: Any = compiler.insert
        by_id = job.id == _bind(job.id)
        self.insert = compiler.sql(
            insert(jobs)
            .values(
                id=_bind(job.id),
                labels=_bind(job.labels),
                run_id=_bind(job.run_id),
                started_at=sa.func.coalesce(_bind(job.started_at), compiler.now),
            )
            .on_conflict_do_nothing(index_elements=[job.id]),
            "id",
            "labels",
            "run_id",
            "started_at",
        )
        self.started_at = compiler.sql(sa.select(job.started_at).where(by_id), "id")
        self.end = compiler.sql(jobs.update().values(ended_at=compiler.now).where(by_id), "id")
        inserted = insert(job_artifacts).values({column.name: _bind(column) for column in job_artifacts.c})
        found, given = used.used_as == _HIT, inserted.excluded
        self.use = compiler.sql(
            inserted.on_conflict_do_update(
                index_elements=[used.job_id, used.artifact_id],
                set_={"used_as": given.used_as, "run_id": given.run_id},
                where=sa.and_(found, given.used_as != _HIT),
            ),
            *(column.name for column in job_artifacts.c),
        )
        self.uses = compiler.sql(
            sa.select(used.artifact_id, used.used_as, used.run_id).where(used.job_id == _bind(used.job_id)), "job_id"
        )


def _bind(column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(column.name, type_=column.type)
