"""A SQLite file is shared by threads and processes, and says what is wrong when it cannot be used."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import provenance as p
from benchmarks.limits import Limit
from provenance._util.payload import Streamed
from provenance.artifacts.artifact import Artifact
from provenance.blobstores import DiskStore, MemoryStore
from provenance.errors import BlobNotFoundError, ConfigError, RepoUnavailableError
from provenance.repos import cache
from provenance.repos.memory import MemoryRepo
from provenance.repos.rows import UNKNOWN_SWEEPS, BlobCheck, Entry
from provenance.repos.sql import SqlRepo
from provenance.repos.storable_text import original_text, storable_text
from provenance.testing.drafts import LARGE, WEIRD, a_draft, a_recipe, an_id, edge_to
from tests.repos.together import run_together

ROOT = Path(__file__).parents[2]


def open_repo(place, **options):
    return SqlRepo(place / "repo.db", DiskStore(place / "blobs"), **options)


def change(place, sql, *parameters):
    connection = sqlite3.connect(place / "repo.db")
    connection.execute(sql, parameters)
    connection.commit()
    connection.close()


def count(place, table):
    connection = sqlite3.connect(place / "repo.db")
    [[rows]] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    connection.close()
    return rows


def run_python(code, place, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, str(place)], env=environment, **options)


# ---- pages and statements


def page_size(place):
    connection = sqlite3.connect(place / "repo.db")
    [[size]] = connection.execute("PRAGMA page_size").fetchall()
    connection.close()
    return size


def test_a_new_file_has_small_pages_and_an_older_one_keeps_its_own(tmp_path):
    (tmp_path / "old").mkdir()
    change(tmp_path / "old", "PRAGMA page_size = 4096")
    change(tmp_path / "old", "CREATE TABLE older (number)")
    for place, size in ((tmp_path, 2048), (tmp_path / "old", 4096)):
        open_repo(place).save(a_draft(1))
        assert open_repo(place).find_record(an_id(1)) is not None
        assert page_size(place) == size


def traced(connection, act):
    """The statements that a connection runs meanwhile, without what was given for their parameters."""
    noted = []
    connection.set_trace_callback(noted.append)
    act()
    connection.set_trace_callback(None)
    return [re.sub(r"'[^']*'|\b\d[\d.e-]*\b|\bX'|NULL", "", sql) for sql in noted]


def test_the_limit_of_a_miss_runs_the_statements_of_a_miss(tmp_path):
    """Benchmarks show what SQLite alone takes for them."""
    repo = open_repo(tmp_path)
    fresh = itertools.count()
    cached = p.provenance()(lambda number: "x" * number)
    with p.using_repo(repo):
        cached(next(fresh))
        limit = Limit(tmp_path / "repo.db")
        ours = traced(repo._rows._database._connection(), lambda: cached(next(fresh)))
        assert traced(limit._database._connection(), limit.miss) == ours
    kinds = " ".join(sql.split()[0] for sql in ours)
    assert kinds == "SELECT BEGIN INSERT COMMIT BEGIN DELETE INSERT INSERT COMMIT"
    assert limit.hit() == ""


# ---- threads and processes


def test_threads_that_call_at_once_all_get_the_right_value(tmp_path):
    repo = open_repo(tmp_path)

    def work(number):
        for step in range(200):
            seed = (number * 13 + step) % 50
            found = repo.find_records([an_id(seed)])
            record = found.get(an_id(seed)) or repo.save(a_draft(seed, [seed], edges=(edge_to(seed + 1),)))
            assert repo.load_value(record) == [seed]
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))
    assert count(tmp_path, "artifacts") == 50


def test_closing_closes_the_connections_of_all_threads(tmp_path):
    repo = open_repo(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(repo.save, a_draft(1)).result()
        assert an_id(2) not in repo
        assert len(repo._rows._database._connections) == 2
        repo.close()
        assert repo._rows._database._connections == set()
        assert pool.submit(lambda: an_id(1) in repo).result()


def test_threads_give_their_connections_back(tmp_path):
    repo = open_repo(tmp_path)
    for _ in range(20):
        thread = threading.Thread(target=lambda: an_id(1) in repo)
        thread.start()
        thread.join()
    assert len(repo._rows._database._connections) <= 1


PROCESS = """
import os
import sys
from pathlib import Path
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, a_recipe, an_id, edge_to

