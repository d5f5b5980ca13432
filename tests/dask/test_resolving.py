"""What is asked of the database before anything is scheduled, counted in its statements."""

from __future__ import annotations

import dask
import pytest

import provenance as p
import provenance_dask as pd
from provenance.repos.memory import MemoryRepo
from tests.dask.pipeline import add, now, sign, source, split, total, tree


class Statements:
    """The queries that reach a SQLite database from this thread."""

    def __init__(self, repo):
        self._seen = []
        repo._rows._database._connection().set_trace_callback(self._note)

    def _note(self, statement):
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            self._seen.append(statement)

    def take(self):
        """How many there were since it was last asked."""
        count, self._seen = len(self._seen), []
        return count


@pytest.fixture
def queries(configured):
    return Statements(p.get_default_repo())


def chain(length, log, first=0):
    node = source(first, log=log)
    for _ in range(length):
        node = add(node, 1, log=log)
    return node


def forget(repo):
    """Let the records that this process remembers for some seconds be as unknown as in a new one."""
    repo._cache._clear()


def test_a_cached_graph_takes_one_query_whatever_its_depth(queries, log):
    for length in (10, 1000):
        chain(length, log).compute(scheduler="sync")
        forget(p.get_default_repo())
        queries.take()
        assert chain(length, log).compute(scheduler="sync") == length
        assert queries.take() == 1


def test_all_roots_are_asked_for_in_one_query(queries, log):
    roots = [add(source(i, log=log), 1, log=log) for i in range(50)]
    pd.compute(roots, scheduler="sync")
    queries.take()
    assert pd.compute([add(source(i, log=log), 1, log=log) for i in range(50)], scheduler="sync") == (
        list(range(1, 51)),
    )
    assert queries.take() == 1


def test_a_new_call_below_a_cached_chain_takes_three_queries(queries, log):
    """The root's recipe key, all recipe keys, and the content key of what is new."""
    chain(500, log).compute(scheduler="sync")
    node = total([chain(500, log)], log=log)
    queries.take()
    assert node.artifact_id is None
    resolution = pd.nodes.resolve([node.step])
    assert queries.take() == 3
    assert [step.name for step in resolution.to_run] == ["total"]


def test_nothing_stored_takes_three_queries_whatever_the_depth(queries, log):
    for length in (1, 200):
        node = chain(length, log, first=length)
        queries.take()
        assert len(pd.nodes.resolve([node.step]).to_run) == length + 1
        assert queries.take() == 3


def test_unchanged_values_are_followed_level_by_level(queries, log):
    def node(number):
        step = sign(source(number, log=log), log=log)
        for _ in range(4):
            step = add(step, 1, log=log)
        return step

    node(5).compute(scheduler="sync")
    source(7, log=log).compute(scheduler="sync")
    sign(source(7, log=log), log=log).compute(scheduler="sync")
    forget(p.get_default_repo())
    queries.take()
    changed = node(7)
    assert changed.compute(scheduler="sync") == 5
    assert changed.status == "hit"
    assert queries.take() == 2 + 4  # recipe keys twice, and the content key of each call below the sign
    assert node(7).compute(scheduler="sync") == 5
    assert queries.take() == 1  # the recipe keys were recorded


def test_hits_are_remembered_for_good(queries, log):
    node = tree(8, log)
    node.compute(scheduler="sync")
    node.compute(scheduler="sync")
    queries.take()
    assert node.compute(scheduler="sync") == 28
    assert pd.compute([node, node], scheduler="sync") == ([28, 28],)
    assert queries.take() == 0


def test_what_is_below_a_hit_that_is_remembered_is_looked_up(queries, log):
    middle = chain(10, log)
    middle.compute(scheduler="sync")
    pd.plan(middle)
    queries.take()
    assert len(pd.nodes.resolve([add(middle, 5, log=log).step]).to_run) == 1
    assert queries.take() == 3


def test_misses_are_remembered_while_dask_asks_for_the_graph(queries, log):
    node = tree(4, log)
    graph = node.__dask_graph__()
    queries.take()
    assert node.__dask_graph__() is graph
    assert node.__dask_keys__() == [node.__dask_keys__()[0]]
    assert queries.take() == 0


def test_misses_are_not_remembered_for_long(queries, log, monkeypatch):
    node = tree(4, log)
    graph = node.__dask_graph__()
    tree(4, log).compute(scheduler="sync")
    monkeypatch.setattr("provenance_dask.nodes.monotonic", lambda: float("inf"))
    assert node.__dask_graph__() is not graph
    assert len(node.__dask_graph__()) == 1
    assert node.status == "hit"


@pytest.mark.parametrize("way", ["compute", "plan", "dask.compute", "delayed", "get"])
def test_every_way_in_asks_once_for_a_cached_root(queries, log, way):
    tree(16, log).compute(scheduler="sync")
    queries.take()
    node = tree(16, log)
    if way == "compute":
        node.compute(scheduler="sync")
    elif way == "dask.compute":
        dask.compute(node, scheduler="sync")
    elif way == "delayed":
        dask.delayed(lambda x: x)(node).compute(scheduler="sync")
    elif way == "get":
        with dask.config.set(scheduler=pd.get):
            dask.compute(node)
    else:
        assert pd.plan(node).hits == 31
        assert queries.take() == 2  # one more for the durations of what is above
        return
    assert queries.take() == 1


