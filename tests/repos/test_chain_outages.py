"""A team's database that is stopped and started again, behind a repo of one's own."""

from __future__ import annotations

import logging

import pytest

import provenance as p
from provenance.blobstores import DiskStore
from provenance.errors import RepoUnavailableError, RepoUnreachableError, TierUnavailableError
from provenance.repos.chained import ChainedRepo
from provenance.repos.sql import SqlRepo
from provenance.testing.drafts import LARGE, a_draft, a_recipe, an_id, edge_to
from tests.servers.postgres import postgres_server
from tests.servers.processes import HOST, free_ports


@pytest.fixture
def own_server():
    """A server that a test may stop."""
    with postgres_server() as server:
        yield server


def warnings_of(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("provenance") and record.levelno >= logging.WARNING
    ]


def near_repo(place):
    return SqlRepo(place / "near.db", DiskStore(place / "near"), name="near")


def test_a_database_that_is_stopped_and_started_again(own_server, tmp_path, caplog):
    near, far = near_repo(tmp_path), SqlRepo(own_server.url(), DiskStore(tmp_path / "far"), name="team")
    chain = ChainedRepo([near, far], name="c", write_policy="any", retry_seconds=3600)
    strict = ChainedRepo([near, far], name="strict", on_unreachable="raise")
    chain.save(a_draft(1, LARGE, recipe=a_recipe(1)))
    far.save(a_draft(2, LARGE + "2", edges=(edge_to(1),), recipe=a_recipe(2)))

    own_server.stop()
    for seed in range(10, 15):
        assert chain.get_value(an_id(1)) == LARGE
        assert chain.find_records([an_id("unknown")]) == {}
        assert chain.save(a_draft(seed, LARGE)).sequence is not None
        with pytest.raises(
            TierUnavailableError, match=r"member of the chain is out of reach.*check that the server runs"
        ):
            chain.get_by_id(an_id("unknown"))
    told = [text for text in warnings_of(caplog) if "'c'" in text]
    assert len(told) == 1
    assert "'team' is out of reach and is left out" in told[0]
    with pytest.raises(TierUnavailableError, match=r"'strict' cannot write in its member 'team'.*stored in 'near'"):
        strict.save(a_draft(3, LARGE))
    with pytest.raises(TierUnavailableError, match=r"'strict' cannot look up in its member 'team'"):
        strict.find_records([an_id("unknown")])
    assert an_id(3) in near

    own_server.start()
    back = ChainedRepo([near, far], name="back")
    assert back.get_value(an_id(2)) == LARGE + "2"
    with p.using_repo(back):
        assert [artifact.id for artifact in p.dependencies(an_id(2))] == [an_id(1), an_id(2)]
    missed = [an_id(seed) for seed in (3, *range(10, 15))]
    assert set(far.find_records(missed)) == set()
    back.batch_put(near.batch_get_by_id(missed))  # what it missed
    assert set(far.find_records(missed)) == set(missed)


def a_configuration(tmp_path, db, **chain):
    return {
        "blobstores": {
            "near values": {"type": "disk", "cachedir": str(tmp_path / "near")},
            "far values": {"type": "disk", "cachedir": str(tmp_path / "far")},
        },
        "artifact_repos": {
            "near": {"type": "sqlite", "db": str(tmp_path / "near.db"), "store": "near values"},
            "team": {"type": "postgres", "db": db, "store": "far values"},
            "all": {"type": "chained", "repos": ["near", "team"], "write_policy": "any", **chain},
        },
        "default_repo": "all",
    }


def test_a_chain_starts_without_a_member_and_finds_it_later(own_server, tmp_path, caplog):
    own_server.stop()
    p.load_config(a_configuration(tmp_path, own_server.url(), retry_seconds=0))

    @p.provenance()
    def double(x):
        return x * 2

    for x in (1, 2, 3):
        assert double(x).artifact.is_stored
    assert len([text for text in warnings_of(caplog) if "out of reach and is left out" in text]) <= 2

    own_server.start()
    stored = double(4).artifact
    with p.using_repo("team"):
        assert p.load_artifact(stored.id).value == 8


def test_a_chain_that_needs_all_of_them_does_not_start_without_one(own_server, tmp_path):
    own_server.stop()
    try:
        with pytest.raises(RepoUnreachableError, match=r"artifact_repos.team: the database"):
            p.load_config(a_configuration(tmp_path, own_server.url(), on_unreachable="raise"))
    finally:
        own_server.start()


def test_a_database_that_refuses_is_an_error_at_once(postgres, tmp_path):
    url = postgres.url(user="locked", password="wrong")
    with pytest.raises(RepoUnavailableError, match=r"artifact_repos.team: .*check the user and the password"):
        p.load_config(a_configuration(tmp_path, url))


def test_a_port_where_nobody_listens(tmp_path, caplog):
    [port] = free_ports(1)
    p.load_config(a_configuration(tmp_path, f"postgresql://somebody:hush@{HOST}:{port}/nothing"))

    @p.provenance()
    def triple(x):
        return x * 3

    assert [triple(x) for x in range(5)] == [0, 3, 6, 9, 12]
    assert all(triple(x).artifact.is_stored for x in range(5))
    assert len(warnings_of(caplog)) == 1
    assert "hush" not in caplog.text
