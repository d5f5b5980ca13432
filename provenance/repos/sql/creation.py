"""The statements that make all tables."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment

from provenance.repos.sql.compiler import Compiler
from provenance.repos.sql.schema import SEARCHED, metadata
from provenance.repos.sql.versions import MIN_READER, MIN_WRITER, SCHEMA_VERSION

TABLES = frozenset(metadata.tables)
"""Their names."""
VERSION_TABLE = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def creation(compiler: Compiler) -> list[str]:
    """The statements that make all tables, as of the last migration."""
    statements = [compiler.ddl(CreateTable(table)) for table in metadata.sorted_tables]
    for table in metadata.sorted_tables:
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [compiler.ddl(CreateIndex(index)) for index in indexes]
    statements += _extras(compiler)
    statements.append(compiler.ddl(CreateTable(VERSION_TABLE)))
    version_table = compiler.dialect.table("alembic_version")
    statements.append(f"INSERT INTO {version_table} VALUES ('{SCHEMA_VERSION:04}')")  # noqa: S608  a constant
    return [*statements, *stamping(compiler.dialect.table("meta"))]


def _extras(compiler: Compiler) -> list[str]:
    """What only some databases have: indexes of what is in JSON, and comments."""
    statements = []
    if compiler.json_index is not None:
        for table, column in SEARCHED:
            index = compiler.json_index(column)
            statements.append(f"CREATE INDEX ix_{table}_{column} ON {compiler.dialect.table(table)} {index}")
    if compiler.writer.supports_comments:
        columns = [column for table in metadata.sorted_tables for column in table.c if column.comment]
        statements += [compiler.ddl(SetColumnComment(column)) for column in columns]
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
