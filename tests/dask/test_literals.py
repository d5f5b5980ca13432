"""Large arguments are stored once and travel as ids; what functions see of them is the same."""

from __future__ import annotations

import pickle
from typing import NamedTuple

import dask
import numpy as np
import pytest

import provenance as p
import provenance_dask as pd
from provenance.repos.memory import MemoryRepo
from provenance_dask.graph import build_graph, build_remote_graph
from provenance_dask.resolve import resolve
from provenance_dask.shipping import surroundings
from tests.dask.pipeline import Pair, block, describe, source, total, weigh

LIMIT = 64 << 10


class Point(NamedTuple):
    x: object
    y: int


def graph_of(*nodes, build=build_remote_graph):
    return dict(build(resolve([node.step for node in nodes]), surroundings(), None).layers)


def size_of(graph):
    return len(pickle.dumps([task.args for task in graph.values()]))


def run(graph, node):
    (key,) = (key for key in graph if key.startswith(node.step.name))
    return dask.get(graph, key)


def large(fill=1, length=LIMIT):
    return np.full(length, fill)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x,
        lambda x: [x, 1],
        lambda x: {"deep": (x, [x])},
        lambda x: Point(x, 2),
        lambda x: Pair(x, 2),
    ],
    ids=["alone", "list", "dict", "namedtuple", "dataclass"],
)
def test_a_large_argument_goes_as_an_id_and_comes_out_the_same(repo, log, wrap):
    node = describe(wrap(large()), log=log)
    graph = graph_of(node)
    assert size_of(graph) < 4096
    result = run(graph, node)
    assert result == repr(wrap(large()))
    assert result.artifact.id == describe(wrap(large())).artifact_id
    assert pd.plan(describe(wrap(large()))).hits == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: "text" * LIMIT,
        lambda: b"data" * LIMIT,
        lambda: list(range(LIMIT)),
        lambda: {str(i): i for i in range(LIMIT // 8)},
    ],
    ids=["str", "bytes", "list", "dict"],
)
def test_large_values_of_any_kind_go_as_ids(repo, log, make):
    node = describe(make(), log=log)
    graph = graph_of(node)
    assert size_of(graph) < 4096
    assert run(graph, node) == repr(make())


def test_a_proxy_that_holds_a_large_value_is_an_id_already(repo, log):
    held = block(1, length=LIMIT, log=log).compute(scheduler="sync")
    assert held.is_loaded
    for argument in (held, [held, {"k": held}]):
        (task,) = graph_of(describe(argument, log=log)).values()
        assert task.args[0].literals == ()


def test_what_is_not_large_goes_as_it_is(repo, log):
    node = describe(large(length=100), log=log)
    graph = graph_of(node)
    assert size_of(graph) > 800
    assert run(graph, node) == repr(large(length=100))
    assert set(p.dependencies(run(graph, node))) == {run(graph, node).artifact}


def test_many_small_parts_of_a_large_whole_go_as_one_id(repo, log):
    parts = [float(number) for number in range(LIMIT)]
    node = total(parts, log=log)
    graph = graph_of(node)
    assert size_of(graph) < 4096
    assert run(graph, node) == sum(parts)


def test_equal_literals_are_stored_once(repo, log):
    nodes = [weigh(large(index % 2), index, log=log) for index in range(6)]
    graph = graph_of(*nodes)
    results = [run({key: graph[key]}, node) for key, node in zip(graph, nodes, strict=True)]
    inputs = {artifact_id for result in results for artifact_id in result.artifact.input_artifact_ids}
    assert len(inputs) == 2
    assert {p.load_artifact(artifact_id).name for artifact_id in inputs} == {"literal"}
    again = graph_of(weigh(large(0), 99, log=log))
    (literal,) = next(iter(again.values())).args[0].literals
    assert literal.artifact_id in inputs


def test_large_literals_beside_nodes(repo, log):
    node = describe([source(1, log=log), large(), {"k": large(2)}], log=log)
    graph = graph_of(node)
    assert size_of({key: task for key, task in graph.items() if key.startswith("describe")}) < 4096
    assert run(graph, node) == repr([1, large(), {"k": large(2)}])


def test_functions_that_see_their_arguments_see_plain_ones(repo):
    seen = []

    def process(inputs):
        seen.append(type(inputs["kargs"]["x"]))
        return inputs

    @pd.provenance(name="sees", pass_proxies=True)
    def sees(x):
        seen.append(type(x))
        return 1

    @pd.provenance(name="processed", input_process_fn=process)
    def processed(x):
        return 1

    for node in (sees(large()), processed(large())):
        graph = graph_of(node)
        assert size_of({key: DropSpec(task) for key, task in graph.items()}) < 4096
        assert run(graph, node) == 1
    assert set(seen) == {np.ndarray}


