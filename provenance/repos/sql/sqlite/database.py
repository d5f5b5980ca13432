"""A SQLite file: one connection for each thread, and one writer at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar, cast

from provenance._util.access import PRIVATE, Access
from provenance.repos.forking import reset_at_fork
from provenance.repos.sql.database import Parameters, Row
from provenance.repos.sql.dialect import Dialect
from provenance.repos.sql.sqlite.dialect import SQLITE
from provenance.repos.sql.sqlite.errors import unavailable
from provenance.repos.sql.sqlite.file import make_file

_T = TypeVar("_T")
_BUSY_SECONDS = 30.0
_UPGRADE_SECONDS = 600.0
_RETRY_SECONDS = 0.01
_STATEMENTS = 256
# Storing an artifact changes twenty pages, of most of them a few bytes, and each is written, checked and synced as a
# whole: see docs/design/0074. A file keeps the size that it was made with.
_PAGE_BYTES = 2048
# Each time so many pages have been written, the disk is synced once.
_CHECKPOINT_PAGES = 8000


class _Connection(sqlite3.Connection):
    """Closes itself when it is collected together with what holds it; one inherited over a fork stays as it is."""

    owner = 0
    """Id of the process that opened it."""

    def execute_each(self, sql: str, parameters: Sequence[Parameters], /) -> list[Row | None]:
        """Run a statement once for each of several parameters; the first row that each gave, if it gave one."""
        return [self.execute(sql, one).fetchone() for one in parameters]

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        # The function is bound here, as modules are emptied before what is left is collected at exit.
        if self.owner == getpid():
            self.close()


class _Held:
    """A thread's connection, closed when the thread ends."""

    __slots__ = ("_all", "_pid", "connection")

    def __init__(self, connection: sqlite3.Connection, everyone: set[sqlite3.Connection]) -> None:
        self.connection = connection
        self._all = everyone
        self._pid = os.getpid()
        everyone.add(connection)

    def __del__(self, getpid: Callable[[], int] = os.getpid) -> None:
        if self._pid == getpid():
            self._all.discard(self.connection)
            self.connection.close()


class _Writing:
    """A transaction that writes, in a ``with`` block; a class, as a generator takes three times as long."""

    __slots__ = ("_connection", "_lock", "_path")

    def __init__(self, connection: _Connection, lock: threading.Lock, path: Path) -> None:
        self._connection = connection
        self._lock = lock
        self._path = path

    def __enter__(self) -> _Connection:
        # Threads wait here, in turn, instead of polling for the file's lock.
        self._lock.acquire()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException as exc:
            self._lock.release()
            self._translate(exc)
            raise
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            try:
                if error is None:
                    self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except sqlite3.Error as exc:
            self._translate(exc)
        finally:
            self._lock.release()
        self._translate(error)

    def _translate(self, error: BaseException | None) -> None:
        if isinstance(error, sqlite3.Error):
            raise unavailable(self._path, error) from error


