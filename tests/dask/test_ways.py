"""Every way in gives the same results: Dask's own functions, mixtures with its collections, tasks inside of tasks."""

from __future__ import annotations

import pickle
import shutil
import sysconfig
from pathlib import Path

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pytest
from pandas import DataFrame

import provenance as p
import provenance_dask as pd
from provenance.errors import HashingError, InvalidInputsError, UsageError
from tests.dask.pipeline import (
    add,
    block,
    describe,
    eager_add,
    name_of_repo,
    nests,
    note,
    now,
    plain_sum,
    source,
    spreads,
    total,
)


@pd.provenance(name="frame")
def frame(number):
    return DataFrame({"number": [number, number + 1], "name": ["a", "b"]})


@pd.provenance(name="pieces")
def pieces(number):
    return list(range(number))


# ---- nodes inside of other graphs


def test_nodes_inside_of_delayed_graphs(repo, executions, log):
    both = dask.delayed(lambda x, ys: x + sum(ys))(source(1, log=log), [source(2, log=log), 3])
    assert (both * 2).compute(scheduler="sync") == 12
    assert executions.take() == ["source", "source"]


def test_nodes_inside_of_arrays(repo, log):
    chunks = [da.from_delayed(block(n, length=4, log=log), (4,), dtype=int) for n in (1, 2)]
    array = da.concatenate(chunks)
    assert array.sum().compute(scheduler="sync") == 12
    assert (da.stack(chunks).T @ da.ones((2, 3), chunks=1)).compute(scheduler="sync").tolist() == [[3, 3, 3]] * 4
    added = da.map_blocks(np.add, array, block(7, length=1, log=log), dtype=int)
    assert added.compute(scheduler="sync").tolist() == [8] * 4 + [9] * 4


def test_nodes_inside_of_bags(repo, log):
    bag = db.from_delayed([pieces(2), pieces(3)])
    assert bag.map(lambda x: x * 2).compute(scheduler="sync") == [0, 2, 0, 2, 4]
    assert bag.map(lambda x, y: x + y, source(5, log=log).to_delayed()).sum().compute(scheduler="sync") == 29


def test_nodes_inside_of_dataframes(repo):
    frames = dd.from_delayed([frame(1).to_delayed(), frame(2).to_delayed()])
    assert frames.number.sum().compute(scheduler="sync") == 8
    assert frames.groupby("name").number.max().compute(scheduler="sync").to_dict() == {"a": 2, "b": 3}
    assert type(frames.compute(scheduler="sync")) is DataFrame


@pytest.mark.parametrize("run", ["cold", "stored"])
def test_a_delayed_of_a_node_gives_the_plain_value(repo, log, run):
    if run == "stored":
        source([1], log=log).compute(scheduler="sync")
    assert source([1], log=log).to_delayed().compute(scheduler="sync") == [1]
    assert type(source([1], log=log).to_delayed().compute(scheduler="sync")) is list
    assert p.is_proxy(dask.delayed(source([1], log=log)).compute(scheduler="sync"))


