"""A call of a lazy function is a node that knows its keys; nothing runs and nothing is looked up."""

from __future__ import annotations

import functools
import inspect
import pickle
import threading

import dask
import pytest
from dask.delayed import single_key

import provenance as p
import provenance_dask as pd
from provenance.errors import HashingError, InvalidInputsError, UsageError
from tests.dask.pipeline import Pair, add, describe, eager_add, now, source, split, total


def test_calling_runs_nothing_and_asks_nothing(repo, executions, log):
    node = add(source(1, log=log), 2, log=log)
    assert isinstance(node, pd.LazyArtifact)
    assert (executions.take(), repo.queries) == ([], 0)
    assert node.status == "unknown"


def test_the_decorator_has_the_parameters_of_the_core():
    assert inspect.signature(pd.provenance) == inspect.signature(p.provenance)


def test_a_decorated_function_keeps_its_name_and_signature():
    assert add.__name__ == "add"
    assert list(inspect.signature(add).parameters) == ["a", "b", "log"]


def test_equal_calls_have_equal_keys(repo):
    assert add(source(1), b=2).key == add(source(1), 2).key
    assert add(1).key == add(a=1, b=0).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: add(1), lambda: add(1.0)),
        (lambda: add(source(1)), lambda: add(source(2))),
        (lambda: add(source(1)), lambda: add(1)),
        (lambda: total([source(1), source(2)]), lambda: total([source(2), source(1)])),
        (lambda: total([source(1)]), lambda: total((source(1),))),
        (lambda: split(1)["whole"], lambda: split(1)["tenth"]),
        (lambda: split(1)["whole"], lambda: split(1)),
    ],
)
def test_different_calls_have_different_keys(repo, one, other):
    assert one().key != other().key


def test_an_ignored_argument_is_in_no_key(repo):
    assert add(1, log="here").key == add(1, log="there").key


def test_a_key_holds_name_and_recipe(repo):
    name, _, recipe = add(1).key.partition("-")
    assert name == "add"
    assert len(bytes.fromhex(recipe)) == 32


def test_the_artifact_id_is_known_at_once_without_lazy_inputs(repo, log):
    eager = eager_add(1, log=log).artifact.id
    assert pd.lazy(eager_add)(1).artifact_id == eager
    assert add(source(1)).artifact_id is None


def test_an_artifact_id_is_known_when_the_only_lazy_input_does_not_count(repo, log):
    @pd.provenance(ignore=["after"])
    def step(x, after=None):
        return x

    assert step(1, after=source(1, log=log)).artifact_id == step(1).artifact_id is not None


def test_the_artifact_id_of_a_call_that_is_always_computed_is_not_known(repo):
    assert now(1).artifact_id is None


def test_calls_that_are_always_computed_have_keys_of_their_own(repo):
    assert now(1).key != now(1).key
    assert add(now(1)).key != add(now(1)).key
    assert now(1).step.recipe is add(now(1)).step.recipe is None


def test_with_the_cache_switched_off_every_call_has_a_key_of_its_own(repo):
    p.set_use_cache(False)
    assert add(1).key != add(1).key


@pytest.mark.parametrize(
    "nest",
    [
        lambda node: [node],
        lambda node: (1, node),
        lambda node: {"k": [node, {"deep": node}]},
        lambda node: Pair(node, 2),
        lambda node: {node},
    ],
    ids=["list", "tuple", "dict", "dataclass", "set"],
)
def test_nodes_nest_in_containers(repo, log, nest):
    node = describe(nest(source(5, log=log)), log=log)
    assert node.compute(scheduler="sync") == repr(nest(5))


def test_a_node_inside_an_object_is_refused_by_name(repo):
    class Box:
        def __init__(self, content):
            self.content = content

    with pytest.raises(InvalidInputsError, match=r"kargs\['anything'\]\.content.*cannot be rebuilt"):
        describe(Box(source(1)))


def test_an_argument_without_hash_is_refused_with_its_path(repo):
    with pytest.raises(HashingError, match=r"kargs\['parts'\]\[1\]"):
        total([1, threading.Lock()])