place = Path(sys.argv[1])
sys.stdin.readline()
repo = SqlRepo(place / "repo.db", DiskStore(place / "blobs"))
for step in range(100):
    seed = step % 25
    record = repo.save(a_draft(seed, LARGE + str(seed), edges=(edge_to(seed + 1),), recipe=a_recipe(seed)))
    assert repo.load_value(record) == LARGE + str(seed)
    assert repo.find_recipes([a_recipe(seed)]) == {a_recipe(seed): record}
    own = an_id((os.getpid(), step))
    repo.save(a_draft((os.getpid(), step), LARGE))
    repo.delete(own)
"""


def test_processes_that_start_at_once_share_a_new_file(tmp_path):
    """They race for making the file, for the switch to WAL, for the tables and for each artifact."""
    run_together([[sys.executable, "-c", PROCESS, tmp_path]] * 4, timeout=100)
    assert [count(tmp_path, table) for table in ("artifacts", "artifact_inputs", "recipes", "runs")] == [25, 25, 25, 1]
    repo = open_repo(tmp_path)
    for seed in range(25):
        assert repo.get_value(an_id(seed)) == LARGE + str(seed)


KILLED = """
import itertools, os, sys
from pathlib import Path
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, a_recipe, edge_to

place = Path(sys.argv[1])
repo = SqlRepo(place / "repo.db", DiskStore(place / "blobs"))
for seed in itertools.count():
    repo.save(a_draft(seed, LARGE + str(seed), edges=(edge_to(seed + 1),), recipe=a_recipe(seed)))
    print(seed, flush=True)
"""


def test_what_was_acknowledged_before_a_kill_is_there(tmp_path):
    for kills in range(2):
        process = run_python(KILLED, tmp_path, stdout=subprocess.PIPE)
        acknowledged = [int(process.stdout.readline()) for _ in range(5 + 7 * kills)]
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout if line.endswith(b"\n")]
        process.stdout.close()
        process.wait()
        repo = open_repo(tmp_path)
        assert [repo.get_value(an_id(seed)) for seed in acknowledged] == [LARGE + str(seed) for seed in acknowledged]
        for artifact in repo.batch_get_by_id(
            [row[0] for row in repo._rows._database.fetch_all("SELECT id FROM artifacts")]
        ):
            assert artifact.value.startswith(LARGE)
            assert len(artifact.record.edges) == 1
            assert repo.find_recipes([artifact.record.recipe]) == {artifact.record.recipe: artifact.record}
        repo.close()


MIDWAY = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
from provenance._util.payload import Streamed
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, a_recipe

place = Path(sys.argv[1])
repo = SqlRepo(place / "repo.db", DiskStore(place / "blobs"))

def die(file):
    file.write(b"some bytes")
    os.kill(os.getpid(), signal.SIGKILL)

repo.save(replace(a_draft(1, LARGE, recipe=a_recipe(1)), inputs=Streamed(die)))
"""


def test_a_kill_between_the_bytes_and_the_row_leaves_no_row(tmp_path):
    process = run_python(MIDWAY, tmp_path)
    assert process.wait() == -signal.SIGKILL
    repo = open_repo(tmp_path)
    assert len(list(repo.store.ids())) == 1
    assert an_id(1) not in repo
    repo.save(a_draft(1, LARGE))
    assert repo.get_value(an_id(1)) == LARGE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_the_file_anew(tmp_path):
    repo = open_repo(tmp_path)
    repo.save(a_draft(1, LARGE))
    inherited = set(repo._rows._database._connections)

    def child():
        assert not inherited & repo._rows._database._connections
        assert repo._cache.records() == {}
        repo.save(a_draft(2, LARGE))
        assert repo.get_value(an_id(1)) == LARGE

    with repo._rows._database._write_lock, repo._cache._lock:  # as if another thread were writing
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
    assert process.exitcode == 0
    assert repo.get_value(an_id(2)) == LARGE
    repo.save(a_draft(3))
    assert count(tmp_path, "artifacts") == 3


