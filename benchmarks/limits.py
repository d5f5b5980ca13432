"""What SQLite alone needs for a hit and a miss: their statements on the same tables, run by `sqlite3`."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from provenance.repos.sql.records import COLUMNS
from provenance.repos.sql.sqlite.database import SqliteDatabase
from provenance.repos.sql.statements.texts import statements

_CHECKSUM_BYTES = 16
_HOLDER, _LATER = "host:1:00000000:1", "+60.000 seconds"
_RECIPE = COLUMNS.index("recipe")


class Limit:
    """Runs what a hit and a miss run, and nothing else.

    Parameters
    ----------
    path : Path
        A database of a repo, in which one artifact with a small value is stored.
    """

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, create=False, read_only=False, durable=False)
        self._execute = self._database._connection().execute  # noqa: SLF001  set as it is for a repo
        stored = self._execute(f"SELECT {', '.join(COLUMNS)} FROM artifacts").fetchone()  # noqa: S608
        self._key = stored[0]
        self._around_recipe = stored[1:_RECIPE], stored[_RECIPE + 1 :]
        groups = ("ReadStatements", "LeaseStatements", "WriteStatements", "RecipeStatements")
        self._read, self._lease, self._write, self._recipe = (
            statements(group, self._database.dialect) for group in groups
        )

    def hit(self) -> object:
        """Look the stored value up by its key, and read it."""
        [sealed] = self._execute("SELECT value_inline FROM artifacts WHERE id = ?", (self._key,)).fetchone()
        return pickle.loads(sealed[_CHECKSUM_BYTES:])  # noqa: S301  written by this process

    def miss(self) -> object:
        """Look a new key up, take its lease in one transaction, and end it and store the row in another."""
        execute, (before, after) = self._execute, self._around_recipe
        key, recipe = os.urandom(32).hex(), os.urandom(32).hex()
        execute(self._read.record, (key,)).fetchone()
        execute("BEGIN IMMEDIATE")
        [[fence]] = execute(self._lease.begin, (key, _HOLDER, _LATER, key)).fetchall()
        execute("COMMIT")
        execute("BEGIN IMMEDIATE")
        execute(self._lease.end, (key, _HOLDER, fence)).fetchone()
        stored: object = execute(self._write.insert_artifact, (key, *before, recipe, *after)).fetchone()
        execute(self._recipe.put, (recipe, key))
        execute("COMMIT")
        return stored
