"""Make a PostgreSQL database and a schema in it where they are missing."""

from __future__ import annotations

from contextlib import closing, suppress

import psycopg

from provenance.errors import ConfigError, RepoUnavailableError
from provenance.repos.sql.dialect import quoted
from provenance.repos.sql.postgres.server import Connection, PostgresServer

_LONGEST_NAME = 63
_OTHER_DATABASES = ("postgres", "template1")


def connect_or_create(server: PostgresServer) -> Connection:
    """Connect, and make the database first if that is why it cannot be connected to."""
    try:
        return server.connect()
    except psycopg.OperationalError:
        # The reason is told in the language of the server only, so ask for the list of databases.
        if server.database is None or not _ensure_database(server, server.database):
            raise
    return server.connect()


def _ensure_database(server: PostgresServer, name: str) -> bool:
    """Make a database unless another process just did; tell whether the server could be asked for it."""
    connection = _connection_to_another(server)
    if connection is None:
        return False
    with closing(connection):
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = $1", (name,)).fetchone():
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(f"CREATE DATABASE {quoted(name)} ENCODING 'UTF8' TEMPLATE template0".encode())
    return True


def _connection_to_another(server: PostgresServer) -> Connection | None:
    for other in _OTHER_DATABASES:
        try:
            return server.connect_to(other)
        except psycopg.OperationalError:
            continue
    return None


def check_schema_name(schema: str | None) -> None:
    """Refuse what cannot be the name of a schema.

    Raises
    ------
    ConfigError
        It is empty or too long, or contains NUL.
    """
    if schema is not None and (not schema or "\0" in schema or len(schema.encode()) > _LONGEST_NAME):
        msg = f"schema {schema!r:.80} cannot be the name of a schema: expected 1 to {_LONGEST_NAME} bytes without NUL"
        raise ConfigError(msg)


def find_schema(connection: Connection, place: str, schema: str | None, *, create: bool) -> str:
    """Find the schema that the tables lie in: the connection's own unless one is named.

    Raises
    ------
    RepoUnavailableError
        There is none and none may be made, or the database cannot hold every text.
    """
    asked = (
        "SELECT current_schema(), current_setting('server_encoding'), "
        "EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)"
    )
    own, encoding, exists = connection.execute(asked, (schema,)).fetchone() or (None, None, False)
    if encoding != "UTF8":
        msg = f"the database {place} has the encoding {encoding}: give the repo a database with the encoding UTF8"
        raise RepoUnavailableError(msg)
    if schema is None:
        if own is None:
            msg = f"the database {place} has no schema in its search path: name one with schema"
            raise RepoUnavailableError(msg)
        return str(own)
    if not exists:
        if not create:
            msg = f"the database {place} has no schema {schema!r}: open it with create_db: true and write: true"
            raise RepoUnavailableError(msg)
        _create_schema(connection, schema)
    return schema


def _create_schema(connection: Connection, schema: str) -> None:
    with suppress(psycopg.errors.UniqueViolation):  # another process was first
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}".encode())