class DropSpec:
    """A task without its function, which is local to a test."""

    def __init__(self, task):
        payload = task.args[0]
        self.args = (payload.kargs, payload.varargs, payload.literals)


def test_positional_arguments_go_as_ids_too(repo):
    @pd.provenance(name="summed")
    def summed(*arrays):
        return sum(int(array.sum()) for array in arrays)

    node = summed(large(), large(2), 3 * np.ones(2))
    graph = graph_of(node)
    assert size_of({key: DropSpec(task) for key, task in graph.items()}) < 4096
    assert run(graph, node) == 3 * LIMIT + 6


def test_an_argument_that_has_no_hash_goes_as_it_is(repo, log):
    class Unhashable:
        def __init__(self):
            self.lock = object()
            self.data = bytes(LIMIT * 2)

        def __sizeof__(self):
            return LIMIT * 2

    node = total([1, 2], log=Unhashable())
    graph = graph_of(node)
    (task,) = graph.values()
    assert type(task.args[0].kargs["log"]) is Unhashable


@pytest.mark.parametrize("why", ["read only", "not writable", "no limit", "this process"])
def test_where_nothing_may_or_need_be_stored_arguments_go_as_they_are(log, why):
    repo = MemoryRepo(name="memory", write=why != "not writable")
    p.set_default_repo(repo)
    p.set_read_only(why == "read only")
    node = describe(large(), log=log)
    with dask.config.set({"provenance.literal-limit": None if why == "no limit" else LIMIT}):
        graph = graph_of(node, build=build_graph if why == "this process" else build_remote_graph)
    (task,) = graph.values()
    assert type(task.args[0].kargs["anything"]) is np.ndarray


def test_no_set_and_no_body_counts_what_was_stored_for_the_way(repo, log):
    with p.capture_set() as captured:
        graph_of(describe(large(), log=log))
    assert len(captured[0]) == 0

    @p.provenance(name="outer")
    def outer():
        graph_of(describe(large(2), log=log))
        return 1

    assert outer().artifact.record.edges == ()


def test_a_damaged_literal_is_stored_again(configured, tmp_path, log):
    graph_of(describe(large(), log=log))
    (file,) = (found for found in (tmp_path / "blobs").rglob("*") if found.is_file() and found.stat().st_size > LIMIT)
    file.chmod(0o644)
    file.write_bytes(b"x" * file.stat().st_size)
    p.load_config(p.current_config())
    graph_of(describe(large(), log=log))
    p.load_config(p.current_config())
    node = describe(large(), log=log)
    assert run(graph_of(node), node) == repr(large())


def test_classes_of_a_program_travel_by_value(repo, log):
    class Local:
        def __init__(self):
            self.data = large()

        def __sizeof__(self):
            return self.data.nbytes

        def value_repr(self):
            return ("local", self.data)

        def __repr__(self):
            return f"Local {self.data.sum()}"

    node = describe(Local(), log=log)
    graph = graph_of(node)
    assert size_of(graph) < 4096
    assert run(graph, node) == f"Local {LIMIT}"


def test_classes_that_other_processes_may_not_import_are_pickled_by_value(repo, log):
    for value, serializer in ((large(), "pickle5"), (Point(large(), 1).x, "pickle5"), (Blob(), "cloudpickle")):
        (task,) = graph_of(describe(value, log=log)).values()
        assert task.args[0].literals[0].artifact.serializer == serializer


class Blob:
    def __init__(self):
        self.data = large()


def test_other_processes_get_large_arguments_by_id(configured, log):
    with p.capture_set() as captured:
        assert weigh(large(3), 1, log=log).compute(scheduler="processes", num_workers=1) == 3 * LIMIT + 1
    assert len(captured[0]) == 1
    result = weigh(large(3), 1, log=log).compute()
    assert [p.load_artifact(artifact_id).name for artifact_id in result.artifact.input_artifact_ids] == ["literal"]


@pytest.mark.parametrize("way", ["compute", "client.compute", "dask.persist"])
def test_a_cluster_gets_large_arguments_by_id(client, log, way):
    node = weigh(large(3), 1, log=log)
    if way == "compute":
        result = node.compute()
    elif way == "client.compute":
        result = client.compute(node).result()
    else:
        result = dask.persist(node)[0].compute()
    assert [p.load_artifact(artifact_id).name for artifact_id in result.artifact.input_artifact_ids] == ["literal"]


def test_threads_get_large_arguments_as_they_are(repo, log):
    result = weigh(large(3), 1, log=log).compute(scheduler="threads")
    assert result.artifact.input_artifact_ids == ()
