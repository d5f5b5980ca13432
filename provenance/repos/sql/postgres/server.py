"""Where a PostgreSQL database is, and how it is connected to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format

from provenance.errors import ConfigError
from provenance.repos.sql.postgres.dialect import json_value
from provenance.types import JSON

_DEFAULTS = {
    "connect_timeout": "10",
    # A host that went away without a word is noticed after a minute at most, not after hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "application_name": "provenance",
}
_PREPARE_AFTER = 2
"""How often a statement is run on a connection before the server keeps its plan."""

_EMPTY_OBJECT = b"\1{}"

Connection = psycopg.Connection[Any]


class _JsonbLoader(Loader):
    """Reads JSON as it was before it was made storable."""

    format = Format.BINARY

    def load(self, data: Buffer) -> JSON:
        """Read what comes behind the byte with the version of the format."""
        return {} if data == _EMPTY_OBJECT else json_value(str(data[1:], "utf-8"))


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Parameters of a connection; those that are left out come from libpq's environment and password file.

    Attributes
    ----------
    place : str
        What the database is called in messages: its URL, without user and password.
    """

    place: str
    _parameters: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_url(cls, url: str) -> PostgresServer:
        """Read a URL.

        Raises
        ------
        ConfigError
            It is no such URL. The message does not repeat it, as any part could be the password.
        """
        rest = url.partition("://")[2]
        authority, _, path = rest.partition("?")[0].partition("/")
        try:
            if authority.count("@") > 1 or "@" in path:  # it would be taken for a part of the host or the database
                raise psycopg.ProgrammingError
            parameters = conninfo_to_dict(f"postgresql://{rest}")
        except psycopg.Error:
            msg = (
                "db is not a URL that PostgreSQL can read: expected postgresql://user:password@host:port/database, "
                "perhaps with ?option=value, and with special characters written as %40"
            )
            raise ConfigError(msg) from None
        return cls(_place(parameters), parameters)

    @property
    def database(self) -> str | None:
        """The name of the database, if it is known before connecting."""
        return self._parameters.get("dbname") or os.environ.get("PGDATABASE")

    def connect(self) -> Connection:
        """Make a connection whose statements commit by themselves and have parameters called ``$1``.

        Statements that are run again are prepared, unless there is a pooler in between: behind one the next statement
        may run on another connection of the server.
        """
        connection = self._connect(autocommit=True, cursor_factory=psycopg.RawCursor)
        try:
            if not _is_pooled(connection):
                connection.prepare_threshold = _PREPARE_AFTER
        except BaseException:
            connection.close()
            raise
        connection.adapters.register_loader("jsonb", _JsonbLoader)
        return connection

    def connect_to(self, database: str) -> Connection:
        """Make a connection as `connect` to another database of the server."""
        return self._connect(autocommit=True, cursor_factory=psycopg.RawCursor, dbname=database)

    def connect_for_sqlalchemy(self) -> Connection:
        """Make a connection as SQLAlchemy wants it."""
        return self._connect()

    def _connect(self, **options: Any) -> Connection:
        given = {**_DEFAULTS, **self._parameters, **options}
        return psycopg.connect(prepare_threshold=None, client_encoding="UTF8", **given)


def _is_pooled(connection: Connection) -> bool:
    """Whether the one who answered at first is not the process that runs the statements.

    Poolers make up the number that a client would cancel its statements with.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is None or row[0] != connection.info.backend_pid


def _place(parameters: Mapping[str, Any]) -> str:
    database = parameters.get("dbname") or os.environ.get("PGDATABASE", "")
    host = parameters.get("host") or parameters.get("hostaddr") or os.environ.get("PGHOST", "")
    port = parameters.get("port") or os.environ.get("PGPORT", "")
    if host.startswith("/"):
        return f"postgresql:///{database}?host={host}" + (f"&port={port}" if port else "")
    return f"postgresql://{host}" + (f":{port}" if port else "") + f"/{database}"
