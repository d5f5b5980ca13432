"""What client and worker must have in common, as the worker sees it: this process, and a client elsewhere."""

from __future__ import annotations

import os
from dataclasses import asdict, replace

import pytest

import provenance as p
from provenance.errors import WorkerRefusedError
from provenance.types import RecordPlace
from provenance_dask.agreement import check_host, check_repo, check_versions, is_like, this_side

LAPTOP = replace(this_side(), host="laptop", kernel="another one")
MEMORY = RecordPlace("the memory", "1", "process", writes=True)
FILE = RecordPlace("/data/p.db", "2", "host", writes=True)
SERVER = RecordPlace("postgresql://db/p", "3", "network", writes=True)


def read_only(place):
    return place._replace(writes=False)


@pytest.mark.parametrize(
    "places",
    [(FILE,), (MEMORY, FILE), (FILE, read_only(SERVER)), (read_only(FILE),)],
    ids=["a file", "a chain", "a server that is only read", "a file that is only read"],
)
def test_another_host_is_refused_where_all_is_recorded_in_a_file(places):
    with pytest.raises(WorkerRefusedError, match=r"/data/p\.db of host laptop, .* PostgreSQL") as caught:
        check_host(LAPTOP, "local", places, "tcp://10.0.0.9:1")
    assert caught.value.differences == (("host", "laptop", this_side().host),)
    check_host(replace(LAPTOP, kernel=this_side().kernel), "local", places, None)


@pytest.mark.parametrize(
    "places", [(SERVER,), (FILE, SERVER), (MEMORY,), ()], ids=["a server", "a near copy", "memory", "not known"]
)
def test_another_host_is_not_refused_elsewhere(places):
    check_host(LAPTOP, "local", places, None)


@pytest.fixture
def place(configured):
    """The place of the worker's repo."""
    [place] = p.get_default_repo().record_places()
    return place


def test_a_worker_records_in_one_of_the_client_s_places(place):
    check_repo(LAPTOP, "local", (place._replace(address="elsewhere"),), None)
    check_repo(LAPTOP, "local", (SERVER, place), None)
    check_repo(LAPTOP, "local", (read_only(place),), None)
    with pytest.raises(WorkerRefusedError, match=rf"{place.identity}.* host laptop .*\(identity 3\)"):
        check_repo(LAPTOP, "local", (SERVER,), None)


def test_what_is_not_known_is_not_compared(place):
    check_repo(LAPTOP, "local", (), None)
    check_repo(LAPTOP, "local", (SERVER, FILE._replace(identity=None)), None)


def test_a_worker_needs_a_repo_of_the_name(configured):
    with pytest.raises(WorkerRefusedError, match=r"has no repo 'team', .* laptop uses .it has local.") as caught:
        check_repo(LAPTOP, "team", (SERVER,), None)
    assert caught.value.differences == (("repo", "team", "local"),)


@pytest.mark.parametrize("fact", ["python", "library", "hash_scheme"])
def test_versions_must_be_equal(fact):
    client = replace(LAPTOP, **{fact: "0.0"})
    assert not is_like(client)
    with pytest.raises(WorkerRefusedError, match=rf"^process {os.getpid()} on host .* laptop has .* 0\.0:") as caught:
        check_versions(client, None)
    assert [difference[1:] for difference in caught.value.differences] == [("0.0", asdict(this_side())[fact])]


def test_a_client_elsewhere_is_like_this_process():
    assert is_like(LAPTOP)
    check_versions(LAPTOP, None)