def test_wrong_arguments_are_refused_at_the_call():
    with pytest.raises(TypeError, match="unexpected keyword"):
        add(1, c=2)


def test_a_node_says_what_it_is(repo, log):
    node = add(1, log=log)
    assert repr(node) == f"<LazyArtifact add unknown {node.key[4:16]}>"
    node.compute(scheduler="sync")
    assert repr(node) == f"<LazyArtifact add computed {node.key[4:16]}>"


@pytest.mark.parametrize("use", [bool, list, lambda node: node + 1, lambda node: node.shape, len])
def test_a_node_is_not_taken_for_its_value(repo, use):
    with pytest.raises((TypeError, AttributeError)):
        use(split(1))


def test_only_composites_have_members(repo):
    with pytest.raises(TypeError, match="add returns no composite"):
        add(1)["whole"]
    with pytest.raises(TypeError, match="returns no composite"):
        split(1)["whole"]["deeper"]
    with pytest.raises(TypeError, match="members of composites have names, got 0"):
        split(1)[0]


def test_a_coroutine_function_is_refused():
    async def fetch():
        return 1

    with pytest.raises(UsageError, match="fetch is a coroutine function"):
        pd.provenance()(fetch)


def test_lazy_takes_decorated_functions_only():
    with pytest.raises(UsageError, match="is not decorated by provenance"):
        pd.lazy(len)


def test_lazy_and_eager_forms_are_one_function(repo, executions, log):
    eager_add(1, 2, log=log)
    node = pd.lazy(eager_add)(1, 2, log=log)
    assert node.compute(scheduler="sync") == 3
    assert (executions.take(), node.status) == (["eager_add"], "hit")


def test_lazy_chains_find_what_eager_chains_stored(repo, executions, log):
    eager_add(eager_add(1, log=log), 5, log=log)
    executions.take()
    lazy = pd.lazy(eager_add)
    assert pd.plan(lazy(lazy(1, log=log), 5, log=log)).to_run == 0


def test_methods_are_lazy_too(repo, log):
    class Model:
        def __init__(self, weight):
            self.weight = weight

        @pd.provenance(name="predict")
        def predict(self, x):
            return self.weight * x

        @staticmethod
        @pd.provenance(name="twice")
        def twice(x):
            return 2 * x

        @p.provenance(name="thrice")
        def thrice(self, x):
            return 3 * x

    model = Model(4)
    assert model.predict(source(2, log=log)).compute(scheduler="sync") == 8
    assert Model.twice(3).compute(scheduler="sync") == 6
    assert pd.lazy(model.thrice)(1).compute(scheduler="sync") == 3


def test_partials_of_lazy_functions_are_lazy(repo, log):
    assert functools.partial(add, 1, log=log)(b=2).compute(scheduler="sync") == 3


def test_a_node_is_a_dask_collection(repo):
    node = add(1)
    assert dask.is_dask_collection(node)
    assert node.__dask_optimize__ is None
    assert node.__dask_postcompute__() == (single_key, ())
    assert dask.base.tokenize(node) == dask.base.tokenize(add(1))
    assert set(node.__dask_keys__()) <= set(dict(node.__dask_graph__()))


def test_the_keys_dask_gets_fit_the_graph_it_got(repo, log):
    node = add(source(1, log=log), log=log)
    graph = node.__dask_graph__()
    source(1, log=log).compute(scheduler="sync")
    assert node.__dask_keys__()[0] in dict(graph)


def test_nodes_pickle(repo, log):
    node = add(source(1, log=log), 2, log=log)
    restored = pickle.loads(pickle.dumps(node))
    assert restored.key == node.key
    assert restored.compute(scheduler="sync") == 3


def test_an_eager_function_refuses_a_node(repo):
    with pytest.raises(InvalidInputsError, match=r"kargs\['a'\].*<LazyArtifact source.*compute it first"):
        eager_add([source(1)])


def test_nodes_are_found_in_arguments_that_count_and_in_those_that_do_not(repo, log):
    @pd.provenance(name="after", ignore=["after"])
    def step(xs, after=None):
        return [*xs, after]

    node = step([source(1, log=log)], after=source(2, log=log))
    assert node.compute(scheduler="sync") == [1, 2]