class SqliteDatabase:
    """An open SQLite file in WAL mode.

    Parameters
    ----------
    path : Path
        The file.
    create : bool
        Whether the file, and its folder, are made where they are missing.
    read_only : bool
        Whether the file is opened for reading only.
    durable : bool
        Whether what is committed survives a power failure, which costs a sync of the disk each time.
    access : Access
        Who may use the file and its folder.

    Raises
    ------
    RepoUnavailableError
        The file is missing, cannot be opened, or is no SQLite database.
    ConfigError
        The file is to be shared by a group, and lies in a folder that is not.
    """

    def __init__(self, path: Path, *, create: bool, read_only: bool, durable: bool, access: Access = PRIVATE) -> None:
        self._path = path
        self._read_only = read_only
        self._synchronous = "FULL" if durable else "NORMAL"
        self.reset_after_fork()
        if create:
            make_file(path, access)
        mode = "ro" if read_only else "rwc" if create else "rw"
        self._hold(self._connect(mode))  # the last connection that is closed writes the log back: 4 ms
        reset_at_fork(self)

    @property
    def dialect(self) -> Dialect:
        """How statements are written for it."""
        return SQLITE

    @property
    def place(self) -> str:
        """The path of the file."""
        return str(self._path)

    # ---- connections

    def reset_after_fork(self) -> None:
        """Leave the parent's connections alone.

        A child may neither use nor close them: SQLite would drop locks that the parent relies on.
        """
        inherited = getattr(self, "_connections", ())
        if inherited:
            import ctypes  # noqa: PLC0415  only in forked children

            for connection in inherited:
                # One reference too many, so that they are not closed when the child ends either.
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self._connections: set[sqlite3.Connection] = set()
        self._local = threading.local()
        self._write_lock = threading.Lock()

    def _connection(self) -> _Connection:
        try:
            return cast("_Connection", self._local.held.connection)
        except AttributeError:
            return self._hold(self._connect("ro" if self._read_only else "rw"))

    def _hold(self, connection: _Connection) -> _Connection:
        """Keep the connection for this thread."""
        self._local.held = _Held(connection, self._connections)
        return connection

    def _connect(self, mode: str) -> _Connection:
        connection: _Connection | None = None
        try:
            connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode={mode}",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=_STATEMENTS,
                factory=_Connection,
            )
            connection.owner = os.getpid()
            if not self._read_only:
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a file that is empty still
                self._use_wal(connection)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as exc:
            if connection is not None:
                connection.close()
            raise unavailable(self._path, exc) from exc
        return connection

    @staticmethod
    def _use_wal(connection: sqlite3.Connection) -> None:
        """Switch to WAL, which SQLite refuses at once, without waiting, while another process does the same."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as exc:
                if "locked" not in str(exc) or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return  # where the file system cannot do it, the mode stays as it was

    # ---- statements

    def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row, outside of any transaction."""
        try:
            return cast("Row | None", self._connection().execute(sql, parameters).fetchone())
        except sqlite3.Error as exc:
            raise unavailable(self._path, exc) from exc

    def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows, outside of any transaction."""
        try:
            return self._connection().execute(sql, parameters).fetchall()
        except sqlite3.Error as exc:
            raise unavailable(self._path, exc) from exc

    def writing(self) -> AbstractContextManager[_Connection]:
        """A transaction that holds the only write lock from its start, so that it never has to give up."""
        return _Writing(self._connection(), self._write_lock, self._path)

    def adding(self) -> AbstractContextManager[_Connection]:
        """The same as `writing`: the file has one writer at a time."""
        return self.writing()

    def adding_many(self) -> AbstractContextManager[_Connection]:
        """The same as `writing`."""
        return self.writing()

    def at_once(self, statements: Sequence[tuple[str, Parameters]]) -> list[list[Row]]:
        """Run statements as one transaction; the rows that each gave."""
        with self.writing() as connection:
            return [connection.execute(sql, parameters).fetchall() for sql, parameters in statements]

    def until_rows(self, statements: Sequence[tuple[str, Parameters]]) -> list[list[Row]]:
        """The same as `at_once`, but none is run after one that gave rows."""
        given: list[list[Row]] = []
        with self.writing() as connection:
            for sql, parameters in statements:
                given.append([] if any(given) else connection.execute(sql, parameters).fetchall())
        return given

    def repeated(self, act: Callable[[], _T]) -> _T:
        """Do something once: there is no connection to lose."""
        return act()

    def table_names(self) -> set[str]:
        """Names of the tables in the file."""
        return {row[0] for row in self.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def upgrade(self) -> None:
        """Bring older tables to the present version."""
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415  comes with Alembic

        from provenance.repos.sql.migrations.run import upgrade_sqlite  # noqa: PLC0415  imports Alembic: 650 ms

        def connect() -> sqlite3.Connection:
            connection = self._connect("rw")
            # Another process may be upgrading a large file.
            connection.execute(f"PRAGMA busy_timeout = {1000 * _UPGRADE_SECONDS:.0f}")
            return connection

        try:
            upgrade_sqlite(connect)
        except DBAPIError as exc:
            raise unavailable(self._path, exc.orig or exc) from exc

    def close(self) -> None:
        """Close the connections of all threads; they are opened again when needed."""
        self._local = threading.local()  # what the old one held for each thread is closed with it
