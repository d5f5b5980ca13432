"""What a lazy artifact says of its result, before anything was looked up until after it was computed."""

from __future__ import annotations

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.repos.memory import MemoryRepo
from tests.dask.conftest import CountingRepo
from tests.dask.pipeline import add, fails, now, sign, source, total


def pair(log, number=1):
    first = source(number, log=log)
    return first, add(first, 1, log=log)


def test_nothing_is_known_before_anything_was_looked_up(repo, log):
    first, second = pair(log)
    second.compute(scheduler="sync")
    repo.queries = 0
    first, second = pair(log)
    assert (first.status, second.status) == ("unknown", "unknown")
    assert "unknown" in repr(second)
    assert repo.queries == 0


def test_a_look_up_tells_hits_misses_and_what_is_behind_a_miss(repo, log):
    source(1, log=log).compute(scheduler="sync")
    stored, fresh = source(1, log=log), source(2, log=log)
    node = total([stored, fresh], log=log)
    pd.plan(node)
    assert (stored.status, fresh.status, node.status) == ("hit", "miss", "undecided")


def test_asking_for_a_status_that_was_looked_up_asks_nothing(repo, log):
    first, second = pair(log)
    pd.plan(second)
    repo.queries = 0
    assert (first.status, second.status) == ("miss", "undecided")
    assert repo.queries == 0


WAYS = {
    "node.compute": lambda node: node.compute(scheduler="sync"),
    "compute": lambda node: pd.compute([node], scheduler="sync"),
    "compute with others": lambda node: pd.compute(node, dask.delayed(lambda: 1)(), scheduler="sync"),
    "node.persist": lambda node: node.persist(scheduler="sync"),
    "persist": lambda node: pd.persist(node, scheduler="sync"),
    "dask.compute": lambda node: dask.compute(node, scheduler="threads"),
    "dask.persist": lambda node: dask.persist(node, scheduler="sync"),
    "delayed": lambda node: dask.delayed(lambda x: x)(node).compute(scheduler="sync"),
    "to_delayed": lambda node: node.to_delayed().compute(scheduler="sync"),
    "get": lambda node: dask.compute(node, scheduler=pd.get),
}


@pytest.mark.parametrize("way", WAYS)
def test_after_computing_by_any_way_it_is_what_it_turned_out_to_be(repo, log, way):
    first, second = pair(log)
    WAYS[way](second)
    assert (first.status, second.status) == ("computed", "computed")
    total([sign(source(5, log=log), log=log)], log=log).compute(scheduler="sync")
    changed = sign(source(7, log=log), log=log)
    node = total([changed], log=log)
    WAYS[way](node)
    assert (changed.status, node.status) == ("computed", "hit")
    again = pair(log)[1]
    WAYS[way](again)
    assert again.status == "hit"


@pytest.mark.parametrize("way", ["client.compute", "client.persist", "persist", "submit"])
def test_after_computing_on_a_cluster(client, log, way):
    from distributed import wait

    first, second = pair(log)
    if way == "client.compute":
        wait(client.compute(second))
    elif way == "client.persist":
        kept = client.persist(second)
        wait(kept)
        assert kept.status == "computed"
    elif way == "persist":
        (kept,) = pd.persist(second)
        wait(kept)
        assert kept.status == "computed"
    else:
        assert second.compute() == 2
    assert (first.status, second.status) == ("computed", "computed")


def test_a_computation_costs_no_query_for_statuses_that_nobody_asks_for(repo, log):
    first, second = pair(log)
    second.compute(scheduler="sync")
    repo.queries = 0
    assert "computed" in repr(second)
    assert repo.queries == 0
    assert second.status == "computed"
    assert repo.queries == 1
    assert (first.status, first.artifact_id) == ("computed", source(1, log=log).artifact_id)
    assert repo.queries == 1


def test_statuses_are_those_in_the_repo_that_was_computed_in(repo, log):
    with p.using_repo(MemoryRepo(name="other")):
        total([sign(source(5, log=log), log=log)], log=log).compute(scheduler="sync")
        node = total([sign(source(7, log=log), log=log)], log=log)
        node.compute(scheduler="sync")
    assert node.status == "hit"


def test_what_is_being_computed_is_not_called_computed(repo, log):
    first, second = pair(log)
    second.__dask_graph__()
    assert (first.status, second.status) == ("miss", "undecided")
    pair(log)[1].compute(scheduler="sync")
    assert (first.status, second.status) == ("computed", "computed")


def test_after_an_error_each_call_says_how_far_it_got(repo, log):
    first, other = source(1, log=log), source(2, log=log)
    failing = fails(first, log=log)
    node = total([failing, other], log=log)
    with pytest.raises(LookupError):
        node.compute(scheduler="sync")
    assert first.status == "computed"
    assert (failing.status, node.status) == ("undecided", "undecided")


def test_results_that_are_not_stored_are_computed(log):
    closed = CountingRepo(name="closed", write=False)
    with p.using_repo(closed):
        first, second = pair(log)
        second.compute(scheduler="sync")
        assert (first.status, second.status) == ("computed", "computed")
        closed.queries = 0
        assert (first.status, second.status) == ("computed", "computed")
        assert closed.queries == 0


def test_what_is_always_computed_is_never_a_hit(repo, log):
    first = now(1, log=log)
    node = add(first, 1, log=log)
    for _ in range(2):
        node.compute(scheduler="sync")
        assert first.status == "computed"
        assert first.artifact_id is None
    assert node.artifact_id == add(1, 1, log=log).artifact_id


def test_with_the_cache_switched_off_everything_is_computed(repo, log):
    pair(log)[1].compute(scheduler="sync")
    p.set_use_cache(False)
    first, second = pair(log)
    second.compute(scheduler="sync")
    p.set_use_cache(True)
    assert (first.status, second.status) == ("computed", "computed")
