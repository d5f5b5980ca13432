"""What tells one database from all others, whatever address it is reached at."""

from __future__ import annotations

import secrets

from provenance.repos.sql.database import Database

_BITS = 62  # of a number that fits the column


def identity_of(database: Database, *, may_write: bool) -> str | None:
    """The identity that is kept in a database, drawn by the first who asks and may write; None if there is none.

    A copy of a database has the identity of the original.
    """
    meta = database.dialect.table("meta")
    look_up = f"SELECT value FROM {meta} WHERE key = 'identity'"  # noqa: S608  the name is quoted
    row = database.fetch_one(look_up)
    if row is None and may_write:
        drawn = secrets.randbits(_BITS)
        insert = f"INSERT INTO {meta} (key, value) VALUES ('identity', {drawn}) ON CONFLICT (key) DO NOTHING"  # noqa: S608
        with database.adding() as transaction:
            transaction.execute(insert)
        row = database.fetch_one(look_up)
    return None if row is None else f"{row[0]:016x}"
