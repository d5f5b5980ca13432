"""The rows beside those of artifacts, each kind imported when it is first used: looking up an artifact needs none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from provenance._util.deferred import Deferred
from provenance.repos.sql.database import Database, Transaction

if TYPE_CHECKING:
    from provenance.repos.sql import identity
    from provenance.repos.sql.rows import failures, jobs, leases, search_index, searches, sets
else:
    identity = Deferred("provenance.repos.sql.identity")
    failures, jobs, leases, search_index, searches, sets = (
        Deferred(f"provenance.repos.sql.rows.{name}")
        for name in ("failures", "jobs", "leases", "search_index", "searches", "sets")
    )


class OtherRows:
    """Rows of jobs, leases, sets and calls that raised, the index, and searches.

    Parameters
    ----------
    database : Database
        The database.
    adding : callable
        Opens a transaction that adds rows, or raises why it may not be written.
    record : str
        The statement that reads the record of an artifact by its id.
    may_write : bool
        Whether searches may bring the index up to date, and the database may get an identity.
    """

    def __init__(
        self,
        database: Database,
        adding: Callable[[], AbstractContextManager[Transaction]],
        record: str,
        *,
        may_write: bool,
    ) -> None:
        self._database = database
        self._adding = adding
        self._record = record
        self._may_write = may_write

    @cached_property
    def jobs(self) -> jobs.SqlJobs:
        """Rows of jobs, and of what they used."""
        return jobs.SqlJobs(self._database, self._adding)

    @cached_property
    def leases(self) -> leases.LeaseRows:
        """Who computes what."""
        return leases.LeaseRows(self._database, self._record)

    @cached_property
    def sets(self) -> sets.SetRows:
        """Rows of artifact sets."""
        return sets.SetRows(self._database)

    @cached_property
    def failures(self) -> failures.FailureRows:
        """Rows of calls that raised."""
        return failures.FailureRows(self._database)

    @cached_property
    def index(self) -> search_index.SearchIndex:
        """What artifacts are found by."""
        return search_index.SearchIndex(self._database, may_write=self._may_write)

    @cached_property
    def search(self) -> searches.SearchRows:
        """Searches, which need SQLAlchemy."""
        return searches.SearchRows(self._database, self.index)

    def identity(self) -> str | None:
        """What tells the database from all others, if it has something that does."""
        return identity.identity_of(self._database, may_write=self._may_write)
