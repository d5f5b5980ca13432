"""Databases on disks that are full or may only be read, and clients whose clock is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import provenance as p
from provenance.blobstores import DiskStore
from provenance.errors import RepoUnavailableError, RepoUnreachableError
from provenance.repos.journal.backlog import Replayed
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, an_id
from tests.disks import remount, small_disk
from tests.parts import missing
from tests.repos.test_postgres import open_repo

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::provenance.RepoOutageWarning")


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    with small_disk(tmp_path / "disk", "4m") as place:
        yield place


def fill(repo):
    """Store until there is no room; returns what was acknowledged."""
    stored = []

    def store_without_end():
        while len(stored) < 5000:
            seed = ("fill", len(stored))
            repo.save(a_draft(seed, "x" * 8000, inputs_json={"x": "y" * 2000}))
            stored.append(seed)

    with pytest.raises(RepoUnreachableError, match="free some space on the") as raised:
        store_without_end()
    assert repo._rows._database.place in str(raised.value)
    return stored


def nothing_is_lost(repo, tmp_path, free):
    stored = fill(repo)
    assert len(stored) > 20

    @p.provenance(repo=repo)
    def long(x):
        return [x] * 500

    value = long("z" * 10)
    assert value == ["z" * 10] * 500
    assert value.artifact.record.journaled
    found = repo._rows.records([an_id(seed) for seed in stored])
    assert len(found) == len(stored)
    assert {repo.load_value(record) for record in found.values()} == {"x" * 8000}
    free()
    assert repo.replay_journal() == Replayed(stored=1)
    assert value.artifact.is_stored
    assert repo.get_value(value) == ["z" * 10] * 500


def test_sqlite_on_a_disk_that_fills(disk, tmp_path):
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 1_500_000)
    repo = SqlRepo(disk / "repo.db", DiskStore(tmp_path / "blobs"), journal=tmp_path / "journal")
    nothing_is_lost(repo, tmp_path, ballast.unlink)
    repo.close()


def test_postgres_on_a_disk_that_fills(disk, postgres, tmp_path):
    space = f"small_{os.getpid()}"
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(folder.stat().st_mode | 0o011)  # the server looks into it as another user
        if folder == Path("/tmp"):
            break
    if postgres.user is not None:
        shutil.chown(disk, postgres.user)
    disk.chmod(0o700)
    repo = None
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"CREATE TABLESPACE {space} LOCATION '{disk}'")
        admin.execute("CREATE DATABASE filled TEMPLATE template0 ENCODING 'UTF8'")
        admin.execute(f"ALTER DATABASE filled SET default_tablespace = {space}")
        try:
            with psycopg.connect(postgres.url("filled").replace("+psycopg", ""), autocommit=True) as other:
                other.execute("CREATE TABLE ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 1500)")
                store = DiskStore(tmp_path / "blobs")
                repo = SqlRepo(postgres.url("filled"), store, journal=tmp_path / "journal", schema="filled")
                nothing_is_lost(repo, tmp_path, lambda: other.execute("DROP TABLE ballast"))
        finally:
            if repo is not None:
                repo.close()
            admin.execute("DROP DATABASE filled WITH (FORCE)")
            admin.execute(f"DROP TABLESPACE {space}")


def test_sqlite_that_may_only_be_read(disk, tmp_path):
    """Written by a process that may, on a file system that then may not be written any more."""
    path, store = disk / "repo.db", DiskStore(tmp_path / "blobs")
    repo = SqlRepo(path, store)
    repo.save(a_draft(1, LARGE))
    repo._rows._database.fetch_all("PRAGMA journal_mode = DELETE")  # WAL needs a file beside, also to be read
    repo.close()
    remount(disk, "ro")
    reader = SqlRepo(path, store, write=False, delete=False)
    assert reader.get_value(an_id(1)) == LARGE
    with pytest.raises(RepoUnavailableError, match=rf"the database {path} cannot be used: .*set write: false"):
        SqlRepo(path, store).save(a_draft(2))
    for missing_path in (disk / "new.db", disk / "folder" / "new.db"):
        with pytest.raises(RepoUnavailableError, match=f"the database {missing_path}.*right to write"):
            SqlRepo(missing_path, store)
    reader.close()


# ---- clocks

CLIENT = """
import json, sys, time
from pathlib import Path
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import a_draft, an_id