# ---- what other processes do


def test_what_another_process_deletes_is_not_served_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "FRESH_SECONDS", 0.0)
    mine, other = open_repo(tmp_path), open_repo(tmp_path)
    mine.save(a_draft(1))
    other.delete(an_id(1))
    assert an_id(1) not in mine


def test_a_record_that_was_read_before_it_was_deleted_is_not_kept():
    repo = MemoryRepo()
    record = repo.save(a_draft(1))
    records = cache.RecordCache()
    drops = records.drops
    records.drop([record.id])
    records.add([record], drops)
    assert records.records() == {}


def test_the_record_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(cache, "_LIMIT_BYTES", 100_000)
    repo = MemoryRepo()
    for seed in range(100):
        repo.save(a_draft(seed, "x" * 10_000))
        assert 1 <= len(repo._cache.records()) <= 10
    assert len(repo.find_records([*map(an_id, range(100))])) == 100


def test_bytes_that_are_deleted_while_a_row_is_being_stored_are_put_again(tmp_path):
    mine, other = open_repo(tmp_path), open_repo(tmp_path)
    other.save(a_draft(1, LARGE))
    mine.save(a_draft(2, LARGE + "2"))
    value = a_draft(3, LARGE).value
    writes = []

    def write_inputs(file):
        """Runs after the value was found in the store, and before the row is written."""
        if not writes:
            other.delete(an_id(1))
            assert not any(repo.store.get(key) == LARGE for repo in (mine,) for key in mine.store.ids())
        writes.append(1)
        file.write(b"x" * 100_000)

    record = mine.save(replace(a_draft(3, LARGE), value=value, inputs=Streamed(write_inputs)))
    assert len(writes) == 2
    assert mine.load_value(record) == LARGE


def test_only_what_nothing_refers_to_is_marked_and_swept(tmp_path):
    repo = open_repo(tmp_path, grace_seconds=3600)
    for seed in (1, 2, 3):
        repo.save(a_draft(seed, LARGE))
    repo.delete(an_id(1))
    assert count(tmp_path, "blobs WHERE unreferenced_at IS NOT NULL") == 0
    change(tmp_path, "UPDATE blobs SET unreferenced_at = '2000-01-01 00:00:00.000000'")
    repo.delete(an_id(2))
    assert repo.get_value(an_id(3)) == LARGE


def test_the_bytes_of_whoever_came_second_are_swept(tmp_path):
    repo = open_repo(tmp_path)
    repo.save(a_draft(1, LARGE))
    repo.save(a_draft(1, LARGE + "second"))
    assert len(list(repo.store.ids())) == 2
    repo.delete(an_id("nothing"))
    assert len(list(repo.store.ids())) == 1
    assert repo.get_value(an_id(1)) == LARGE


def test_what_was_kept_for_the_grace_period_is_deleted_after_it(tmp_path):
    patient = open_repo(tmp_path, grace_seconds=3600)
    patient.save(a_draft(1, LARGE))
    patient.delete(an_id(1))
    assert len(list(patient.store.ids())) == 1
    change(tmp_path, "UPDATE blobs SET unreferenced_at = strftime('%Y-%m-%d %H:%M:%f000', 'now', '-3601 seconds')")
    patient.delete(an_id("nothing"))
    assert list(patient.store.ids()) == []
    assert count(tmp_path, "blobs") == 0


def test_bytes_stay_in_a_store_that_permits_no_deleting(tmp_path):
    repo = SqlRepo(tmp_path / "repo.db", DiskStore(tmp_path / "blobs", delete=False))
    repo.save(a_draft(1, LARGE))
    repo.delete(an_id(1))
    assert an_id(1) not in repo
    assert len(list(repo.store.ids())) == 1


