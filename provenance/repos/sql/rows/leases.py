"""Leases in a SQL database: who computes what, by the database's clock."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from provenance.repos.rows import lease_lost
from provenance.repos.sql.database import Database, Transaction
from provenance.repos.sql.records import record_from
from provenance.repos.sql.statements.texts import statements
from provenance.types import ArtifactId, Claim, Lease

if TYPE_CHECKING:
    from provenance.repos.sql.statements.leases import LeaseStatements


class LeaseRows:
    """The leases of a repo in an open database.

    Fences are never given twice, and grow. A transaction that stores something takes its lease before all else, and no
    second one, so that nobody waits in a circle.

    Parameters
    ----------
    database : Database
        The database.
    record : str
        The statement that reads the record with an id.
    """

    def __init__(self, database: Database, record: str) -> None:
        self._database = database
        self._record = record
        self._sql: LeaseStatements = statements("LeaseStatements", database.dialect)

    def acquire(self, artifact_id: ArtifactId, holder: str, seconds: float) -> Claim:
        """Ask for the lease of an artifact that is not stored; one round trip."""
        dialect, sql = self._database.dialect, self._sql
        later = dialect.seconds_parameter(-seconds)
        begun, found = self._database.until_rows(
            [(sql.begin, (artifact_id, holder, later, artifact_id)), (self._record, (artifact_id,))]
        )
        lease = Lease(artifact_id, holder, begun[0][0]) if begun else None
        if not found:
            return Claim(lease=lease)
        if lease is not None:  # it was stored and its lease ended while this one was asked for
            self.release(lease)
        return Claim(record=record_from(found[0], dialect))

    def renew(self, leases: Collection[Lease], seconds: float) -> set[Lease]:
        """Let leases last so long from now, and return those that were not taken over; one round trip."""
        dialect = self._database.dialect
        fences = dialect.batch_parameter([str(lease.fence) for lease in leases])
        [rows] = self._database.at_once([(self._sql.renew, (dialect.seconds_parameter(-seconds), fences))])
        held = {row[0] for row in rows}
        return {lease for lease in leases if lease.fence in held}

    def release(self, lease: Lease) -> None:
        """End a lease, unless it was taken over; one round trip."""
        self._database.at_once([(self._sql.end, _key(lease))])

    def is_lost(self, transaction: Transaction, lease: Lease, artifact_id: ArtifactId) -> bool:
        """Whether an artifact that is to be stored under a lease is stored already by one who took the lease over.

        A lease that still holds ends here, unless it is that of a composite, which nobody can take over before the
        transaction is over. This comes before all else in it: see above.

        Raises
        ------
        LeaseLostError
            The lease was taken over, and nothing is stored yet.
        """
        statement = self._sql.end if lease.artifact_id == artifact_id else self._sql.keep
        if transaction.execute(statement, _key(lease)).fetchone() is not None:
            return False
        if transaction.execute(self._record, (artifact_id,)).fetchone() is None:
            raise lease_lost(lease)
        return True


def _key(lease: Lease) -> tuple[object, ...]:
    return (lease.artifact_id, lease.holder, lease.fence)
