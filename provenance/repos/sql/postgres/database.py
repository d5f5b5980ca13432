"""A PostgreSQL database: pooled connections, and advisory locks that end with their transaction.

Nothing depends on the state of a connection, so that a pooler may give each transaction another one: statements are
prepared only where there is none, and name the schema of their tables.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar, cast

import psycopg
from blake3 import blake3

from provenance.errors import RepoUnreachableError
from provenance.repos.forking import reset_at_fork
from provenance.repos.sql.database import Parameters, Row
from provenance.repos.sql.dialect import Dialect, quoted
from provenance.repos.sql.postgres.circuit import Circuit
from provenance.repos.sql.postgres.creation import check_schema_name, connect_or_create, find_schema
from provenance.repos.sql.postgres.dialect import POSTGRES
from provenance.repos.sql.postgres.errors import is_outage, unavailable
from provenance.repos.sql.postgres.pool import ConnectionPool
from provenance.repos.sql.postgres.server import Connection, PostgresServer

_T = TypeVar("_T")
_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
"""Seconds between attempts: a server that is started again has about two to be back."""
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_ALONE, _BESIDE_OTHERS = "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"


def _run(connection: Connection, sql: str, parameters: Parameters) -> psycopg.Cursor[Any]:
    return connection.cursor(binary=True).execute(sql.encode(), parameters)


def _run_together(connection: Connection, statements: Sequence[tuple[str, Parameters]]) -> list[list[Row]]:
    with connection.pipeline():
        connection.execute(_BEGIN.encode())
        cursors = [_run(connection, sql, parameters) for sql, parameters in statements]
        connection.execute(b"COMMIT")
    return [[] if cursor.description is None else cursor.fetchall() for cursor in cursors]


class _Statements:
    """Runs statements on a connection; rows come in PostgreSQL's binary format."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Parameters = (), /) -> psycopg.Cursor[Any]:
        """Run a statement."""
        return _run(self._connection, sql, parameters)

    def execute_each(self, sql: str, parameters: Sequence[Parameters], /) -> list[Row | None]:
        """Run a statement once for each of several parameters, without waiting in between."""
        if not parameters:
            return []
        cursor = self._connection.cursor(binary=True)
        cursor.executemany(sql.encode(), parameters, returning=True)
        rows: list[Row | None] = [cursor.fetchone()]
        while cursor.nextset():
            rows.append(cursor.fetchone())
        return rows

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> None:
        """Run a statement once for each of several parameters, without waiting in between."""
        self._connection.cursor().executemany(sql.encode(), parameters)