def test_each_repo_is_asked_once(queries, executions, log, tmp_path):
    own = p.from_config(
        {
            "blobstores": {"disk": {"type": "disk", "cachedir": str(tmp_path / "other")}},
            "artifact_repos": {"other": {"type": "sqlite", "db": str(tmp_path / "other.db"), "store": "disk"}},
            "default_repo": "other",
        }
    )["default_repo"]
    others = Statements(own)

    @pd.provenance(repo=own, name="kept_elsewhere")
    def kept(x):
        return x + 1

    def roots():
        return [kept(source(i, log=log)) for i in range(5)] + [
            add(kept(source(i, log=log)), 1, log=log) for i in range(5)
        ]

    first = pd.compute(roots(), scheduler="sync")
    executions.take()
    forget(p.get_default_repo())
    forget(own)
    queries.take(), others.take()
    assert pd.compute(roots(), scheduler="sync") == first
    assert (queries.take(), others.take(), executions.take()) == (1, 1, [])
    result = pd.compute(total(roots(), log=log), scheduler="sync")
    assert result == (35,)
    assert executions.take() == ["total"]


def test_a_chain_is_asked_member_by_member_for_what_the_first_ones_lack(executions, log):
    near, far = MemoryRepo(name="near"), MemoryRepo(name="far")
    with p.using_repo(far):
        tree(4, log).compute(scheduler="sync")
    executions.take()
    from provenance.repos.chained import ChainedRepo

    with p.using_repo(ChainedRepo([near, far], name="both")):
        assert pd.plan(tree(4, log)).hits == 7
        assert tree(4, log).compute(scheduler="sync") == 6
        assert add(tree(4, log), 1, log=log).compute(scheduler="sync") == 7
    assert executions.take() == ["add"]


def test_below_a_call_that_is_always_computed_recipe_keys_are_not_asked_for(queries, executions, log):
    node = chain(5, log)
    below = add(now(1, log=log), node, log=log)
    assert below.compute(scheduler="sync") == 6
    executions.take()
    again = add(now(1, log=log), chain(5, log), log=log)
    assert again.step.recipe is None
    plan = pd.plan(again)
    assert (plan.nodes, plan.hits, plan.to_run, plan.undecided) == (8, 6, 1, 1)
    assert again.compute(scheduler="sync") == 6
    assert executions.take() == ["now"]


def test_members_are_found_with_their_roots(queries, log):
    whole = split(source(30, log=log), log=log)
    add(whole["whole"], whole["tenth"], log=log).compute(scheduler="sync")
    queries.take()
    fresh = split(source(30, log=log), log=log)
    assert pd.compute(fresh["whole"], fresh["tenth"], fresh, scheduler="sync")[:2] == (30, 3)
    assert queries.take() == 1


def test_one_changed_leaf_of_a_large_tree_runs_only_its_cone(repo, executions, log):
    """10,003 calls, of which a leaf and the fourteen sums above it are new."""

    def wide(changed=()):
        leaves = [source(i, log=log) for i in range(5_002)]
        for index in changed:
            leaves[index] = source(-1 - index, log=log)
        while len(leaves) > 1:
            odd = leaves[len(leaves) & ~1 :]
            leaves = [add(leaves[i], leaves[i + 1], log=log) for i in range(0, len(leaves) - 1, 2)] + odd
        return leaves[0]

    sent = []

    def scheduler(dsk, keys, **kwargs):
        sent.append(len(dict(dsk)))
        return dask.get(dsk, keys, **kwargs)

    cold = wide()
    plan = pd.plan(cold)
    assert (plan.nodes, plan.to_run, plan.undecided) == (10_003, 5_002, 5_001)
    cold.compute(scheduler=scheduler)
    assert len(executions.take()) == 10_003
    wide([1234]).compute(scheduler=scheduler)
    assert executions.take() == ["add"] * 13 + ["source"]
    wide([1234]).compute(scheduler=scheduler)
    assert executions.take() == []
    assert sent == [10_003, 14]


def test_on_a_cluster_what_is_stored_sends_no_graph_by_any_way_in(client, tasks, executions, log):
    def node():
        return tree(4, log)

    assert node().compute() == 6
    assert tasks.take() == (1, 7)
    executions.take()
    assert node().compute() == 6
    assert pd.compute(node(), [node()]) == (6, [6])
    assert pd.compute(node(), scheduler=client) == (6,)
    assert node().persist().compute() == 6
    assert pd.persist(node())[0].compute() == 6
    assert pd.plan(node()).hits == 7
    assert pd.why(node()).reason == "stored"
    with dask.config.set(scheduler=pd.get):
        assert dask.compute(node(), [node()]) == (6, [6])
        assert node().compute() == 6
    assert (tasks.take(), executions.take()) == ((0, 0), [])


def test_results_in_arguments_that_do_not_count_are_not_waited_for(repo, executions, log):
    @pd.provenance(name="noted", ignore=["note"])
    def noted(x, note):
        return x

    noted(sign(source(5, log=log), log=log), note=source(100, log=log)).compute(scheduler="sync")
    sign(source(7, log=log), log=log).compute(scheduler="sync")
    executions.take()
    node = noted(sign(source(7, log=log), log=log), note=source(200, log=log))
    assert node.compute(scheduler="sync") == 1
    assert (node.status, executions.take()) == ("hit", [])