@pytest.mark.parametrize("make_repo", [open_repo, lambda _: MemoryRepo()], ids=["sqlite", "memory"])
def test_a_repair_does_not_undo_what_another_process_did(tmp_path, make_repo):
    repo = make_repo(tmp_path)
    old = repo.save(a_draft(1, LARGE, recipe=a_recipe(1)))
    new = a_draft(1, "new").record
    new = new._replace(value_inline=b"new")
    check = BlobCheck(UNKNOWN_SWEEPS, lambda key: None)
    repaired = repo._rows.replace(old, Entry(new, None, check))
    assert repo._rows.replace(old, Entry(new._replace(value_inline=b"late"), None, check)) == repaired
    repo.delete(old.id)
    again = repo._rows.replace(old, Entry(new._replace(value_blob=old.value_blob, value_inline=None), None, check))
    assert repo._rows.records([old.id]) == {old.id: again}


def test_damaged_bytes_in_a_row_count_as_lost_until_they_are_computed_again(tmp_path, caplog):
    open_repo(tmp_path).save(a_draft(1, [1, 2], recipe=a_recipe(1)))
    change(tmp_path, "UPDATE artifacts SET value_inline = substr(value_inline, 1, 20), inputs_inline = x'00'")
    repo = open_repo(tmp_path)
    with caplog.at_level(logging.WARNING, "provenance.repos"):
        [record] = repo.find_records([an_id(1)]).values()
    assert an_id(1) in caplog.text
    assert not repo.has_value(record)
    for load in (repo.load_value, repo.load_inputs):
        with pytest.raises(BlobNotFoundError):
            load(record)
    repo.save(a_draft(1, [1, 2], recipe=a_recipe(1)))
    assert open_repo(tmp_path).get_value(an_id(1)) == [1, 2]
    assert a_recipe(1) in repo.find_recipes([a_recipe(1)])


FILE = """
import sys
from dataclasses import replace
from pathlib import Path
from provenance._util.payload import FileContent
from provenance.repos.memory import MemoryRepo
from provenance.repos.rows import UNKNOWN_SWEEPS, BlobCheck
from provenance.testing.drafts import a_draft

path = Path(sys.argv[1]) / "file"
path.write_bytes(b"x")
repo = MemoryRepo()
record = repo.save(replace(a_draft(1, serializer="file"), value=FileContent(path)))
print(repo.load_value(record))
"""


def test_files_made_of_bytes_in_memory_are_gone_with_the_process(tmp_path):
    process = run_python(FILE, tmp_path, stdout=subprocess.PIPE)
    made = Path(process.communicate()[0].decode().strip())
    assert process.returncode == 0
    assert made.name == "file"
    assert not made.parent.parent.exists()


@pytest.mark.parametrize("make_repo", [lambda store, _: MemoryRepo(store), lambda store, path: SqlRepo(path, store)])
def test_a_store_that_may_not_be_read_can_be_written(tmp_path, make_repo):
    repo = make_repo(MemoryStore(read=False), tmp_path / "repo.db")
    first = repo.save(a_draft(1, LARGE))
    assert repo.save(a_draft(1, LARGE + "other")) == first
    assert not repo.has_value(first)
    assert repo.put(Artifact(first, repo)).record == first


# ---- opening


@pytest.mark.parametrize("scheme", ["", "sqlite:///", "sqlite+pysqlite:///"])
def test_the_file_is_given_by_path_or_url(tmp_path, scheme):
    path = tmp_path / "new folder #1 %41?" / "repo.db" if not scheme else tmp_path / "new folder" / "repo.db"
    repo = SqlRepo(f"{scheme}{path}", MemoryStore())
    repo.save(a_draft(1))
    assert path.stat().st_size > 0
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    assert repo.name == str(path)