db, place, schema, seed = sys.argv[1:]
repo = SqlRepo(db, DiskStore(Path(place)), schema=schema or None)
if seed.startswith("lease"):
    _, number, seconds = seed.split()
    claim = repo.leases.acquire(an_id(int(number)), "client", float(seconds))
    print(json.dumps([time.time(), claim.lease is not None]))
    sys.exit()
record = repo.save(a_draft(seed, "the same"))
print(json.dumps([time.time(), record.sequence, record.computed_at.timestamp()]))
"""


def store_at(shift, db, place, schema, seed):
    """Store an artifact, or ask for a lease, by a process whose clock is wrong; its clock, and what came of it."""
    faketime = shutil.which("faketime") or missing("faketime")
    run = [faketime, "-f", shift, sys.executable, "-c", CLIENT, db, str(place), schema, seed]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return json.loads(subprocess.run(run, env=environment, capture_output=True, check=True).stdout)


def test_a_clients_clock_does_not_matter(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    schema = repo._rows._database.dialect.schema
    place = tmp_path / "postgres-blobs"
    before = repo.save(a_draft("before", "the same"))
    ahead = store_at("+1d", postgres.url(), place, schema, "ahead")
    behind = store_at("-1d", postgres.url(), place, schema, "behind")
    after = repo.save(a_draft("after", "the same"))
    now = datetime.now(UTC).timestamp()
    assert ahead[0] > now + 80_000
    assert behind[0] < now - 80_000
    assert before.sequence < ahead[1] < behind[1] < after.sequence
    assert before.computed_at.timestamp() <= ahead[2] <= behind[2] <= after.computed_at.timestamp() <= now + 60
    assert repo.find_latest(after.value_id).id == an_id("after")
    since = before.computed_at + timedelta(microseconds=1)
    found = repo._rows._database.fetch_all(
        f"SELECT id FROM {repo._rows._dialect.table('artifacts')} WHERE computed_at >= $1 ORDER BY sequence", (since,)
    )
    assert [row[0] for row in found] == [an_id("ahead"), an_id("behind"), an_id("after")]


@pytest.mark.parametrize("shift", ["+1d", "-1d"])
def test_leases_are_over_by_the_clock_of_the_database(postgres, tmp_path, shift):
    repo = open_repo(postgres, tmp_path)

    def client_gets(number, seconds):
        schema = repo._rows._database.dialect.schema
        asked = f"lease {number} {seconds}"
        clock, given = store_at(shift, postgres.url(), tmp_path / "postgres-blobs", schema, asked)
        assert abs(clock - datetime.now(UTC).timestamp()) > 80_000
        return given

    assert repo.leases.acquire(an_id(1), "here", 600.0).lease is not None
    assert not client_gets(1, 600.0)
    assert client_gets(2, 0.0)
    assert repo.leases.acquire(an_id(2), "here", 600.0).lease is not None
    assert client_gets(3, 600.0)
    assert repo.leases.acquire(an_id(3), "here", 600.0).lease is None


def test_in_sqlite_the_order_does_not_depend_on_the_clock(tmp_path):
    path, place = tmp_path / "repo.db", tmp_path / "blobs"
    ahead = store_at("+1d", str(path), place, "", "ahead")
    repo = SqlRepo(path, DiskStore(place))
    after = repo.save(a_draft("after", "the same"))
    assert ahead[1] < after.sequence
    assert ahead[2] > after.computed_at.timestamp()  # the host's clock is the database's
    assert repo.find_latest(after.value_id).id == an_id("after")
