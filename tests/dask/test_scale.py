"""Graphs of 100,003 calls in three shapes: no recursion, and work that grows as the graph does."""

from __future__ import annotations

import pickle
import sys

import pytest

import provenance as p
import provenance_dask as pd
from provenance.repos.memory import MemoryRepo
from provenance_dask.resolve import above, identify, resolve
from tests.dask.pipeline import add, source, total
from tests.dask.test_resolving import Statements

CALLS = 100_003


def chain(calls, log):
    node = source(0, log=log)
    for _ in range(calls - 1):
        node = add(node, 1, log=log)
    return node


def wide(calls, log):
    return total([source(i, log=log) for i in range(calls - 1)], log=log)


def tree(calls, log):
    level = [source(i, log=log) for i in range((calls + 1) // 2)]
    while len(level) > 1:
        odd = level[len(level) & ~1 :]
        level = [add(level[i], level[i + 1], log=log) for i in range(0, len(level) - 1, 2)] + odd
    return level[0]


shapes = pytest.mark.parametrize("shape", [chain, wide, tree])


@pytest.fixture
def repo(configured):
    return p.get_default_repo()


def store(repo, node, log):
    """Let a stored result be that of every call of a graph."""
    artifact = source(0, log=log).compute(scheduler="sync").artifact
    repo.add_recipes({step.recipe: artifact.id for step in above([node.step])})


@pytest.mark.timeout(600)
@shapes
def test_a_graph_is_built_planned_pickled_and_run_again(repo, log, shape):
    queries = Statements(repo)
    node = shape(CALLS, log)
    plan = pd.plan(node)
    assert (plan.nodes, plan.hits, plan.to_run + plan.undecided) == (CALLS, 0, CALLS)
    data = pickle.dumps(node)
    store(repo, node, log)
    queries.take()
    again = pickle.loads(data)
    assert (again.key, again.status) == (node.key, "unknown")
    assert len(data) < 300 * CALLS
    assert again.compute(scheduler=None) == 0
    assert queries.take() == 1
    assert pd.plan(again).hits == CALLS
    assert queries.take() == 1
    assert len(identify([again.step])) == CALLS
    assert queries.take() == 1
    below = add(again, 5, log=log)
    assert resolve([below.step]).to_run == [below.step]


@pytest.mark.parametrize(
    ("scheduler", "shape", "calls", "result"),
    [("sync", chain, 3_003, 3_002), ("threads", wide, 2_003, 2_003_001), ("threads", tree, 2_003, 501_501)],
)
def test_graphs_compute(executions, scheduler, shape, calls, result):
    log = executions.path
    with p.using_repo(MemoryRepo(name="held")):
        assert shape(calls, log).compute(scheduler=scheduler) == result
        assert len(executions.take()) == calls
        assert shape(calls, log).compute(scheduler=scheduler) == result
        assert pd.plan(shape(calls, log)).hits == calls
    assert executions.take() == []


def test_a_deep_graph_computes_on_a_cluster(client, tasks, executions, log):
    assert chain(603, log).compute() == 602
    assert (tasks.take(), len(executions.take())) == ((1, 603), 603)
    assert chain(603, log).compute() == 602
    assert add(chain(603, log), 1, log=log).compute() == 603
    assert (tasks.take(), executions.take()) == ((1, 1), ["add"])


def calls_made(work):
    """How many Python functions a piece of work calls."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@shapes
def test_twice_the_calls_are_twice_the_work(log, shape):
    def work(calls):
        with p.using_repo(MemoryRepo(name="empty")):
            pd.plan(shape(calls, log)).visualize()

    work(100)
    assert calls_made(lambda: work(2_000)) < 2.1 * calls_made(lambda: work(1_000))


# ---- pickling


def same(node):
    return pickle.loads(pickle.dumps(node))


def test_a_pickled_node_is_the_same_call(repo, log, executions):
    from tests.dask.pipeline import Pair, now, split

    parts = split(source(30, log=log), log=log)
    nested = total([add(parts["whole"], 1, log=log), add(Pair(parts["tenth"], 2).left, log=log)], log=log)
    for node in (nested, parts, parts["tenth"], source(1, log=log)):
        assert same(node).key == node.key
        assert same(node).compute(scheduler="sync") == node.compute(scheduler="sync")
        assert pd.plan(same(node)).to_run == 0
    uncached = add(now(1, log=log), 1, log=log)
    assert same(uncached).step.recipe is None
    assert same(uncached).compute(scheduler="sync") == 2


def test_a_pickled_node_keeps_its_annotations(repo, log):
    import dask

    with dask.annotate(priority=7):
        node = source(1, log=log)
    assert same(node).step.annotations == {"priority": 7}
    assert same(source(2, log=log)).step.annotations is None


def test_a_pickled_node_that_was_persisted_keeps_what_it_holds(log, executions):
    with p.using_repo(MemoryRepo(name="closed", write=False)):
        kept = source(1, log=log).persist(scheduler="sync")
        executions.take()
        assert same(kept).compute(scheduler="sync") == 1
    assert executions.take() == []