def test_a_relative_path_is_taken_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert SqlRepo("sqlite:///sub/repo.db", MemoryStore()).name == str(tmp_path / "sub" / "repo.db")
    assert SqlRepo(Path("repo.db"), MemoryStore()).name == str(tmp_path / "repo.db")


@pytest.mark.parametrize(
    ("db", "message"),
    [
        ("", "names no file"),
        (":memory:", "type memory"),
        ("sqlite://", "type memory"),
        ("mysql://user:secret@host/db", r"mysql://user:\*\*\*@host/db is not the URL"),
        ("no url://", "is not the URL"),
    ],
)
def test_other_databases_are_refused(db, message):
    with pytest.raises(ConfigError, match=message):
        SqlRepo(db, MemoryStore())


def test_sqlite_has_no_schemas(tmp_path):
    with pytest.raises(ConfigError, match="schema 'team'"):
        SqlRepo(tmp_path / "repo.db", MemoryStore(), schema="team")


def test_a_database_is_only_made_where_that_is_asked_for(tmp_path):
    for options in ({"create_db": False}, {"write": False}, {"write": False, "delete": False}):
        with pytest.raises(RepoUnavailableError, match=r"repo\.db cannot be used: .*create_db: true"):
            open_repo(tmp_path, **options)
    (tmp_path / "repo.db").touch()
    with pytest.raises(RepoUnavailableError, match=r"has no tables of a repo: open it with create_db: true"):
        open_repo(tmp_path, create_db=False)
    open_repo(tmp_path).save(a_draft(1, 5))
    for options in ({"create_db": False}, {"write": False}, {"write": False, "delete": False}):
        assert open_repo(tmp_path, **options).get_value(an_id(1)) == 5


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RepoUnavailableError, match=r"file/sub/repo\.db cannot be made: .*; choose another path"):
        SqlRepo(tmp_path / "file" / "sub" / "repo.db", MemoryStore())


def test_a_path_that_is_a_folder_is_named(tmp_path):
    (tmp_path / "repo.db").mkdir()
    with pytest.raises(RepoUnavailableError, match=r"repo\.db cannot be used: .*unable to open"):
        open_repo(tmp_path)


