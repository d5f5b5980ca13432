"""Bring the tables of a database to the present version, with Alembic."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from provenance.repos.sql.creation import stamping

if TYPE_CHECKING:
    from psycopg import Connection

_lock = threading.Lock()  # Alembic keeps the migration it is running in a global


def upgrade_sqlite(connect: Callable[[], sqlite3.Connection]) -> None:
    """Upgrade a SQLite file; processes that try it at once do so one after the other."""
    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        # Tables are copied when a column changes, and what refers to them must not be deleted meanwhile.
        connection.execute("PRAGMA foreign_keys = OFF")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    upgrade(engine)


def upgrade_postgres(connect: Callable[[], Connection], schema: str, lock: int) -> None:
    """Upgrade the tables in a schema of a PostgreSQL database.

    Parameters
    ----------
    connect : callable
        Makes a connection without autocommit.
    schema : str
        The schema, as it is written in statements.
    lock : int
        The advisory lock that lets processes which try it at once do so one after the other.
    """
    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.NullPool)
    prepared = sa.text("SELECT set_config('search_path', :schema, true), pg_advisory_xact_lock(:lock)")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.execute(prepared, {"schema": schema, "lock": lock})

    upgrade(engine)


def upgrade(engine: sa.Engine) -> None:
    """Run the migrations that are missing, and record the versions, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with _lock, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        for statement in stamping("meta"):
            connection.exec_driver_sql(statement)
