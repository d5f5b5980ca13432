"""Golden repos, made again in the databases they were made for."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import psycopg

from provenance.repos.sql.postgres.database import PostgresDatabase
from provenance.repos.sql.sqlite.database import SqliteDatabase

FOLDER = Path(__file__).parent.parent / "golden" / "repos"
SCHEMAS = sorted(int(path.stem.removeprefix("schema_")) for path in FOLDER.glob("schema_*.db"))


class SqlitePlace:
    """A SQLite file."""

    def __init__(self, folder, postgres):
        self.path = folder / "repo.db"
        self.arguments = {"db": str(self.path)}

    def restore(self, schema):
        """Make the golden repo of a schema."""
        shutil.copyfile(FOLDER / f"schema_{schema}.db", self.path)

    def database(self):
        return SqliteDatabase(self.path, create=True, read_only=False, durable=False)

    def shape(self):
        rows = self.database().fetch_all("SELECT name, sql FROM sqlite_master ORDER BY name")
        return {name: re.sub(r"\s+", " ", sql or "").strip() for name, sql in rows}


class PostgresPlace:
    """A schema called ``golden`` in a database of its own."""

    def __init__(self, folder, postgres):
        name = f"golden_{abs(hash(str(folder)))}"
        self.arguments = {"db": postgres.url(name), "schema": "golden"}
        self.admin = postgres.url("postgres").replace("+psycopg", "")
        self.url = postgres.url(name).replace("+psycopg", "")
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")

    def restore(self, schema):
        """Make the golden repo of a schema."""
        with psycopg.connect(self.url) as connection:
            connection.execute((FOLDER / f"schema_{schema}.sql").read_text("utf-8"))

    def database(self):
        return PostgresDatabase(self.arguments["db"], schema="golden", create=True)

    def shape(self):
        columns = (
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, column_default::text, "
            "col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position) "
            "FROM information_schema.columns WHERE table_schema = 'golden' ORDER BY 1, 2"
        )
        indexes = "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'golden' ORDER BY 1"
        constraints = (
            "SELECT conname::text, contype::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'golden'::regnamespace ORDER BY 1"
        )
        queries = (columns, indexes, constraints)
        return [self.database().fetch_all(query) for query in queries]


PLACES = {"sqlite": SqlitePlace, "postgres": PostgresPlace}
