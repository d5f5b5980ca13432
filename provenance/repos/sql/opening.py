"""Make the tables of a new database, and see whether this library can follow those of an old one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment

from provenance.errors import RepoUnavailableError, SchemaVersionError
from provenance.repos.sql.database import Database
from provenance.repos.sql.dialect import Dialect
from provenance.repos.sql.schema import MIN_READER, MIN_WRITER, SCHEMA_VERSION, SEARCHED, metadata
from provenance.repos.sql.search_index import SearchIndex

VERSION_TABLE = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
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
    known = {key: value for key, value in rows if key in Versions.__dataclass_fields__}
    try:
        return Versions(**known)
    except TypeError as exc:
        raise _foreign(database, {"meta"}) from exc


def _make_tables(database: Database, *, create: bool) -> None:
    if not create:
        msg = f"the database {database.place} has no tables of a repo: open it with create_db: true and write: true"
        raise RepoUnavailableError(msg)
    with database.writing() as transaction:
        there = database.table_names()
        if "meta" in there:
            return  # another process was first
        foreign = there & set(metadata.tables)
        if foreign:
            raise _foreign(database, foreign)
        for statement in creation(database.dialect):
            transaction.execute(statement)


def creation(dialect: Dialect) -> list[str]:
    """The statements that make all tables, as of the last migration."""
    statements = [dialect.ddl(CreateTable(table)) for table in metadata.sorted_tables]
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [dialect.ddl(CreateIndex(index)) for index in indexes]
    statements += _extras(dialect)
    statements.append(dialect.ddl(CreateTable(VERSION_TABLE)))
    version_table = dialect.table("alembic_version")
    statements.append(f"INSERT INTO {version_table} VALUES ('{SCHEMA_VERSION:04}')")  # noqa: S608  a constant
    return [*statements, *stamping(dialect.table("meta"))]


def _extras(dialect: Dialect) -> list[str]:
    """What only some databases have: indexes of what is in JSON, and comments."""
    statements = []
    if dialect.json_index is not None:
        for table, column in SEARCHED:
            index = dialect.json_index(column)
            statements.append(f"CREATE INDEX ix_{table}_{column} ON {dialect.table(table)} {index}")
    if dialect.compiler.supports_comments:
        columns = [column for table in metadata.sorted_tables for column in table.c if column.comment]
        statements += [dialect.ddl(SetColumnComment(column)) for column in columns]
    return statements


def stamping(meta: str) -> list[str]:
    """The statements that record the versions of the present tables, in the table of that name."""
    versions = {"schema_version": SCHEMA_VERSION, "min_reader": MIN_READER, "min_writer": MIN_WRITER}
    insert = f"INSERT INTO {meta} (key, value) VALUES "  # noqa: S608  the name is quoted
    stamps = [
        f"{insert}('{key}', {value}) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        for key, value in versions.items()
    ]
    counters = [f"{insert}('{key}', 0) ON CONFLICT (key) DO NOTHING" for key in ("sweeps", "indexed")]
    return [*stamps, *counters]


def _foreign(database: Database, tables: set[str]) -> RepoUnavailableError:
    return RepoUnavailableError(
        f"the database {database.place} has tables of something else ({', '.join(sorted(tables))}): "
        "give the repo a database or a schema of its own"
    )
