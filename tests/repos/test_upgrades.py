"""Repos of every released schema are opened, searched and written; upgrades come one at a time and survive a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import provenance as p
from provenance.blobstores import MemoryStore
from provenance.errors import SchemaVersionError
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.opening import prepare
from provenance.repos.sql.versions import MIN_READER, MIN_WRITER, SCHEMA_VERSION
from provenance.serializers import pack
from provenance.testing.drafts import LARGE, RUN, WEIRD, a_draft, a_recipe, an_id, edge_to
from provenance.types import Durations
from tests.repos.golden import PLACES, SCHEMAS

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=PLACES)
def place(request, tmp_path, postgres):
    return PLACES[request.param](tmp_path, postgres)


def versions(place):
    database = place.database()
    found = dict(database.fetch_all(f"SELECT key, value FROM {database.dialect.table('meta')}"))
    return [found[key] for key in ("schema_version", "min_reader", "min_writer")]


def open_repo(place, **options):
    return SqlRepo(**place.arguments, store=MemoryStore(), **options)


def found_by(repo, **asked):
    return [row.id for row in p.find(**asked, repo=repo)]


# ---- golden repos


def test_every_schema_has_golden_repos():
    assert list(range(1, SCHEMA_VERSION + 1)) == SCHEMAS


@pytest.mark.parametrize("schema", SCHEMAS)
def test_golden_repos_are_read_searched_and_written(place, schema):
    place.restore(schema)
    repo = open_repo(place)
    one, two = (repo.find_records([an_id(seed)])[an_id(seed)] for seed in (1, 2))
    assert (repo.load_value(one), one.custom_fields, one.version) == ([1, 2], {"tags": ["a"]}, 0)
    assert one.computed_at == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert (two.name, two.version, two.edges) == (WEIRD, "1.2", (edge_to(1), edge_to(3, "call")))
    assert two.value_blob == MemoryStore().put(pack(LARGE, "joblib", {}))
    assert (two.durations, two.code_id) == (Durations(0.1, 0.2, 0.3, 0.4), an_id("code"))
    assert two.input_hashes == {"kargs['a']": an_id("hash")}
    assert two.inputs_json == {"kargs": {"a": {"artifact": an_id(1)}}, "varargs": []}
    assert repo.load_inputs(two) == {"kargs": {"seed": "2"}, "varargs": ()}
    assert repo.find_recipes([a_recipe(1), a_recipe(2)]) == {a_recipe(1): one, a_recipe(2): two}
    assert repo.downstream([an_id(3)]) == {an_id(2)}
    assert repo.find_run(RUN.id) == RUN
    assert set(repo.get_set_by_labels("golden")) == {an_id(1), an_id(2)}
    assert not repo.has_value(two)
    _search(repo)
    repo.save(a_draft(2, LARGE))
    assert repo.get_value(an_id(2)) == LARGE
    assert repo.save(a_draft(4, custom_fields={"tags": ["a"]})).sequence > 2
    assert found_by(repo, tags="a") == [an_id(4), an_id(1)]


def _search(repo):
    assert found_by(repo) == [an_id(2), an_id(1)]
    assert found_by(repo, name=WEIRD, version="1.2") == found_by(repo, input_artifact=an_id(1)) == [an_id(2)]
    assert found_by(repo, tags="a", fn="tests:f") == [an_id(1)]
    assert found_by(repo, label="golden", since="2026-01-02", until="2026-01-03") == [an_id(2), an_id(1)]
    assert [row.size for row in p.sets(labels={"n": 1}, repo=repo)] == [2]
    assert [row.info for row in p.runs(host="here", repo=repo)] == [RUN.info]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_upgraded_database_is_like_a_new_one(place, schema, tmp_path, postgres):
    place.restore(schema)
    open_repo(place).close()
    (tmp_path / "new").mkdir()
    new = type(place)(tmp_path / "new", postgres)
    assert prepare(new.database(), create=True, read_only=False) is None
    assert place.shape() == new.shape()
    assert versions(place) == versions(new) == [SCHEMA_VERSION, MIN_READER, MIN_WRITER]


def test_items_of_the_index_stay_what_they_are(place):
    """They were stored by a library that made them the same way, or searches would find nothing."""
    place.restore(2)
    database = place.database()
    meta, artifacts = map(database.dialect.table, ("meta", "artifacts"))
    [[mark, last]] = database.fetch_all(
        f"SELECT value, (SELECT max(sequence) FROM {artifacts}) FROM {meta} WHERE key = 'indexed'"
    )
    assert mark == last == 2  # so none is made when the repo is upgraded
    _search(open_repo(place))


def test_an_older_repo_that_may_not_be_written_is_refused(place):
    place.restore(1)
    with pytest.raises(
        SchemaVersionError, match=rf"schema 1, .* needs {SCHEMA_VERSION}: open it once with write: true"
    ):
        open_repo(place, write=False)
    assert versions(place)[0] == 1


# ---- several processes, and a kill

PROCESS = """
import json, logging, sys
import provenance as p
from provenance.blobstores import MemoryStore
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import a_draft, an_id

logging.getLogger("alembic").addHandler(logging.StreamHandler(sys.stdout))
logging.getLogger("alembic.runtime.migration").setLevel("INFO")
sys.stdin.readline()
repo = SqlRepo(**json.loads(sys.argv[1]), store=MemoryStore())
assert repo.get_value(an_id(1)) == [1, 2]
repo.save(a_draft(sys.argv[2], custom_fields={"tags": ["a"]}))
assert {an_id(1), an_id(sys.argv[2])} <= {row.id for row in p.find(tags="a", repo=repo)}
"""

KILLED = """
import json, sys
from provenance.blobstores import MemoryStore
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.rows import search_index
from provenance.repos.sql.migrations import run

def stop(*_):
    print("in the middle", flush=True)
    sys.stdin.readline()

moment = sys.argv[2]
if moment == "migration":
    run.stamping = stop
else:
    search_index.BATCH = 1
    mark = search_index.SearchIndex._add
    def add(index, transaction, texts):
        mark(index, transaction, texts)
        stop()
    search_index.SearchIndex._add = add
SqlRepo(**json.loads(sys.argv[1]), store=MemoryStore())
"""


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_of_processes_that_open_an_old_repo_at_once_one_upgrades_it(place):
    place.restore(1)
    processes = [start(PROCESS, json.dumps(place.arguments), f"process {number}") for number in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    upgrades = [line for output, _ in outputs for line in output.splitlines() if "Running upgrade" in line]
    assert len(upgrades) == SCHEMA_VERSION - 1, upgrades  # one for each later schema
    expected = {an_id(1), *(an_id(f"process {number}") for number in range(4))}
    assert set(found_by(open_repo(place), tags="a")) == expected


@pytest.mark.parametrize("moment", ["migration", "indexing"])
def test_an_upgrade_that_was_killed_is_made_by_the_next_one(place, moment):
    place.restore(1)
    process = start(KILLED, json.dumps(place.arguments), moment)
    line = process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert line == "in the middle\n", errors
    assert process.returncode == -signal.SIGKILL
    assert versions(place)[0] == (1 if moment == "migration" else SCHEMA_VERSION)
    _search(open_repo(place))
    assert versions(place)[0] == SCHEMA_VERSION