UNWRITABLE = """
import os, sys
from provenance.blobstores import MemoryStore
from provenance.repos.sql import SqlRepo

if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
try:
    SqlRepo(sys.argv[1] + "/repo.db", MemoryStore())
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users")
def test_a_folder_that_may_not_be_written_is_named():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        process = run_python(UNWRITABLE, folder, stdout=subprocess.PIPE)
        printed = process.communicate()[0].decode()
    assert printed.startswith(f"RepoUnavailableError the database {folder}/repo.db cannot be made: Permission denied; ")
    assert "give this process the right to write there" in printed


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    (tmp_path / "repo.db").write_bytes(b"something else" * 1000)
    with pytest.raises(RepoUnavailableError, match=r"repo\.db cannot be used: .*move it away, or give another path"):
        open_repo(tmp_path)
    assert (tmp_path / "repo.db").read_bytes() == b"something else" * 1000


def test_a_damaged_database_is_an_error_of_the_library(tmp_path):
    repo = open_repo(tmp_path)
    for seed in range(50):
        repo.save(a_draft(seed, "x" * 1000))
    repo.close()
    path = tmp_path / "repo.db"
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(1) * (len(data) - 4096)
    path.write_bytes(data)

    def use():
        damaged = open_repo(tmp_path)
        damaged.find_records([*map(an_id, range(50))])
        damaged.save(a_draft(100))

    with pytest.raises(RepoUnavailableError, match="restore it from a copy"):
        use()


def test_a_database_that_stays_locked_is_an_error_and_leaves_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr("provenance.repos.sql.sqlite.database._BUSY_SECONDS", 0.05)
    repo = open_repo(tmp_path)
    other = sqlite3.connect(tmp_path / "repo.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RepoUnavailableError, match="another process keeps it locked"):
        repo.save(a_draft(1))
    other.close()
    assert an_id(1) not in repo
    assert repo.save(a_draft(1)).id in repo


def test_a_switch_to_wal_that_is_never_possible_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("provenance.repos.sql.sqlite.database._BUSY_SECONDS", 0.05)
    connection = sqlite3.connect(tmp_path / "repo.db", isolation_level=None)
    connection.execute("CREATE TABLE other (x)")
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM other").fetchall()
    with pytest.raises(RepoUnavailableError, match="another process keeps it locked"):
        open_repo(tmp_path)
    connection.close()


def test_the_switch_to_wal_waits_for_who_reads_the_file(tmp_path):
    connection = sqlite3.connect(tmp_path / "repo.db", isolation_level=None)
    connection.execute("CREATE TABLE other (x)")
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM other").fetchall()
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(open_repo, tmp_path)
        with pytest.raises(TimeoutError):
            opened.result(0.1)
        connection.execute("COMMIT")
        repo = opened.result()
    connection.close()
    assert repo._rows._database.fetch_one("PRAGMA journal_mode") == ("wal",)


def test_a_durable_repo_syncs_each_commit(tmp_path):
    for durable, mode in ((False, 1), (True, 2)):
        repo = open_repo(tmp_path, durable=durable)
        assert repo._rows._database.fetch_one("PRAGMA synchronous") == (mode,)


def test_a_failed_write_is_undone(tmp_path):
    repo = open_repo(tmp_path)
    database = repo._rows._database

    def write(then):
        with database.writing() as transaction:
            transaction.execute("INSERT INTO runs VALUES ('x', '{}', 'now')")
            transaction.execute(then)

    with pytest.raises(TypeError):
        write(5)
    with pytest.raises(RepoUnavailableError, match="check the file"):
        write("nonsense")
    for fetch in (database.fetch_one, database.fetch_all):
        with pytest.raises(RepoUnavailableError):
            fetch("nonsense")
    assert database.fetch_all("SELECT * FROM runs") == []
    assert repo.save(a_draft(1)).id in repo


def test_inputs_that_are_not_json_are_refused(tmp_path):
    from provenance.errors import SerializationError

    with pytest.raises(SerializationError, match="inputs_json of 'f'"):
        open_repo(tmp_path).save(a_draft(1, inputs_json=float("nan")))


@pytest.mark.parametrize("text", ["", "plain", "é", WEIRD, "\ufffe0000", "\0\0", "\ud83d\ude00", "\udfff"])
def test_text_that_a_database_could_refuse_is_escaped(text):
    stored = storable_text(text)
    assert original_text(stored) == text
    assert "\0" not in stored
    stored.encode()
    assert (stored == text) == (text.isprintable())


def test_look_ups_use_an_index(tmp_path):
    """No statement reads a whole table, which would cost more with each artifact."""
    repo = open_repo(tmp_path)
    rows = repo._rows
    sets = rows._other.sets._sql
    statements = {
        **{name: vars(group)[name] for group in (rows._read, rows._recipe, rows._blob, sets) for name in vars(group)},
        "remove_artifacts": rows._write.remove_artifacts,
    }
    for unindexed in ("latest_set", "sweeps", "ids", "history"):  # they want all there is, or the last of it
        statements.pop(unindexed)
    for name, sql in statements.items():
        plan = rows._database.fetch_all(f"EXPLAIN QUERY PLAN {sql}", ("x",) * sql.count("?"))
        scanned = [detail for *_, detail in plan if detail.startswith("SCAN")]
        allowed = ("json_each", "downstream", "CONSTANT ROW", "texts", "anon", "ONE ROW")
        assert all(any(word in detail for word in allowed) for detail in scanned), (name, plan)


def test_an_artifact_of_a_sqlite_repo_is_bound_to_it(tmp_path):
    repo = open_repo(tmp_path)
    repo.save(a_draft(1, 5))
    artifact = repo.get_by_id(an_id(1))
    assert isinstance(artifact, Artifact)
    assert artifact.run_info == {"host": "here", "argv": ["a", "b"]}
