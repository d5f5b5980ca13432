"""A PostgreSQL database is shared by hosts, and says what is wrong when it cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3

from provenance.blobstores import DiskStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, an_id
from provenance.testing.repos import RepoContract

ROOT = Path(__file__).parents[2]


def open_repo(server, place, name="postgres", **options):
    """A repo with a schema of its own, named after a folder."""
    schema = f"t{blake3(f'{place}/{name}'.encode()).hexdigest(16)}"
    store = DiskStore(place / f"{name}-blobs")
    return SqlRepo(server.url(), store, name=name, **{"schema": schema, **options})


class TestPostgresRepo(RepoContract):
    @pytest.fixture(autouse=True)
    def on_server(self, postgres):
        self.server = postgres

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
    url = postgres.url("made_by_processes")
    run = [sys.executable, "-c", PROCESS, url, tmp_path, "50"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(run, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)
    ]
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors.decode()
    repo = SqlRepo(url, DiskStore(tmp_path / "blobs"), schema="shared")
    counts = [count(repo, table) for table in ("artifacts", "artifact_inputs", "recipes", "runs")]
    assert counts == [25 + 4 * 40, 25, 100, 1]
    for seed in range(25):
        assert repo.get_value(an_id(seed)) == LARGE + str(seed)
