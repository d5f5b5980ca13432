"""What a PostgreSQL database keeps comes back as it was, is found by indexes, and is migrated."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.blobstores import MemoryStore
from provenance.errors import RepoUnavailableError, SchemaVersionError
from provenance.repos.json_fields import dump_json
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.opening import prepare
from provenance.repos.sql.postgres.database import PostgresDatabase
from provenance.repos.sql.schema import metadata
from provenance.repos.sql.versions import SCHEMA_VERSION
from provenance.testing.drafts import a_draft, an_id

NUMBERS = st.one_of(st.integers(-(10**40), 10**40), st.floats(allow_nan=False, allow_infinity=False))
TEXTS = st.text(st.characters(codec=None)) | st.sampled_from(
    ["\0", "\ud800", "\ufffe", "\ufffe-0.0", '"\\u0000"', "-0.0"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def database(postgres):
    opened = PostgresDatabase(postgres.url("rows"), schema="rows", create=True)
    prepare(opened, create=True, read_only=False)
    return opened


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_json_comes_back_as_it_was(database, value):
    stored = database.dialect.json_parameter(dump_json(value))
    [[found]] = database.fetch_all("SELECT $1::jsonb", (stored,))
    assert dump_json(database.dialect.json_value(found)) == dump_json(value)


def test_large_numbers_and_negative_zero_keep_their_type(database):
    values = [1e16, 1e22, 1.5e300, -1e100, 1e-7, 5e-324, -0.0, 10**30, 1, 1.0]
    [[found]] = database.fetch_all("SELECT $1::jsonb", (database.dialect.json_parameter(json.dumps(values)),))
    assert [*map(repr, found)] == [*map(repr, values)]
    assert math.copysign(1, found[6]) == -1


def test_json_is_searched_by_index(database):
    repo = repo_in(database)
    repo.save(a_draft(1, custom_fields={"large": 1e22, "tags": ["a"]}))
    searched = [("artifacts", "custom_fields"), ("artifacts", "inputs_json"), ("set_labels", "labels")]
    for table, column in searched:
        with database.writing() as transaction:
            transaction.execute("SET LOCAL enable_seqscan = off")
            query = f"SELECT sequence FROM {database.dialect.table(table)} WHERE {column} @> $1::jsonb"
            plan = transaction.execute(f"EXPLAIN {query}", ('{"tags": ["a"]}',)).fetchall()
            assert any(f"ix_{table}_{column}" in line for [line] in plan), plan
    query = f"SELECT id FROM {database.dialect.table('artifacts')} WHERE custom_fields @> $1::jsonb"
    for wanted in ('{"large": 1e22}', '{"tags": ["a"]}'):
        assert database.fetch_all(query, (wanted,)) == [(an_id(1),)]


def repo_in(database):
    from provenance.repos.single import SingleRepo
    from provenance.repos.sql.rows.artifacts import SqlRows

    return SingleRepo(SqlRows(database, None), MemoryStore(), "rows")


# ---- migrations


def shape(database):
    """Everything that the catalogue says about the tables in a schema."""
    schema = database.dialect.schema
    columns = (
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, "
        "col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position) "
        "FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1, 2"
    )
    indexes = (
        "SELECT indexname::text, replace(indexdef, $1 || '.', '') FROM pg_indexes WHERE schemaname = $1 ORDER BY 1"
    )
    constraints = (
        "SELECT conname::text, contype::text, replace(pg_get_constraintdef(oid), $1 || '.', '') FROM pg_constraint "
        "WHERE connamespace = $1::regnamespace ORDER BY 1"
    )
    return [database.fetch_all(query, (schema,)) for query in (columns, indexes, constraints)]


def opened(postgres, schema):
    return PostgresDatabase(postgres.url("migrations"), schema=schema, create=True)


def versions(database):
    return dict(database.fetch_all(f"SELECT key, value FROM {database.dialect.table('meta')}"))


def test_migrations_lead_to_the_tables_that_new_databases_get(postgres):
    migrated, made = opened(postgres, "migrated"), opened(postgres, "made")
    migrated.upgrade()
    assert prepare(made, create=True, read_only=False) is None
    assert shape(migrated) == shape(made)
    assert len(shape(made)[1]) > 20
    assert versions(migrated) == versions(made)


def test_migrations_and_metadata_agree(postgres):
    import sqlalchemy as sa
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database = PostgresDatabase(postgres.url("compared"), schema=None, create=True)
    database.upgrade()
    engine = sa.create_engine(postgres.url("compared"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = [(change, what.name) for change, what, *_ in compare_metadata(context, metadata)]
    engine.dispose()
    indexes = ["ix_artifacts_custom_fields", "ix_artifacts_inputs_json", "ix_set_labels_labels"]
    assert sorted(differences) == [("remove_index", name) for name in indexes]


def test_upgrades_at_once_come_one_after_the_other(postgres):
    databases = [opened(postgres, "at_once") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(PostgresDatabase.upgrade, databases))
    assert versions(databases[0])["schema_version"] == SCHEMA_VERSION


def test_an_upgrade_waits_for_who_writes(postgres):
    one, two = opened(postgres, "waiting"), opened(postgres, "waiting")
    with ThreadPoolExecutor(1) as pool:
        with one.adding():
            upgraded = pool.submit(two.upgrade)
            with pytest.raises(TimeoutError):
                upgraded.result(0.5)
            assert two.table_names() == set()
        upgraded.result()
    assert "meta" in one.table_names()


def test_older_and_newer_databases(postgres):
    def change(value, keys):
        with database.writing() as transaction:
            transaction.execute(f"UPDATE {database.dialect.table('meta')} SET value = {value} WHERE key IN ({keys})")

    def reopened(**options):
        return SqlRepo(postgres.url("migrations"), MemoryStore(), schema="versions", **options)

    reopened().save(a_draft(1, 5))
    database = opened(postgres, "versions")
    change(0, "'schema_version'")
    with pytest.raises(SchemaVersionError, match="open it once with write: true"):
        reopened(write=False)
    assert reopened().get_value(an_id(1)) == 5
    assert versions(database)["schema_version"] == SCHEMA_VERSION
    change(7, "'schema_version', 'min_writer'")
    newer = reopened()
    assert newer.get_value(an_id(1)) == 5
    for write in (lambda: newer.save(a_draft(2)), lambda: newer.delete(an_id(1))):
        with pytest.raises(SchemaVersionError, match="to write it"):
            write()
    change(7, "'min_reader'")
    with pytest.raises(SchemaVersionError, match="to read it"):
        reopened()


def test_an_upgrade_that_cannot_be_made_is_an_error(postgres):
    database = opened(postgres, "occupied")
    with database.writing() as transaction:
        transaction.execute("CREATE TABLE occupied.artifacts (x INTEGER)")
    with pytest.raises(RepoUnavailableError, match="already exists"):
        database.upgrade()
