"""Where a repo keeps its records: what tells whether two processes use the same places."""

from __future__ import annotations

import shutil
import threading

from provenance.blobstores import MemoryStore
from provenance.repos.chained import ChainedRepo
from provenance.repos.memory import MemoryRepo
from provenance.repos.sql.repo import SqlRepo


def sqlite(path, **options):
    return SqlRepo(path, MemoryStore(), name="local", **options)


def only(repo):
    [place] = repo.record_places()
    return place


def test_a_database_has_one_identity_under_every_address(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    here, there = only(sqlite(tmp_path / "p.db")), only(sqlite(tmp_path / "link" / "p.db"))
    assert here.identity == there.identity
    assert (here.address, there.address) == (str(tmp_path / "p.db"), str(tmp_path / "link" / "p.db"))
    assert only(sqlite(tmp_path / "other.db")).identity != here.identity


def test_a_database_that_is_made_again_is_another_one(tmp_path):
    before = only(sqlite(tmp_path / "a" / "p.db"))
    shutil.rmtree(tmp_path / "a")
    assert only(sqlite(tmp_path / "a" / "p.db")).identity != before.identity


def test_an_identity_is_not_drawn_by_those_who_may_not_write(tmp_path):
    sqlite(tmp_path / "p.db").close()
    reader = sqlite(tmp_path / "p.db", write=False)
    assert (only(reader).identity, only(reader).writes) == (None, False)
    drawn = only(sqlite(tmp_path / "p.db"))
    assert (only(reader).identity, drawn.writes) == (drawn.identity, True)
    assert drawn.identity is not None


def test_who_can_share_a_place(tmp_path, postgres):
    assert only(MemoryRepo()).scope == "process"
    assert only(sqlite(tmp_path / "p.db")).scope == "host"
    place = only(SqlRepo(postgres.url(), MemoryStore(), schema="places"))
    assert place.scope == "network"
    assert place.identity is not None
    assert only(SqlRepo(postgres.url(), MemoryStore(), schema="places")).identity == place.identity
    assert only(SqlRepo(postgres.url(), MemoryStore(), schema="elsewhere")).identity != place.identity


def test_memories_differ():
    assert only(MemoryRepo()).identity != only(MemoryRepo()).identity


def test_a_database_that_is_out_of_reach_has_no_identity_until_it_is_reached(line):
    line.down = True
    repo = SqlRepo(line.url(), MemoryStore(), schema="places", open_later=True)
    assert only(repo).identity is None
    line.down = False
    while only(repo).identity is None:  # it is asked for after a pause
        threading.Event().wait(0.05)
    assert only(repo).address.endswith(f":{line.port}/provenance_tests")


def test_the_places_of_a_chain_are_those_of_its_members(tmp_path):
    near, far = MemoryRepo(), sqlite(tmp_path / "p.db")
    sqlite(tmp_path / "old.db").close()
    archive = sqlite(tmp_path / "old.db", write=False)

    def written(**options):
        return [place.writes for place in ChainedRepo([near, far, archive], **options).record_places()]

    assert [place.scope for place in ChainedRepo([near, far, archive]).record_places()] == ["process", "host", "host"]
    assert written() == written(write_policy="any") == [True, True, False]
    assert written(write_policy="first") == [True, False, False]
    assert written(write=False) == [False, False, False]
