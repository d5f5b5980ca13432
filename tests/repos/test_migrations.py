"""Databases of every schema are opened: older ones are upgraded, newer ones read where that is possible."""

from __future__ import annotations

import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from provenance.blobstores import MemoryStore
from provenance.errors import RepoUnavailableError, SchemaVersionError
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.opening import prepare
from provenance.repos.sql.schema import metadata
from provenance.repos.sql.sqlite.database import SqliteDatabase
from provenance.repos.sql.versions import SCHEMA_VERSION
from provenance.testing.drafts import a_draft, an_id


def database(path):
    return SqliteDatabase(path, create=True, read_only=False, durable=False)


def schema(opened):
    rows = opened.fetch_all("SELECT name, sql FROM sqlite_master")
    return {name: re.sub(r"\s+", " ", sql or "").strip() for name, sql in rows}


def versions(path):
    connection = sqlite3.connect(path)
    found = dict(connection.execute("SELECT key, value FROM meta"))
    connection.close()
    return found


def change(path, sql):
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()


@pytest.fixture
def path(tmp_path):
    """A database of the present schema, with one artifact."""
    path = tmp_path / "repo.db"
    repo = SqlRepo(path, MemoryStore())
    repo.save(a_draft(1, 5))
    repo.close()
    return path


def test_migrations_lead_to_the_tables_that_new_databases_get(tmp_path):
    migrated, made = database(tmp_path / "a.db"), database(tmp_path / "b.db")
    migrated.upgrade()
    assert prepare(made, create=True, read_only=False) is None
    assert schema(migrated) == schema(made)
    assert versions(tmp_path / "a.db") == versions(tmp_path / "b.db")
    query = "SELECT version_num FROM alembic_version"
    assert migrated.fetch_all(query) == made.fetch_all(query) == [(f"{SCHEMA_VERSION:04}",)]


def test_migrations_and_metadata_agree(tmp_path):
    import sqlalchemy as sa
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database(tmp_path / "a.db").upgrade()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_an_older_database_is_upgraded_when_it_is_opened(path):
    change(path, "UPDATE meta SET value = 0 WHERE key = 'schema_version'")
    repo = SqlRepo(path, MemoryStore())
    assert versions(path)["schema_version"] == SCHEMA_VERSION
    assert repo.get_value(an_id(1)) == 5


def test_an_older_database_that_may_not_be_written_is_refused(path):
    change(path, "UPDATE meta SET value = 0 WHERE key = 'schema_version'")
    with pytest.raises(
        SchemaVersionError, match=rf"schema 0, .* needs {SCHEMA_VERSION}: open it once with write: true"
    ):
        SqlRepo(path, MemoryStore(), write=False)
    assert versions(path)["schema_version"] == 0


def test_upgrades_at_once_come_one_after_the_other(tmp_path):
    barrier = threading.Barrier(4)

    def upgrade(_):
        barrier.wait()
        database(tmp_path / "a.db").upgrade()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, range(4)))
    assert versions(tmp_path / "a.db")["schema_version"] == SCHEMA_VERSION


def test_an_upgrade_that_cannot_be_made_is_an_error(path, monkeypatch):
    monkeypatch.setattr("provenance.repos.sql.sqlite.database._BUSY_SECONDS", 0.05)
    monkeypatch.setattr("provenance.repos.sql.sqlite.database._UPGRADE_SECONDS", 0.05)
    change(path, "UPDATE meta SET value = 0 WHERE key = 'schema_version'")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RepoUnavailableError, match="another process keeps it locked"):
        SqlRepo(path, MemoryStore())
    other.close()
    assert SqlRepo(path, MemoryStore()).get_value(an_id(1)) == 5


def test_a_newer_database_is_read_if_it_says_that_this_is_possible(path):
    change(path, "UPDATE meta SET value = 7 WHERE key IN ('schema_version', 'min_writer')")
    change(path, "INSERT INTO meta VALUES ('something new', 1)")
    repo = SqlRepo(path, MemoryStore())
    assert repo.get_value(an_id(1)) == 5
    for write in (lambda: repo.save(a_draft(2)), lambda: repo.delete(an_id(1)), lambda: repo.delete_set(an_id(1))):
        with pytest.raises(
            SchemaVersionError, match=rf"schema 7, .* to write it, .* schema {SCHEMA_VERSION}: install a newer"
        ):
            write()
    assert set(repo.find_records([an_id(1), an_id(2)])) == {an_id(1)}


def test_a_newer_database_is_refused_if_it_cannot_be_read(path):
    change(path, "UPDATE meta SET value = 7")
    with pytest.raises(
        SchemaVersionError, match=rf"schema 7, .* to read it, .* schema {SCHEMA_VERSION}: install a newer"
    ):
        SqlRepo(path, MemoryStore())


@pytest.mark.parametrize(
    "table",
    ["meta (key TEXT, value INTEGER)", "artifacts (x INTEGER)", "runs (id TEXT)"],
    ids=lambda table: table.split()[0],
)
def test_a_database_of_something_else_is_left_alone(tmp_path, table):
    change(tmp_path / "other.db", f"CREATE TABLE {table}")
    with pytest.raises(RepoUnavailableError, match=r"other\.db has tables of something else"):
        SqlRepo(tmp_path / "other.db", MemoryStore())
    assert set(schema(database(tmp_path / "other.db"))) == {table.split()[0]}
