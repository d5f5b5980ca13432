"""What is said when SQLite cannot do what it is asked."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from provenance.errors import RepoUnavailableError, RepoUnreachableError

_REMEDIES = {
    sqlite3.SQLITE_CANTOPEN: "check that the folder is there and that this process may read and write in it; "
    "create_db: true makes a new database",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database: move it away, or give another path",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore it from a copy, or move it away and start anew",
    sqlite3.SQLITE_READONLY: "give this process the right to write the file and its folder, or set write: false",
    sqlite3.SQLITE_FULL: "free some space on the disk",
    sqlite3.SQLITE_BUSY: "another process keeps it locked: end that process, or wait for it",
    sqlite3.SQLITE_IOERR: "check the disk; keep SQLite files off network file systems",
}
_OUTAGES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR})
_PRIMARY = 0xFF


def unavailable(path: Path, cause: BaseException) -> RepoUnavailableError:
    """The error for an operation that the database at `path` refused."""
    code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY  # errors of the driver itself have none
    remedy = _REMEDIES.get(code, "check the file, then run again")
    kind = RepoUnreachableError if code in _OUTAGES else RepoUnavailableError
    return kind(f"the database {path} cannot be used: {type(cause).__name__}: {cause}; {remedy}")
