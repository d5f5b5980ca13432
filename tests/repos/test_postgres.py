"""A PostgreSQL database is shared by hosts, and says what is wrong when it cannot be used."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from blake3 import blake3

import provenance as p
from provenance.blobstores import DiskStore
from provenance.errors import ConfigError, RepoUnavailableError
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.postgres.pool import MOST_CONNECTIONS
from provenance.repos.sql.postgres.server import PostgresServer
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, a_draft, a_recipe, an_id, edge_to
from provenance.testing.repos import RepoContract
from tests.repos.together import run_together
from tests.servers.postgres import PASSWORD

ROOT = Path(__file__).parents[2]


def open_repo(server, place, name="postgres", **options):
    """A repo with a schema of its own, named after a folder."""
    schema = f"t{blake3(f'{place}/{name}'.encode()).hexdigest(16)}"
    store = DiskStore(place / f"{name}-blobs")
    return SqlRepo(server.url(), store, name=name, **{"schema": schema, **options})


class TestPostgresRepo(RepoContract):
    @pytest.fixture(autouse=True)
    def on_server(self, each_postgres):
        self.server = each_postgres

    def make_repo(self, place, name="postgres", **options):
        return open_repo(self.server, place, name, **options)


# ---- threads and processes


def count(repo, table):
    return repo._rows._database.fetch_one(f"SELECT count(*) FROM {repo._rows._dialect.table(table)}")[0]


PROCESS = """
import os
import sys
from pathlib import Path
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, a_draft, a_recipe, an_id, edge_to

url, place, steps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
sys.stdin.readline()
repo = SqlRepo(url, DiskStore(place / "blobs"), schema="shared")
for step in range(steps):
    seed = step % 25
    record = repo.save(a_draft(seed, LARGE + str(seed), edges=(edge_to(seed + 1),), recipe=a_recipe(seed)))
    assert repo.load_value(record) == LARGE + str(seed)
    assert repo.find_recipes([a_recipe(seed)]) == {a_recipe(seed): record}
    repo.add_recipes({a_recipe((seed, other)): record.id for other in {"a", "b", "c"}})
    own = an_id((os.getpid(), step))
    repo.save(a_draft((os.getpid(), step), LARGE))
    if step % 5 == 0:
        repo.delete(own)
