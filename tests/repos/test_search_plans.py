"""Searches go by indexes, and the index follows what is stored."""

from __future__ import annotations

import logging
from itertools import combinations

import pytest

import provenance as p
from provenance.blobstores import MemoryStore
from provenance.errors import RepoUnavailableError
from provenance.hashing import hash_value
from provenance.repos.sql import SqlRepo
from provenance.repos.sql.records import parameters
from provenance.repos.sql.rows import search_index
from provenance.repos.sql.rows import searches as search_rows
from provenance.repos.sql.statements.texts import statements
from provenance.testing.drafts import RUN, a_draft, an_id, edge_to

TERMS = {
    "name": "f1",
    "fn": "tests:f",
    "run": RUN.id,
    "tags": "t3",
    "custom_fields": {"part": {"n": 8}},
    "inputs": {"x": 8},
    "input_artifact": an_id(0),
    "since": "2020-01-01",
    "label": "some",
}


def draft(seed):
    return a_draft(
        seed,
        name=f"f{seed % 3}",
        custom_fields={"tags": [f"t{seed % 5}"], "part": {"n": seed % 10}},
        input_hashes={"kargs['x']": hash_value(seed % 20)},
        edges=(edge_to(seed % 4),),
    )


def fill(repo, number):
    """Store rows at once; edges are left out."""
    database = repo._rows._database
    statement = statements("WriteStatements", database.dialect).insert_artifact.partition(" RETURNING")[0]
    repo.save(draft(0))
    with database.writing() as transaction:
        rows = [parameters(draft(seed).record, database.dialect) for seed in range(1, number)]
        transaction.executemany(statement, rows)
    repo.put_set(p.ArtifactSet([an_id(seed) for seed in range(10)], "some"))
    assert p.find(tags="t3", repo=repo).count() == number // 5


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory):
    repo = SqlRepo(tmp_path_factory.mktemp("plans") / "repo.db", MemoryStore())
    fill(repo, 2000)
    yield repo
    repo.close()


@pytest.fixture(scope="module")
def on_postgres(postgres):
    repo = SqlRepo(postgres.url("plans"), MemoryStore())
    fill(repo, 20_000)
    with repo._rows._database.writing() as transaction:
        transaction.execute("ANALYZE")
    yield repo
    repo.close()


def plan(repo, monkeypatch, explain, **asked):
    """How the database finds the first page."""
    database = repo._rows._database
    noted = []
    with monkeypatch.context() as patched:
        original = database.fetch_all
        patched.setattr(database, "fetch_all", lambda sql, given=(): noted.append((sql, given)) or original(sql, given))
        list(iter(p.find(**asked, limit=20, repo=repo)))
    sql, given = noted[-1]
    return [str(line[-1]) for line in database.fetch_all(f"{explain} {sql}", given)]


@pytest.mark.parametrize("few", [10, 10_000], ids=["all have many", "all have few"])
def test_two_predicates_use_an_index_on_sqlite(sqlite, monkeypatch, few):
    monkeypatch.setattr(search_rows, "FEW", few)
    for pair in combinations(TERMS, 2):
        lines = plan(sqlite, monkeypatch, "EXPLAIN QUERY PLAN", **{term: TERMS[term] for term in pair})
        print(pair, lines)  # noqa: T201  to be seen
        assert any("SEARCH" in line and "USING" in line for line in lines), (pair, lines)
        is_walk = set(pair) == {"since", "label"} and few == 10
        assert is_walk or not any(line.startswith("SCAN artifact") for line in lines), (pair, lines)


def test_two_predicates_use_an_index_on_postgresql(on_postgres, monkeypatch):
    for pair in combinations(TERMS, 2):
        if set(pair) <= {"fn", "run", "since"}:
            continue  # every row fits, so that any page will do
        lines = plan(on_postgres, monkeypatch, "EXPLAIN", **{term: TERMS[term] for term in pair})
        print(pair, lines)  # noqa: T201  to be seen
        assert any("Index" in line for line in lines), (pair, lines)
        assert not any("Seq Scan on artifacts " in line or "Seq Scan on artifact_items" in line for line in lines), (
            pair,
            lines,
        )


def test_a_page_is_not_sorted(sqlite, monkeypatch):
    """So it costs the same however many rows come after it."""
    monkeypatch.setattr(search_rows, "FEW", 10)
    for asked in (
        {"name": "f1"},
        {"tags": "t3", "name": "f1"},
        {"fn": "tests:f", "custom_fields": {"part": {"n": 8}}},
        {},
    ):
        lines = plan(sqlite, monkeypatch, "EXPLAIN QUERY PLAN", **asked)
        assert not any("TEMP B-TREE" in line for line in lines), (asked, lines)


# ---- the index


def state(repo):
    return repo._rows._other.index._state()


def test_storing_leaves_the_index_alone_and_a_search_brings_it_up_to_date(tmp_path, monkeypatch):
    monkeypatch.setattr(search_index, "BATCH", 3)
    repo = SqlRepo(tmp_path / "repo.db", MemoryStore())
    for seed in range(10):
        repo.save(draft(seed))
    assert state(repo) == (0, 10)
    assert p.find(name="f1", repo=repo).count() == 3
    assert state(repo) == (0, 10)
    assert p.find(tags="t3", repo=repo).count() == 2
    assert state(repo) == (10, 10)


def test_whoever_may_not_write_searches_what_is_not_indexed(tmp_path, monkeypatch, caplog):
    repo = SqlRepo(tmp_path / "repo.db", MemoryStore())
    for seed in range(10):
        repo.save(draft(seed))
    assert p.find(tags="t3", repo=repo).count() == 2
    for seed in range(10, 20):
        repo.save(draft(seed))
    reader = SqlRepo(tmp_path / "repo.db", repo.store, write=False)
    only_reader = SqlRepo(tmp_path / "repo.db", repo.store, write=False, delete=False)
    for who in (reader, only_reader):
        for order in ("sequence", "-sequence", "name", "-computed_at"):
            found = p.find(tags="t3", order_by=order, repo=who)
            assert {row.id for row in found} == {an_id(seed) for seed in (3, 8, 13, 18)}
            assert len(list(p.find(tags="t3", order_by=order, limit=3, repo=who))) == 3
        assert [row.sequence for row in p.find(tags="t3", repo=who)] == [19, 14, 9, 4]
        assert p.find(input_artifact=an_id(3), inputs={"x": 11}, repo=who).count() == 1
        assert p.find(tags="t3", repo=who).count() == 4
        assert p.find(tags="t3", limit=3, repo=who).count() == 3
    assert state(repo) == (10, 20)

    def fail():
        raise RepoUnavailableError("locked")

    monkeypatch.setattr(repo._rows._database, "writing", fail)
    with caplog.at_level(logging.DEBUG, "provenance.repos"):
        assert p.find(tags="t3", repo=repo).count() == 4
    assert "stays as it is: locked" in caplog.text


def test_what_is_deleted_leaves_no_items(tmp_path):
    repo = SqlRepo(tmp_path / "repo.db", MemoryStore())
    for seed in range(4):
        repo.save(draft(seed))
    assert p.find(tags="t3", repo=repo).count() == 1
    count = "SELECT count(*) FROM artifact_items"
    [[before]] = repo._rows._database.fetch_all(count)
    assert before == 4 * 6  # a list, its element, an object, its field, an input and an input artifact
    repo.delete(an_id(3))
    assert repo._rows._database.fetch_all(count) == [(18,)]