class PostgresDatabase:
    """An open PostgreSQL database.

    Parameters
    ----------
    url : str
        Its URL.
    schema : str, optional
        The schema of the tables; the connection's own unless given.
    create : bool
        Whether the database and the schema are made where they are missing.

    Raises
    ------
    ConfigError
        The URL or the schema's name cannot be right.
    RepoUnavailableError
        The database cannot be reached or opened, or is missing.
    """

    def __init__(self, url: str, *, schema: str | None, create: bool) -> None:
        check_schema_name(schema)
        self._server = PostgresServer.from_url(url)
        self._circuit = Circuit(self._server.connect)
        self._pool = ConnectionPool(self._circuit.connect)
        self._inherited: list[object] = []
        self._local = threading.local()
        with self._translated():
            connection = connect_or_create(self._server) if create else self._server.connect()
            with connection:
                found = find_schema(connection, self.place, schema, create=create)
        self._dialect = POSTGRES._replace(schema=found)
        digest = blake3(f"provenance\0{found}".encode()).digest(16)
        self._lock = int.from_bytes(digest[:8], "big", signed=True)
        self._many_lock = int.from_bytes(digest[8:], "big", signed=True)
        reset_at_fork(self)

    @property
    def dialect(self) -> Dialect:
        """How statements are written for it."""
        return self._dialect

    @property
    def place(self) -> str:
        """The URL of the database, without user and password."""
        return self._server.place

    def reset_after_fork(self) -> None:
        """Leave the parent's connections alone: a child may neither use nor close them."""
        self._inherited += [self._pool, self._local]
        self._pool = ConnectionPool(self._circuit.connect)
        self._local = threading.local()

    # ---- statements

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as exc:
            raise unavailable(self.place, exc) from exc

    def _started(self, start: Callable[[Connection], _T]) -> tuple[ConnectionPool, Connection, _T]:
        """Take a connection and do something on it, again on a new one if it turns out to be lost."""
        pauses = iter(() if self._circuit.is_down else _PAUSES)
        while True:
            pool, connection = self._pool, None
            try:
                connection = pool.take()
                return pool, connection, start(connection)
            except BaseException as exc:
                if connection is not None:
                    pool.give(connection)
                if not is_outage(exc) or not (connection is None or connection.closed):
                    raise
                pause = next(pauses, None)
                if pause is None:
                    self._circuit.is_down = connection is None
                    raise
            pool.close_idle()  # the server was probably restarted, so they are lost too
            time.sleep(pause)

    def _fetched(self, fetch: Callable[[Connection], _T]) -> _T:
        with self._translated():
            writing: Connection | None = getattr(self._local, "connection", None)
            if writing is not None:
                return fetch(writing)
            pool, connection, found = self._started(fetch)
            pool.give(connection)
            return found

    def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row, outside of any transaction unless this thread is in one."""
        return self._fetched(lambda connection: cast("Row | None", _run(connection, sql, parameters).fetchone()))

    def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows, outside of any transaction unless this thread is in one."""
        return self._fetched(lambda connection: cast("list[Row]", _run(connection, sql, parameters).fetchall()))

    @contextmanager
    def _transaction(self, *locks: str) -> Iterator[_Statements]:
        # All in one message, so that a transaction costs two round trips besides its statements.
        begin = "; SELECT ".join((_BEGIN, *locks)).encode()
        with self._translated():
            pool, connection, _ = self._started(lambda connection: connection.execute(begin))
            self._local.connection = connection
            try:
                yield _Statements(connection)
                connection.execute("COMMIT")
            finally:
                self._local.connection = None
                pool.give(connection)

    @contextmanager
    def writing(self) -> Iterator[_Statements]:
        """A transaction beside which no other one writes the tables."""
        with self._transaction(f"{_ALONE}({self._lock})") as statements:
            yield statements

    @contextmanager
    def adding(self) -> Iterator[_Statements]:
        """A transaction beside which others may add rows."""
        with self._transaction(f"{_BESIDE_OTHERS}({self._lock})") as statements:
            yield statements

    @contextmanager
    def adding_many(self) -> Iterator[_Statements]:
        """A transaction beside which others may add rows, but none several artifacts."""
        with self._transaction(f"{_BESIDE_OTHERS}({self._lock})", f"{_ALONE}({self._many_lock})") as statements:
            yield statements

    def at_once(self, statements: Sequence[tuple[str, Parameters]]) -> list[list[Row]]:
        """Run statements as one transaction, in one round trip; the rows that each gave."""
        return self._fetched(partial(_run_together, statements=statements))

    def until_rows(self, statements: Sequence[tuple[str, Parameters]]) -> list[list[Row]]:
        """The same as `at_once`: to wait for the rows of one would cost a round trip."""
        return self.at_once(statements)

    def repeated(self, act: Callable[[], _T]) -> _T:
        """Do what may be done twice, and do it again if the connection is lost before it is known to be done."""
        for pause in _PAUSES:
            try:
                return act()
            except RepoUnreachableError:
                if self._circuit.is_down:  # which was tried again before
                    raise
            time.sleep(pause)
        return act()

    def table_names(self) -> set[str]:
        """Names of the tables in the schema."""
        query = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = $1"
        return {row[0] for row in self.fetch_all(query, (self._dialect.schema,))}

    def upgrade(self) -> None:
        """Bring older tables to the present version."""
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415  comes with Alembic

        from provenance.repos.sql.migrations.run import upgrade_postgres  # noqa: PLC0415  imports Alembic: 650 ms

        schema = quoted(str(self._dialect.schema))
        try:
            upgrade_postgres(self._server.connect_for_sqlalchemy, schema, self._lock)
        except DBAPIError as exc:
            raise unavailable(self.place, exc.orig or exc) from exc

    def close(self) -> None:
        """Close every connection; they are opened again when needed."""
        pool, self._pool = self._pool, ConnectionPool(self._circuit.connect)
        pool.close()