"""


def test_processes_that_start_at_once_share_a_new_database(postgres, tmp_path):
    """They race for making the database, the schema, the tables and each artifact."""
    url = postgres.url("made_by_processes", options="-cdefault_transaction_isolation%3Dserializable")
    run = [sys.executable, "-c", PROCESS, url, tmp_path, "50"]
    run_together([run] * 4, timeout=100)
    repo = SqlRepo(url, DiskStore(tmp_path / "blobs"), schema="shared")
    counts = [count(repo, table) for table in ("artifacts", "artifact_inputs", "recipes", "runs")]
    assert counts == [25 + 4 * 40, 25, 100, 1]
    for seed in range(25):
        assert repo.get_value(an_id(seed)) == LARGE + str(seed)


def test_whoever_comes_second_finds_the_database_of_the_first(postgres, tmp_path, monkeypatch):
    asked = []

    def connect_to(server, database):
        """Runs after the database was found to be missing."""
        if not asked:
            asked.append(database)
            SqlRepo(postgres.url("raced"), DiskStore(tmp_path)).save(a_draft(1))
        return original(server, database)

    original = PostgresServer.connect_to
    monkeypatch.setattr(PostgresServer, "connect_to", connect_to)
    repo = SqlRepo(postgres.url("raced"), DiskStore(tmp_path))
    assert asked == ["postgres"]
    assert an_id(1) in repo


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    repo.save(a_draft(1, LARGE))
    [[backend]] = repo._rows._database.fetch_all("SELECT pg_backend_pid()")

    def child():
        assert repo._rows._database.fetch_all("SELECT pg_backend_pid()") != [(backend,)]
        repo.save(a_draft(2, LARGE))
        assert repo.get_value(an_id(1)) == LARGE

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    assert repo._rows._database.fetch_all("SELECT pg_backend_pid()") == [(backend,)]
    assert repo.get_value(an_id(2)) == LARGE


def test_threads_share_few_connections(postgres, tmp_path):
    own = SqlRepo(postgres.url(application_name=tmp_path.name), DiskStore(tmp_path), schema="threads")
    counted = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{tmp_path.name}'"

    def work(seed):
        record = own.save(a_draft(seed % 20, [seed % 20], edges=(edge_to(seed),)))
        assert own.load_value(record) == [seed % 20]
        return own._rows._database.fetch_one(counted)[0]

    with ThreadPoolExecutor(30) as pool:
        most = max(pool.map(work, range(200)))
    assert 1 <= most <= MOST_CONNECTIONS
    assert count(own, "artifacts") == 20
    idle = list(own._rows._database._pool._idle)
    own.close()
    assert idle
    assert all(connection.closed for connection in idle)
    assert count(own, "artifacts") == 20


# ---- connections that are lost


def terminate_others(postgres, database):
    """End every connection to a database."""
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (database,)
        )
        return len(ended.fetchall())


def test_connections_that_were_lost_are_made_again(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    pool = repo._rows._database._pool
    for connection in [pool.take() for _ in range(3)]:
        pool.give(connection)
    for use in (
        lambda: repo.save(a_draft(1, 5)),
        lambda: repo._rows.records([an_id(1)]),
        lambda: repo.delete(an_id(1)),
    ):
        assert terminate_others(postgres, "provenance_tests")
        use()
    assert an_id(1) not in repo


def test_a_reading_is_not_repeated_without_end(postgres, tmp_path):
    database = open_repo(postgres, tmp_path)._rows._database
    with pytest.raises(RepoUnavailableError, match="terminating connection"):
        database.fetch_all("SELECT pg_terminate_backend(pg_backend_pid(), 5000)")
    assert database.fetch_all("SELECT 1") == [(1,)]


def test_who_adds_waits_for_nobody_but_who_removes(postgres, tmp_path):
    """Neither of two that add, with different rows, waits; who removes is alone."""
    repo = open_repo(postgres, tmp_path)
    database = repo._rows._database
    repo.save(a_draft(1))
    with ThreadPoolExecutor(1) as pool:
        with database.adding():
            pool.submit(repo.save, a_draft(2)).result()
            removed = pool.submit(repo.delete, an_id(1))
            with pytest.raises(TimeoutError):
                removed.result(0.3)
        removed.result()
        with database.writing():
            added = pool.submit(repo.save, a_draft(3))
            assert repo._rows.records([an_id(2)])
            with pytest.raises(TimeoutError):
                added.result(0.3)
        assert added.result().id in repo
    assert an_id(1) not in repo


def test_who_adds_locks_rows_in_one_order(postgres, tmp_path):
    """Otherwise one that has the first row and one that has the second would wait for each other."""
    repo = open_repo(postgres, tmp_path)
    rows = repo._rows
    one, two = (replace(a_draft(seed, LARGE), inputs=pack(LARGE + "2", "joblib", {})) for seed in (1, 2))
    first = repo.save(one)
    two = replace(two, value=two.inputs, inputs=one.value)  # the same blobs the other way around
    blobs = sorted([(first.value_blob.key, 1), (first.inputs_blob.key, 1)])
    recipes = sorted((a_recipe(seed), first.id) for seed in range(5))
    cases = [
        (rows._recipe.put, recipes, lambda: repo.add_recipes(dict(reversed(recipes)))),
        (rows._blob.refer, blobs, lambda: repo.save(two)),
        (rows._blob.refer, blobs, lambda: repo.save(replace(one, record=a_draft(3).record))),
    ]
    for statement, ordered, add in cases:
        with ThreadPoolExecutor(1) as pool:
            with rows._database.adding() as transaction:
                transaction.execute(statement, ordered[0])
                other = pool.submit(add)
                with pytest.raises(TimeoutError):
                    other.result(0.3)
                transaction.execute(statement, ordered[-1])
            other.result()


def test_a_write_that_is_cut_off_is_an_error_and_leaves_no_row(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    database = repo._rows._database

    def write():
        with database.writing() as transaction:
            transaction.execute(f"INSERT INTO {database.dialect.table('runs')} VALUES ('x', '{{}}', now())")
            terminate_others(postgres, "provenance_tests")
            transaction.execute("SELECT 1")

    with pytest.raises(RepoUnavailableError, match=r"postgresql:///provenance_tests\?host=.* cannot be used"):
        write()
    assert count(repo, "runs") == 0


def test_an_error_of_the_callers_own_is_not_hidden_by_a_lost_connection(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    database = repo._rows._database

    def write():
        with database.writing() as transaction:
            transaction.execute(f"INSERT INTO {database.dialect.table('runs')} VALUES ('x', '{{}}', now())")
            terminate_others(postgres, "provenance_tests")
            raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        write()
    assert count(repo, "runs") == 0


def test_a_failed_write_is_undone(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    database = repo._rows._database

    def write(then):
        with database.writing() as transaction:
            transaction.execute(f"INSERT INTO {database.dialect.table('runs')} VALUES ('x', '{{}}', now())")
            assert database.fetch_all(f"SELECT id FROM {database.dialect.table('runs')}") == [("x",)]
            transaction.execute(then)

    with pytest.raises(AttributeError):
        write(5)
    with pytest.raises(RepoUnavailableError, match="nonsense"):
        write("nonsense")
    for fetch in (database.fetch_one, database.fetch_all):
        with pytest.raises(RepoUnavailableError):
            fetch("nonsense")
    assert count(repo, "runs") == 0
    assert repo.save(a_draft(1)).id in repo


def test_a_server_that_is_down_is_an_error_until_it_is_up_again(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    repo.save(a_draft(1, 5))
    postgres.stop()
    try:
        for use in (lambda: repo.save(a_draft(2)), lambda: repo.find_records([an_id(2)])):
            with pytest.raises(RepoUnavailableError, match=r"provenance_tests\?host=.*check that the server runs"):
                use()
        with pytest.raises(RepoUnavailableError, match="check that the server runs"):
            open_repo(postgres, tmp_path)
    finally:
        postgres.start()
    repo.save(a_draft(2, 6))
    assert open_repo(postgres, tmp_path).get_value(an_id(2)) == 6


# ---- opening


BAD_URLS = [
    "postgresql://me:hu%zzsh@h/db",
    "postgresql://h/db?hush=1",
    "postgresql://me:so@hush@h/db",
    "postgresql://me:hush/hush@h/db",
    "postgresql://me:hush/hush@h/db?sslmode=require",
]


def test_passwords_are_never_shown(postgres, tmp_path, caplog, monkeypatch):
    store = DiskStore(tmp_path)
    admin = open_repo(postgres, tmp_path)._rows._database
    with admin.writing() as transaction:
        transaction.execute(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'")
        transaction.execute(f"GRANT ALL ON SCHEMA {admin.dialect.table('').rstrip('.')} TO locked")
        transaction.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {admin.dialect.table('').rstrip('.')} TO locked")
    quoted = PASSWORD.replace(" ", "%20")
    with caplog.at_level(logging.DEBUG):
        repo = SqlRepo(postgres.url(user=f"locked:{quoted}"), store, schema=admin.dialect.schema)
        server = repo._rows._database._server
        texts = [repr(repo), repr(repo._rows._database), repr(server), str(server), repo.name]
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        SqlRepo(postgres.url(user="locked"), store, schema=admin.dialect.schema)
        monkeypatch.delenv("PGPASSWORD")
        for user in ("locked:hush%20wrong", "locked"):
            with pytest.raises(RepoUnavailableError, match="check the user and the password") as raised:
                SqlRepo(postgres.url(user=user), store)
            texts.append("".join(traceback.format_exception(raised.value)))
        for url in BAD_URLS:
            with pytest.raises(ConfigError, match="special characters") as raised:
                SqlRepo(url, store)
            texts.append(str(raised.value))
            assert raised.value.__suppress_context__
    assert "hush" not in "".join([*texts, caplog.text])
    with pytest.raises(RepoUnavailableError, match=r"permission denied.*; grant the user"):
        repo.save(a_draft(1))


def test_another_password_in_a_file(postgres, tmp_path, monkeypatch):
    """Libpq reads it, as every program for PostgreSQL does."""
    file = tmp_path / "passwords"
    file.write_text("*:*:*:nobody:x\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert open_repo(postgres, tmp_path).save(a_draft(1, 5))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:hush@nowhere.invalid/team", r"postgresql://nowhere\.invalid/team .*; check the host"),
        ("postgresql://me:hush@127.0.0.1:1/team", r"postgresql://127\.0\.0\.1:1/team .*; check that the server runs"),
        ("postgresql+psycopg:///team?host=/tmp/nowhere", r"postgresql:///team\?host=/tmp/nowhere .*; check that the"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named(tmp_path, url, message):
    with pytest.raises(RepoUnavailableError, match=message) as raised:
        SqlRepo(url, DiskStore(tmp_path))
    assert "hush" not in str(raised.value)


def test_a_database_and_a_schema_are_only_made_where_that_is_asked_for(postgres, tmp_path):
    store = DiskStore(tmp_path)
    url = postgres.url("made%20when%20asked")
    for options in ({"create_db": False}, {"write": False}):
        with pytest.raises(RepoUnavailableError, match=r"made when asked.*; create_db: true makes"):
            SqlRepo(url, store, **options)
    assert SqlRepo(url, store).save(a_draft(1, 5))
    for options in ({"create_db": False}, {"write": False}):
        assert SqlRepo(url, store, **options).get_value(an_id(1)) == 5
        with pytest.raises(RepoUnavailableError, match=r"has no schema 'team': open it with create_db: true"):
            SqlRepo(url, store, schema="team", **options)
    with SqlRepo(url, store)._rows._database.writing() as transaction:
        transaction.execute("CREATE SCHEMA team")
    with pytest.raises(RepoUnavailableError, match="has no tables of a repo: open it with create_db: true"):
        SqlRepo(url, store, schema="team", create_db=False)
    assert an_id(1) not in SqlRepo(url, store, schema="team")


def test_the_connections_own_schema_is_found(postgres, tmp_path):
    url = postgres.url("schemas")
    store = DiskStore(tmp_path)
    found, named, other = (SqlRepo(url, store, schema=schema) for schema in (None, "public", "other"))
    found.save(a_draft(1))
    assert an_id(1) in named
    assert an_id(1) not in other
    locks = [repo._rows._database._lock for repo in (found, named, other)]
    assert locks[0] == locks[1] != locks[2]
    with pytest.raises(RepoUnavailableError, match="no schema in its search path: name one with schema"):
        SqlRepo(postgres.url("schemas", options="-csearch_path%3Dnone"), store)


def test_a_schema_may_have_any_name(postgres, tmp_path):
    name = "Te\"a'm {0} %s $1 é"
    repo = open_repo(postgres, tmp_path, schema=name)
    repo.save(a_draft(1, LARGE, edges=(edge_to(2),), recipe=a_recipe(1)))
    again = open_repo(postgres, tmp_path, schema=name, create_db=False)
    again._rows._database.upgrade()
    assert set(again.find_recipes([a_recipe(1)])) == {a_recipe(1)}
    again.delete(an_id(1))
    for schema in ("", "x" * 64, "a\0b"):
        with pytest.raises(ConfigError, match="cannot be the name of a schema"):
            open_repo(postgres, tmp_path, schema=schema)


def test_a_database_that_may_only_be_read_is_read(postgres, tmp_path):
    store = DiskStore(tmp_path)
    url = postgres.url("only_read")
    repo = SqlRepo(url, store)
    repo.save(a_draft(1, 5))
    with repo._rows._database.writing() as transaction:
        transaction.execute("ALTER DATABASE only_read SET default_transaction_read_only = on")
    repo = SqlRepo(url, store)
    assert repo.get_value(an_id(1)) == 5
    with pytest.raises(RepoUnavailableError, match=r"only_read.*read-only.*write: false"):
        repo.save(a_draft(2))


def test_a_database_with_another_encoding_is_refused(postgres, tmp_path):
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(RepoUnavailableError, match=r"latin\?host=.* has the encoding LATIN1"):
        SqlRepo(postgres.url("latin"), DiskStore(tmp_path))


def test_tables_of_something_else_are_left_alone(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    database = repo._rows._database
    with database.writing() as transaction:
        transaction.execute("CREATE SCHEMA foreigner")
        transaction.execute("CREATE TABLE foreigner.artifacts (x INTEGER)")
    with pytest.raises(RepoUnavailableError, match=r"has tables of something else \(artifacts\)"):
        open_repo(postgres, tmp_path, schema="foreigner")


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'provenance\[postgres\]'"):
        SqlRepo("postgresql://host/db", DiskStore(tmp_path))


def test_sqlite_does_without_it(tmp_path):
    code = (
        "import sys\n"
        "from provenance.blobstores import MemoryStore\n"
        "from provenance.repos.sql import SqlRepo\n"
        f"SqlRepo({str(tmp_path / 'repo.db')!r}, MemoryStore())\n"
        "assert not [name for name in sys.modules if 'psycopg' in name.split('.')[0] or '.sql.postgres' in name]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_configuration_opens_it(postgres, tmp_path):
    p.load_config(
        {
            "blobstores": {"files": {"type": "disk", "cachedir": str(tmp_path / "files")}},
            "artifact_repos": {
                "team": {"type": "postgres", "db": postgres.url("configured"), "schema": "team", "store": "files"},
            },
        }
    )

    @p.provenance(version=1)
    def double(x):
        return 2 * x

    assert double(21) == 42
    assert double(21).artifact.id in p.get_repo_by_name("team")
    missing = {"type": "postgres", "db": postgres.url("absent"), "create_db": False, "store": "files"}
    with pytest.raises(RepoUnavailableError, match=r"^artifact_repos\.team: the database postgresql:///absent"):
        p.from_config({"blobstores": {"files": {"type": "memory"}}, "artifact_repos": {"team": missing}})
