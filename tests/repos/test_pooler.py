"""A PostgreSQL repo behind a pooler that gives each transaction another connection of the server."""

from __future__ import annotations

import sys

import pytest

import provenance as p
from provenance.testing.drafts import a_draft, a_recipe, an_id, edge_to
from provenance.testing.repos import RepoContract
from tests.repos.test_postgres import count, open_repo
from tests.repos.together import run_together


class TestPooledPostgresRepo(RepoContract):
    @pytest.fixture(autouse=True)
    def on_server(self, pgbouncer):
        self.server = pgbouncer

    def make_repo(self, place, name="pooled", **options):
        return open_repo(self.server, place, name, **options)


def use(repo, seeds=range(20)):
    """Everything that is done on a connection, several times."""
    for seed in seeds:
        repo.save(a_draft(seed, edges=(edge_to(seed + 1),), recipe=a_recipe(seed)))
        repo.find_recipes([a_recipe(seed)])
        assert repo._rows.records([an_id(seed)])
        repo.put_set(p.ArtifactSet([an_id(seed)], f"label {seed}"))
    repo.delete(an_id(3))


def test_nothing_is_left_in_a_session(pgbouncer, tmp_path):
    repo = open_repo(pgbouncer, tmp_path)
    database = repo._rows._database
    asked = "SELECT name, setting FROM pg_settings ORDER BY name"
    before = database.fetch_all(asked)
    use(repo)
    mine = "SELECT locktype FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
    for _ in range(8):
        assert database.fetch_all("SELECT name FROM pg_prepared_statements") == []
        assert database.fetch_all(mine) == []
    assert database.fetch_all(asked) == before


def test_each_statement_may_run_in_another_session(pgbouncer, tmp_path):
    """Otherwise these tests would show nothing."""
    database = open_repo(pgbouncer, tmp_path)._rows._database
    with database.writing():  # holds one of them
        other = open_repo(pgbouncer, tmp_path, create_db=False)._rows._database
        pids = {other.fetch_one("SELECT pg_backend_pid()") for _ in range(20)}
    pids |= {database.fetch_one("SELECT pg_backend_pid()") for _ in range(20)}
    assert len(pids) > 1


def test_without_a_pooler_statements_are_prepared(postgres, tmp_path):
    repo = open_repo(postgres, tmp_path)
    use(repo)
    prepared = {text for (text,) in repo._rows._database.fetch_all("SELECT statement FROM pg_prepared_statements")}
    assert {repo._rows._read.record, repo._rows._write.insert_artifact} <= prepared


PROCESS = """
import os
import sys
from pathlib import Path
from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, an_id
from concurrent.futures import ThreadPoolExecutor

url, place = sys.argv[1], Path(sys.argv[2])
sys.stdin.readline()
repo = SqlRepo(url, DiskStore(place / "blobs"), schema="pooled")

def work(step):
    seed = step % 50
    record = repo.save(a_draft(seed, LARGE + str(seed)))
    assert list(repo._rows.records([an_id(seed), an_id(-1)])) == [an_id(seed)]
    assert repo._rows.records([an_id(seed)])[an_id(seed)] == record
    own = repo.save(a_draft((os.getpid(), step)))
    if step % 10 == 0:
        repo.delete(own.id)

with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(200)))
"""


def test_processes_share_it(pgbouncer, tmp_path):
    run = [sys.executable, "-c", PROCESS, pgbouncer.url(), tmp_path]
    run_together([run] * 4, timeout=100)
    repo = p.from_config(
        {
            "blobstores": {"files": {"type": "disk", "cachedir": str(tmp_path / "blobs")}},
            "artifact_repos": {
                "team": {"type": "postgres", "db": pgbouncer.url(), "schema": "pooled", "store": "files"}
            },
        }
    )["default_repo"]
    assert count(repo, "artifacts") == 50 + 4 * 180
