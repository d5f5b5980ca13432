"""The statements that give, renew and end leases; see `statements`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.schema import artifacts, leases


class LeaseStatements:
    """What gives, renews and ends leases."""

    def __init__(self, compiler: Compiler) -> None:
        def bind(column: sa.Column[Any]) -> sa.BindParameter[Any]:
            return sa.bindparam(column.name, type_=column.type)

        lease, later = leases.c, compiler.ago("seconds")
        artifact_id, holder, fence = bind(lease.artifact_id), bind(lease.holder), bind(lease.fence)
        is_stored = sa.exists().where(artifacts.c.id == sa.bindparam("id", type_=sa.Text()))
        wanted = sa.select(artifact_id, holder, later).where(~is_stored)
        given = compiler.insert(leases).from_select([lease.artifact_id, lease.holder, lease.expires_at], wanted)
        new = given.excluded
        self.begin = compiler.sql(
            given.on_conflict_do_update(
                index_elements=[lease.artifact_id],
                set_={"fence": new.fence, "holder": new.holder, "expires_at": new.expires_at},
                where=sa.or_(lease.expires_at <= compiler.now, lease.holder == new.holder),
            ).returning(lease.fence),
            "artifact_id",
            "holder",
            "seconds",
            "id",
        )
        own = (lease.artifact_id == artifact_id, lease.holder == holder, lease.fence == fence)
        names = ("artifact_id", "holder", "fence")
        self.end = compiler.sql(leases.delete().where(*own).returning(lease.fence), *names)
        self.keep = compiler.sql(sa.select(lease.fence).where(*own).with_for_update(read=True), *names)
        held = compiler.batch("fences").subquery()
        fences = sa.select(sa.cast(next(iter(held.c)), lease.fence.type))
        self.renew = compiler.sql(
            leases.update().values(expires_at=later).where(lease.fence.in_(fences)).returning(lease.fence),
            "seconds",
            "fences",
        )