def test_a_graph_with_nodes_can_be_drawn(repo, log, tmp_path, monkeypatch):
    (tmp_path / "dot").symlink_to(Path(sysconfig.get_path("scripts"), "graphviz-pure"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert shutil.which("dot") == str(tmp_path / "dot")
    dask.visualize(add(source(1, log=log), 1, log=log), filename=str(tmp_path / "graph"), format="svg")
    assert (tmp_path / "graph.svg").read_text("utf-8").count('class="node"') >= 2


# ---- collections as arguments of nodes


COLLECTIONS = {
    "Array": lambda: da.arange(6, chunks=2) * 2,
    "Bag": lambda: db.from_sequence([1, 2, 3], npartitions=2).map(str),
    "DataFrame": lambda: dd.from_pandas(DataFrame({"a": [1, 2]}), npartitions=2),
    "Delayed": lambda: dask.delayed(sum, pure=True)([1, 2]),
}


@pytest.mark.parametrize("kind", COLLECTIONS)
@pytest.mark.parametrize("place", ["anything", "nested", "log"])
def test_a_collection_is_refused_by_name_with_both_ways_out(repo, kind, place):
    collection = COLLECTIONS[kind]()
    arguments = {"anything": [collection] if place == "nested" else 1, "log": None} | {place: collection}
    arguments.pop("nested", None)
    name = "log" if place == "log" else "anything"
    expected = rf"kargs\['{name}'\].*{kind}.*[Cc]ompute it first.*provenance_dask\.by_token\(x\)"
    with pytest.raises((HashingError, InvalidInputsError), match=expected):
        describe(**arguments)


def test_an_eager_function_refuses_a_collection_too(repo):
    with pytest.raises(HashingError, match=r"kargs\['a'\].*Dask collection.*Compute it first"):
        eager_add(da.ones(3))


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_a_collection_by_token_gives_its_value(repo, executions, log, kind):
    plain = COLLECTIONS[kind]().compute(scheduler="sync")
    node = describe([pd.by_token(COLLECTIONS[kind]())], log=log)
    assert node.compute(scheduler="sync") == repr([plain])
    assert executions.take() == ["describe"]
    assert pd.plan(describe([pd.by_token(COLLECTIONS[kind]())], log=log)).to_run == 0


def test_what_is_stored_below_a_collection_does_not_compute_it(repo, executions, log):
    def numbers():
        return pd.by_token(dask.delayed(_counted, pure=True)(log))

    assert total(numbers(), log=log).compute(scheduler="sync") == 3
    assert executions.take() == ["counted", "total"]
    assert total(numbers(), log=log).compute(scheduler="sync") == 3
    assert add(total(numbers(), log=log), 1, log=log).compute(scheduler="sync") == 4
    assert executions.take() == ["add"]


def _counted(log):
    note(log, "counted")
    return [1, 2]


def test_another_token_with_the_same_value_computes_the_collection_only(repo, executions, log):
    first = total(pd.by_token(dask.delayed([1, 2])), log=log)
    assert first.compute(scheduler="sync") == 3
    executions.take()
    other = total(pd.by_token(dask.delayed(_counted)(log)), log=log)
    assert other.key != first.key
    assert other.compute(scheduler="sync") == 3
    assert executions.take() == ["counted"]


def test_collections_of_one_kind_are_told_apart(repo, log):
    nodes = [describe(pd.by_token(array.sum()), log=log) for array in (da.ones(3), da.zeros(3))]
    assert nodes[0].key != nodes[1].key
    assert pd.compute(*nodes, scheduler="sync") == (repr(np.float64(3)), repr(np.float64(0)))


def test_the_artifact_is_that_of_the_eager_call(repo, log):
    result = total(pd.by_token(dask.delayed([1, 2])), log=log).compute(scheduler="sync")
    assert result.artifact.id == total([1, 2]).artifact_id


def test_with_the_cache_switched_off_tokens_lead_nowhere(repo, executions, log):
    def node():
        return keeps(pd.by_token(dask.delayed(_counted, pure=True)(log)))

    @pd.provenance(use_cache=True, name="keeps")
    def keeps(x):
        return x

    node().compute(scheduler="sync")
    p.set_use_cache(False)
    executions.take()
    assert pd.plan(node()).hits == 0


def test_a_collection_with_nodes_in_it_is_an_argument_too(repo, executions, log):
    inside = da.from_delayed(block(2, length=3, log=log), (3,), dtype=int) + 1
    assert describe(pd.by_token(inside.sum()), log=log).compute(scheduler="sync") == repr(np.int64(9))
    assert executions.take() == ["block", "describe"]


def test_a_collection_by_token_can_be_a_result(repo):
    node = pd.by_token(da.ones(4, chunks=2).sum())
    assert pd.compute(node, scheduler="sync") == (4,)
    assert (node.artifact_id, node.status) == (None, "computed")
    (kept,) = pd.persist(node, scheduler="sync")
    assert kept.compute(scheduler="sync") == 4


def test_plans_count_collections_by_their_type(repo, log):
    def node(x):
        return add(total(pd.by_token(db.from_sequence([1, 2])), log=log), x, log=log)

    plan = pd.plan(node(1))
    assert {name: (counts["to_run"], counts["undecided"]) for name, counts in plan.by_function.items()} == {
        "Bag": (1, 0),
        "total": (0, 1),
        "add": (0, 1),
    }
    assert plan.not_estimated == ("Bag", "add", "total")
    assert plan.visualize().dot.count("to run") == 1
    node(1).compute(scheduler="sync")
    assert (pd.plan(node(1)).hits, pd.plan(node(2)).to_run) == (3, 1)
    assert pd.plan(node(2)).by_function["Bag"]["hits"] == 1


def test_why_a_collection_is_computed(repo, log):
    node = pd.by_token(db.from_sequence([1, 2]))
    total(node, log=log).compute(scheduler="sync")
    why = pd.why(node)
    assert (why.function, why.reason) == ("dask.bag.core.Bag", "always computed")
    other = pd.by_token(db.from_sequence([1, 3]))
    why = pd.why(total(other, log=log))
    assert (why.reason, [change.path for change in why.changes]) == ("upstream", ["kargs['parts']"])
    assert why.changes[0].after == {"awaits": other.key}


def test_the_status_of_a_collection(repo, log):
    node = pd.by_token(db.from_sequence([1, 2]))
    user = total(node, log=log)
    assert (node.status, user.status) == ("unknown", "unknown")
    pd.plan(user)
    assert (node.status, user.status) == ("miss", "undecided")
    user.compute(scheduler="sync")
    assert (node.status, user.status) == ("computed", "computed")


@pytest.mark.parametrize("kind", COLLECTIONS)
def test_nodes_with_collections_pickle(repo, log, kind):
    node = describe([pd.by_token(COLLECTIONS[kind]()), source(1, log=log)], log=log)
    copy = pickle.loads(pickle.dumps(node))
    assert copy.key == node.key
    assert [step.token for step in copy.step.inputs] == [step.token for step in node.step.inputs]
    assert copy.compute(scheduler="sync") == repr([COLLECTIONS[kind]().compute(scheduler="sync"), 1])
    assert pd.plan(node).hits == 3


def test_by_token_takes_collections_only(repo, log):
    with pytest.raises(UsageError, match="takes Dask collections, got list"):
        pd.by_token([1])
    node = now(1, log=log)
    assert pd.by_token(node) is node


# ---- on a cluster


@pytest.fixture
def threads():
    """A client of a cluster whose worker is a thread of this process, with a resource."""
    from distributed import Client

    options = {"dashboard_address": "127.0.0.1:0", "resources": {"GPU": 2}}
    with Client(processes=False, n_workers=1, threads_per_worker=2, **options) as client:
        yield client


def _started(client, way, node):
    if way == "provenance_dask.persist":
        (kept,) = pd.persist(node)
    elif way == "dask.persist":
        (kept,) = dask.persist(node)
    elif way == "client.persist":
        kept = client.persist(node)
    else:
        return client.compute(node)
    return kept


@pytest.mark.parametrize("way", ["provenance_dask.persist", "dask.persist", "client.persist", "client.compute"])
def test_the_scheduler_honours_annotations_of_each_node(threads, repo, log, way):
    worker = next(iter(threads.scheduler_info()["workers"]))
    with dask.annotate(priority=7, retries=2):
        first = source(1, log=log)
    with dask.annotate(workers=[worker], allow_other_workers=True, resources={"GPU": 1}):
        second = add(first, 1, log=log)
    seen = {}

    from distributed import SchedulerPlugin

    class Look(SchedulerPlugin):
        name = "look"

        def transition(self, key, start, finish, *args, **kwargs):
            task = threads.cluster.scheduler.tasks.get(key)
            if task is not None and finish in ("processing", "memory"):
                seen[key.split("-")[0]] = task

    threads.cluster.scheduler.add_plugin(Look())
    kept = _started(threads, way, total([second, 0], log=log))
    assert (kept.result() if way == "client.compute" else kept.compute()) == 2
    assert (seen["source"].priority[0], seen["source"].retries) == (-7, 2)
    assert (seen["add"].priority[0], seen["add"].worker_restrictions) == (0, {worker})
    assert (seen["add"].loose_restrictions, seen["add"].resource_restrictions) == (True, {"GPU": 1})
    assert not seen["total"].annotations


def test_as_completed(client, log):
    from distributed import as_completed

    futures = client.compute([add(source(i, log=log), 1, log=log) for i in range(4)])
    assert sorted(future.result() for future in as_completed(futures)) == [1, 2, 3, 4]


def test_a_worker_client_inside_of_a_task(client, executions, log):
    result = spreads([1, 2, 3], log=log).compute()
    assert result == 9
    assert executions.take() == ["add"] * 3 + ["source"] * 3 + ["spreads"]
    used = {artifact.name for artifact in p.dependencies(result)}
    assert used == {"spreads", "add", "source"}
    assert pd.plan(add(source(2, log=log), 1, log=log)).to_run == 0
    assert set(client.run(name_of_repo).values()) == {"local"}


def test_an_eager_function_inside_of_a_task_of_ours_is_part_of_the_job(client, executions, log):
    result = nests(4, log=log).compute()
    assert {artifact.name for artifact in p.dependencies(result)} == {"nests", "eager_add"}
    assert executions.take() == ["eager_add", "nests"]


def test_an_eager_function_inside_of_an_ordinary_task_is_cached_outside_of_the_job(client, executions, log):
    pd.connect(client)
    with p.capture_set() as captured:
        futures = [client.submit(plain_sum, 1, log, pure=False) for _ in range(2)]
        assert [future.result() for future in futures[:1]] == [2]
        assert futures[1].result() == 2
        assert add(source(1, log=log), 1, log=log).compute() == 2
    assert sorted(p.load_artifact(artifact_id).name for artifact_id in captured[0]) == ["add", "source"]
    assert "eager_add" in executions.take()
    assert client.submit(plain_sum, 1, log, pure=False).result() == 2
    assert executions.take() == []


@pytest.mark.parametrize("run", ["cold", "warm"])
def test_collections_mix_with_nodes_on_a_cluster(client, executions, log, run):
    def chunks():
        return [da.from_delayed(block(n, length=4, log=log), (4,), dtype=int) for n in (1, 2)]

    if run == "warm":
        pd.compute(block(1, length=4, log=log), block(2, length=4, log=log))
        executions.take()
    doubled = dask.delayed(lambda x: x * 2)(source(4, log=log))
    results = dask.compute(da.concatenate(chunks()).sum(), doubled, add(source(4, log=log), 1, log=log))
    assert results == (12, 8, 5)
    blocks = ["block", "block"] if run == "cold" else []
    assert sorted(set(executions.take())) == sorted({"add", *blocks, "source"})
    assert total([pd.by_token(da.concatenate(chunks()).sum()), 1], log=log).compute() == 13
