"""The repo in a SQL database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from provenance.errors import ConfigError
from provenance.repos.options import RepoOptions
from provenance.repos.single import SingleRepo
from provenance.repos.sql.opening import prepare
from provenance.repos.sql.rows import SqlRows
from provenance.repos.sql.sqlite_database import SqliteDatabase
from provenance.types import BlobStore


class SqlRepo(SingleRepo):
    """Keep artifacts in a SQLite file, for all threads and processes of one host.

    Parameters
    ----------
    db : path or URL
        The file, or ``sqlite:///relative/path`` or ``sqlite:////absolute/path``.
    store : BlobStore
        Where values and inputs lie that are too large for a row. It should belong to this repo alone.
    name : str, optional
        What the repo is called in the configuration and in messages; the path unless given.
    create_db : bool
        Whether a database that is missing is made, with its folder.
    schema : str, optional
        The schema of the tables, in databases that have schemas; SQLite has none.
    durable : bool
        Whether what is recorded survives a power failure, which costs a sync of the disk for each artifact. What
        is recorded always survives the end of the process.
    grace_seconds : float
        How long bytes stay when nothing refers to them any more. They are removed by the first `delete` after that.
    **options
        See `provenance.repos.base.BaseRepo`.

    Raises
    ------
    ConfigError
        `db` is no path and no URL of a database this library knows.
    RepoUnavailableError
        The database cannot be opened or made; the message names the path, the cause and what to do.
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
        durable: bool = False,
        grace_seconds: float = 0.0,
        **options: Unpack[RepoOptions],
    ) -> None:
        path = sqlite_path(db)
        if schema is not None:
            msg = f"schema {schema!r} was given for the SQLite database {path}, which has no schemas: leave it out"
            raise ConfigError(msg)
        may_write = options.get("write", True)
        read_only = not (may_write or options.get("delete", True))
        database = SqliteDatabase(path, create=create_db and may_write, read_only=read_only, durable=durable)
        try:
            refusal = prepare(database, create=create_db, read_only=not may_write)
        except BaseException:
            database.close()
            raise
        rows = SqlRows(database, refusal)
        super().__init__(rows, store, str(path) if name is None else name, grace_seconds=grace_seconds, **options)


def sqlite_path(db: str | os.PathLike[str]) -> Path:
    """The absolute path of a SQLite file, given as a path or as a URL."""
    text = os.fspath(db)
    if "://" in text:
        try:
            url = make_url(text)
        except ArgumentError:
            url = None
        if url is None or url.get_backend_name() != "sqlite":
            shown = repr(text) if url is None else url.render_as_string(hide_password=True)
            msg = f"db {shown} is not the URL of a database this library knows: expected a path or sqlite:///path"
            raise ConfigError(msg)
        text = url.database or ""
    if text in ("", ":memory:"):
        msg = f"db {os.fspath(db)!r} names no file; use a repo of type memory to keep artifacts in memory"
        raise ConfigError(msg)
    return Path(text).expanduser().absolute()
