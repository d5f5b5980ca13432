"""The repo in a SQL database."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, cast, get_args

from blake3 import blake3

from provenance._util.access import Access, Shared, access_for
from provenance._util.deferred import Deferred
from provenance.artifacts.ids import ArtifactLike, artifact_id_of
from provenance.errors import ConfigError, RepoUnreachableError, StorageError
from provenance.repos.journal.backlog import Backlog, Replayed, journal_place
from provenance.repos.journal.folder import JournalFolder
from provenance.repos.json_fields import with_plain_json
from provenance.repos.options import RepoOptions
from provenance.repos.rows import Rows
from provenance.repos.single import SingleRepo
from provenance.repos.sql.database import Database
from provenance.repos.sql.opening import prepare
from provenance.repos.sql.rows.artifacts import SqlRows
from provenance.repos.sql.rows.late import LateRows
from provenance.repos.sql.sqlite.database import SqliteDatabase
from provenance.types import ArtifactId, ArtifactRecord, BlobStore, OnRepoError, RecipeKey, RecordPlace

if TYPE_CHECKING:
    import dataclasses

    from provenance.types import Draft
else:
    dataclasses = Deferred("dataclasses")

POSTGRES_SCHEMES = ("postgresql://", "postgresql+psycopg://")
"""How URLs of PostgreSQL databases start."""
_SQLITE_URL = re.compile(r"sqlite(?:\+pysqlite)?://(?:/(?P<path>[^?]*)|$)")
_NOT_SHARED = "shared was given for a PostgreSQL database, which has users and rights of its own: leave it out"


class SqlRepo(SingleRepo):
    """Keep artifacts in a SQLite file, for one host, or in a PostgreSQL database, for any number of hosts.

    Parameters
    ----------
    db : path or URL
        The file, or ``sqlite:///relative/path`` or ``sqlite:////absolute/path``; or
        ``postgresql://user@host:port/database``, perhaps with options such as ``?sslmode=verify-full``. What such a URL
        leaves out, like the password, comes from the environment (``PGPASSWORD`` and others) and the password file.
    store : BlobStore
        Where values and inputs lie that are too large for a row. It should belong to this repo alone.
    name : str, optional
        What the repo is called in the configuration and in messages; the path, or the URL without user and
        password, unless given.
    create_db : bool
        Whether a database that is missing is made, with its folder or schema, and the tables.
    schema : str, optional
        The schema of the tables, in databases that have schemas; the connection's own unless given. SQLite has none.
    shared : "group", optional
        Whether the group of the folder may read and write a SQLite database too; see `DiskStore`. Its blobstore has an
        option of the same name. PostgreSQL has users of its own.
    durable : bool
        Whether what is recorded in SQLite survives a power failure, which costs a sync of the disk for each
        artifact. What is recorded always survives the end of the process. PostgreSQL has a setting of its own.
    grace_seconds : float
        How long bytes stay when nothing refers to them any more. They are removed by the first `delete` after that.
    open_later : bool
        Whether a database that cannot be reached now is opened when the repo is first used, instead of an error now;
        so it is with ``on_repo_error="compute"`` in any case.
    on_repo_error : {"raise", "compute"}
        What happens to a call of a decorated function whose look-up does not reach the database: it fails with
        `RepoUnreachableError`, and nothing is computed in vain; or it goes on as if nothing were stored. What is
        computed while the database or the store is out of reach is returned, and waits in the journal, in either case.
    journal : path, optional
        Folder in which the journal is kept; ``journal`` under ``PROVENANCE_HOME``, or
        ``~/.local/state/provenance/journal``, unless given. Each database has a folder of its own in it.
    **options
        See `provenance.repos.base.BaseRepo`.

    Raises
    ------
    ConfigError
        `db` is no path and no URL of a database this library knows, or the package for it is missing.
    RepoUnavailableError
        The database cannot be reached, opened or made; the message names it, the cause and what to do.
    SchemaVersionError
        The database was made by a newer library, and this one cannot read it.
    """

    def __init__(  # noqa: PLR0913  each is a key of the configuration
        self,
        db: str | os.PathLike[str],
        store: BlobStore,
        *,
        name: str | None = None,
        create_db: bool = True,
        schema: str | None = None,
        shared: Shared | None = None,
        durable: bool = False,
        grace_seconds: float = 0.0,
        open_later: bool = False,
        on_repo_error: OnRepoError = "raise",
        journal: str | os.PathLike[str] | None = None,
        **options: Unpack[RepoOptions],
    ) -> None:
        if on_repo_error not in get_args(OnRepoError):
            msg = f"on_repo_error of repo {name!r} must be one of 'raise', 'compute', got {on_repo_error!r}"
            raise ConfigError(msg)
        may_write = options.get("write", True)
        create = create_db and may_write

        def open_rows() -> SqlRows:
            database: Database
            if _is_postgres(db):
                if shared is not None:
                    raise ConfigError(_NOT_SHARED)
                database = _open_postgres(os.fspath(db), schema, create=create)
            else:
                read_only = not (may_write or options.get("delete", True))
                access = access_for(shared, f"the database {os.fspath(db)}")
                database = _open_sqlite(db, schema, create=create, read_only=read_only, durable=durable, access=access)
            return _rows_of(database, create=create_db, read_only=not may_write)

        rows: SqlRows | LateRows
        try:
            rows = open_rows()
        except RepoUnreachableError:
            if not open_later and on_repo_error == "raise":
                raise
            rows = LateRows(open_rows)
        self._sql_rows = rows
        self._identity: str | None = None
        self._scope: Literal["host", "network"] = "network" if _is_postgres(db) else "host"
        self._address = place = _place(db)
        super().__init__(
            cast("Rows", rows), store, place if name is None else name, grace_seconds=grace_seconds, **options
        )
        self._on_repo_error = on_repo_error
        own = blake3(f"{place}\0{schema or ''}".encode()).hexdigest(8)
        folder = JournalFolder(journal_place(journal, os.environ) / own)
        self._backlog = Backlog(folder, self.name, super().save, self._with_bytes)

    def record_places(self) -> tuple[RecordPlace, ...]:
        """Return the database; its identity is not known while it is out of reach."""
        if self._identity is None:
            with suppress(StorageError):
                self._identity = self._sql_rows.identity()
        return (RecordPlace(self._address, self._identity, self._scope, self._permissions.write),)

    # ---- while it is out of reach

    def find_records(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        """Return the stored records among `ids`, and those that this process keeps in the journal."""
        if not self._backlog.is_busy:
            return super().find_records(ids)
        return self._backlog.found(super().find_records, ids) if self._permissions.read else {}

    def find_record(self, artifact_id: ArtifactId) -> ArtifactRecord | None:
        """Return the stored record with this id, or the one that this process keeps in the journal."""
        if not self._backlog.is_busy:
            return super().find_record(artifact_id)
        return self.find_records((artifact_id,)).get(artifact_id)

    def find_recipes(self, keys: Collection[RecipeKey]) -> dict[RecipeKey, ArtifactRecord]:
        """Return the stored records that recipe keys led to; one query."""
        if not self._backlog.is_busy:
            return super().find_recipes(keys)
        self._backlog.settle()
        found = super().find_recipes(keys)
        self._backlog.reached()
        return found

    def save(self, draft: Draft) -> ArtifactRecord:
        """Store a computed call; see `SingleRepo.save`."""
        if self._backlog.is_busy:
            self._backlog.settle()
        return super().save(draft)

    def spool(self, draft: Draft, error: StorageError) -> ArtifactRecord:
        """Keep what could not be stored in the journal, if the database or the store is out of reach.

        Returns
        -------
        ArtifactRecord
            The record as it will be stored, ``journaled``.
        """
        self._require("write")
        return self._backlog.keep(dataclasses.replace(draft, record=with_plain_json(draft.record), lease=None), error)

    def counts_as_miss(self, error: RepoUnreachableError) -> bool:
        """Tell whether calls go on without the repo, which is said once for each outage."""
        if self._on_repo_error == "raise":
            return False
        self._backlog.report(error, "so what is called is computed")
        return True

    def replay_journal(self) -> Replayed:
        """Store all that waits in the journal, which also happens bit by bit when the repo is used.

        Returns
        -------
        Replayed
            How many entries are stored now, still wait because something is out of reach, and were set aside.
        """
        return self._backlog.replay()

    def batch_delete(self, artifact_ids: Iterable[ArtifactLike]) -> None:
        """Delete artifacts, also those that this process keeps in the journal; see `BaseRepo.delete`."""
        given = list(artifact_ids)
        if self._backlog.is_busy:
            self._backlog.drop([artifact_id_of(each) for each in given])
        super().batch_delete(given)


def _rows_of(database: Database, *, create: bool, read_only: bool) -> SqlRows:
    try:
        refusal = prepare(database, create=create, read_only=read_only)
    except BaseException:
        database.close()
        raise
    return SqlRows(database, refusal, may_index=not read_only)


def _open_sqlite(  # noqa: PLR0913  each is an option of the repo
    db: str | os.PathLike[str], schema: str | None, *, create: bool, read_only: bool, durable: bool, access: Access
) -> SqliteDatabase:
    path = sqlite_path(db)
    if schema is not None:
        msg = f"schema {schema!r} was given for the SQLite database {path}, which has no schemas: leave it out"
        raise ConfigError(msg)
    return SqliteDatabase(path, create=create, read_only=read_only, durable=durable, access=access)


def _is_postgres(db: str | os.PathLike[str]) -> bool:
    return os.fspath(db).startswith(POSTGRES_SCHEMES)


def _place(db: str | os.PathLike[str]) -> str:
    """What the database is called in messages, and what tells its journal from those of others."""
    if not _is_postgres(db):
        return str(sqlite_path(db))
    from provenance.repos.sql.postgres.server import PostgresServer  # noqa: PLC0415  needs psycopg

    return PostgresServer.from_url(os.fspath(db)).place


def _open_postgres(url: str, schema: str | None, *, create: bool) -> Database:
    try:
        import psycopg  # noqa: F401, PLC0415  an extra
    except ImportError as exc:
        msg = f"PostgreSQL needs psycopg, which cannot be imported ({exc}): pip install 'provenance[postgres]'"
        raise ConfigError(msg) from exc
    from provenance.repos.sql.postgres.database import PostgresDatabase  # noqa: PLC0415  needs psycopg

    return PostgresDatabase(url, schema=schema, create=create)


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", url)


def sqlite_path(db: str | os.PathLike[str]) -> Path:
    """The absolute path of a SQLite file, given as a path or as a URL."""
    text = os.fspath(db)
    if "://" in text:
        url = _SQLITE_URL.match(text)
        if url is None:
            msg = (
                f"db {_without_password(text)} is not the URL of a database this library knows: "
                "expected a path, sqlite:///path or postgresql://host/database"
            )
            raise ConfigError(msg)
        text = url["path"] or ""
    if text in ("", ":memory:"):
        msg = f"db {os.fspath(db)!r} names no file; use a repo of type memory to keep artifacts in memory"
        raise ConfigError(msg)
    return Path(text).expanduser().absolute()
