"""Make the tables of a new database, and see whether this library can follow those of an old one."""

from __future__ import annotations

from typing import NamedTuple, cast

from provenance.errors import RepoUnavailableError, SchemaVersionError
from provenance.repos.sql.database import Database
from provenance.repos.sql.versions import SCHEMA_VERSION


class Versions(NamedTuple):
    """What the tables say of themselves: their version, and the oldest that may read and write them."""

    schema_version: int
    min_reader: int
    min_writer: int
    sweeps: int = 0
    indexed: int = 0


def prepare(database: Database, *, create: bool, read_only: bool) -> SchemaVersionError | None:
    """Make, upgrade or check the tables of a database.

    Returns
    -------
    SchemaVersionError or None
        Why the database may only be read, if that is so.

    Raises
    ------
    RepoUnavailableError
        There are no tables, or they are those of something else.
    SchemaVersionError
        The tables are too new to be read, or too old and may not be upgraded.
    """
    if "meta" not in database.table_names():
        _make_tables(database, create=create and not read_only)
    versions = _versions(database)
    if versions.schema_version < SCHEMA_VERSION:
        if read_only:
            msg = (
                f"the database {database.place} has schema {versions.schema_version}, and this library needs "
                f"{SCHEMA_VERSION}: open it once with write: true, which upgrades it"
            )
            raise SchemaVersionError(msg)
        from provenance.repos.sql.rows.search_index import SearchIndex  # noqa: PLC0415  few databases are old

        database.upgrade()
        SearchIndex(database, may_write=True).catch_up()
        versions = _versions(database)
    if versions.min_reader > SCHEMA_VERSION:
        raise _too_new(database, versions, "read", versions.min_reader)
    if versions.min_writer > SCHEMA_VERSION:
        return _too_new(database, versions, "write", versions.min_writer)
    return None


def _too_new(database: Database, versions: Versions, operation: str, needed: int) -> SchemaVersionError:
    return SchemaVersionError(
        f"the database {database.place} has schema {versions.schema_version}, which needs a library of schema {needed} "
        f"or later to {operation} it, and this one has schema {SCHEMA_VERSION}: install a newer provenance"
    )


def _versions(database: Database) -> Versions:
    meta = database.dialect.table("meta")
    found = database.fetch_all(f"SELECT key, value FROM {meta}")  # noqa: S608  the name is quoted
    rows = cast("list[tuple[str, int]]", found)
    known = {key: value for key, value in rows if key in Versions._fields}
    try:
        return Versions(**known)
    except TypeError as exc:
        raise _foreign(database, {"meta"}) from exc


def _make_tables(database: Database, *, create: bool) -> None:
    if not create:
        msg = f"the database {database.place} has no tables of a repo: open it with create_db: true and write: true"
        raise RepoUnavailableError(msg)
    from provenance.repos.sql.creation import TABLES, creation  # noqa: PLC0415  needs SQLAlchemy
    from provenance.repos.sql.statements.compilers import compiler_for  # noqa: PLC0415  needs SQLAlchemy

    with database.writing() as transaction:
        there = database.table_names()
        if "meta" in there:
            return  # another process was first
        foreign = there & TABLES
        if foreign:
            raise _foreign(database, foreign)
        for statement in creation(compiler_for(database.dialect)):
            transaction.execute(statement)


def _foreign(database: Database, tables: set[str]) -> RepoUnavailableError:
    return RepoUnavailableError(
        f"the database {database.place} has tables of something else ({', '.join(sorted(tables))}): "
        "give the repo a database or a schema of its own"
    )
