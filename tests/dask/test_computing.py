"""Computing in this process: what is stored is not scheduled, results are proxies, and Dask's own ways work too."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest

import provenance as p
import provenance_dask as pd
from provenance.errors import RepoUnavailableError, UnrecordedResultWarning
from provenance.repos.memory import MemoryRepo
from tests.dask.pipeline import Pair, add, describe, fails, now, sign, source, split, total, tree


class Spy:
    """A scheduler that counts the graphs and tasks it gets, and runs them here."""

    def __init__(self):
        self.graphs = []

    def __call__(self, dsk, keys, **kwargs):
        graph = dsk.__dask_graph__() if hasattr(dsk, "__dask_graph__") else dsk
        self.graphs.append(dict(graph))
        return dask.get(dsk, keys, **kwargs)

    def take(self):
        """Tasks of each graph since it was last asked."""
        counts = [len(graph) for graph in self.graphs]
        self.graphs = []
        return counts


@pytest.fixture
def spy():
    return Spy()


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_a_graph_computes_to_a_proxy_with_lineage(repo, scheduler, log):
    result = add(source(1, log=log), source(2, log=log), log=log).compute(scheduler=scheduler)
    assert result == 3
    assert p.is_proxy(result)
    assert [artifact.value for artifact in p.dependencies(result)] == [1, 2, 3]


def test_a_second_run_sends_no_graph(repo, spy, executions, log):
    assert tree(4, log).compute(scheduler=spy) == 6
    assert (spy.take(), executions.take()) == ([7], ["add"] * 3 + ["source"] * 4)
    assert tree(4, log).compute(scheduler=spy) == 6
    assert (spy.take(), executions.take()) == ([], [])


def test_one_changed_leaf_runs_only_what_is_below_it(repo, spy, executions, log):
    leaves = [source(i, log=log) for i in range(8)]
    total([add(a, b, log=log) for a, b in zip(leaves[::2], leaves[1::2], strict=True)], log=log).compute(
        scheduler="sync"
    )
    executions.take()
    leaves[3] = source(100, log=log)
    node = total([add(a, b, log=log) for a, b in zip(leaves[::2], leaves[1::2], strict=True)], log=log)
    assert node.compute(scheduler=spy) == 28 - 3 + 100
    assert (spy.take(), executions.take()) == ([3], ["add", "source", "total"])


def test_an_unchanged_value_stops_the_change_at_plan_time(repo, spy, executions, log):
    total([sign(source(5, log=log), log=log), 1], log=log).compute(scheduler="sync")
    sign(source(7, log=log), log=log).compute(scheduler="sync")
    executions.take()
    node = total([sign(source(7, log=log), log=log), 1], log=log)
    assert node.compute(scheduler=spy) == 2
    assert (spy.take(), executions.take(), node.status) == ([], [], "hit")


def test_an_unchanged_value_stops_the_change_on_the_worker(repo, executions, log):
    total([sign(source(5, log=log), log=log), 1], log=log).compute(scheduler="sync")
    executions.take()
    node = total([sign(source(7, log=log), log=log), 1], log=log)
    assert node.compute(scheduler="sync") == 2
    assert executions.take() == ["sign", "source"]
    assert node.status == "hit"


@pytest.mark.parametrize("found", ["at plan time", "on the worker"])
def test_what_was_found_by_content_is_found_by_recipe_next_time(repo, log, found):
    total([sign(source(5, log=log), log=log), 1], log=log).compute(scheduler="sync")
    if found == "at plan time":
        sign(source(7, log=log), log=log).compute(scheduler="sync")
    total([sign(source(7, log=log), log=log), 1], log=log).compute(scheduler="sync")
    repo.queries = 0
    assert total([sign(source(7, log=log), log=log), 1], log=log).compute(scheduler="sync") == 2
    assert repo.queries == 1


def test_what_is_always_computed_is_computed_but_what_is_below_only_when_the_value_changed(repo, executions, log):
    node = add(now(1, log=log), 1, log=log)
    assert node.compute(scheduler="sync") == 2
    assert executions.take() == ["add", "now"]
    again = add(now(1, log=log), 1, log=log)
    plan = pd.plan(again)
    assert (plan.nodes, plan.hits, plan.to_run, plan.undecided) == (2, 0, 1, 1)
    assert again.compute(scheduler="sync") == 2
    assert executions.take() == ["now"]


def test_the_same_node_of_what_is_always_computed_is_computed_again(repo, executions, log):
    node = now(1, log=log)
    assert (node.compute(scheduler="sync"), node.compute(scheduler="sync")) == (1, 1)
    assert executions.take() == ["now", "now"]


def test_nothing_below_a_call_that_is_always_computed_gets_a_recipe(repo, log):
    result = add(now(1, log=log), 1, log=log).compute(scheduler="sync")
    assert result.artifact.record.recipe is None


def test_with_the_cache_switched_off_everything_is_computed(repo, executions, log):
    node = add(source(1, log=log), 1, log=log)
    node.compute(scheduler="sync")
    executions.take()
    p.set_use_cache(False)
    assert node.compute(scheduler="sync") == 2
    assert executions.take() == ["add", "source"]


def test_with_the_cache_switched_off_nothing_is_found_by_recipe(repo, executions, log):
    @pd.provenance(use_cache=True, name="keeps")
    def keeps(x):
        return x

    node = keeps(source(1, log=log))
    node.compute(scheduler="sync")
    executions.take()
    p.set_use_cache(False)
    assert pd.plan(node).to_dict()["hits"] == 0
    assert node.compute(scheduler="sync") == 1
    assert executions.take() == ["source"]


def test_statuses_say_what_is_known(repo, log):
    first, second = source(1, log=log), source(2, log=log)
    first.compute(scheduler="sync")
    result = add(first, second, log=log)
    pd.plan(result)
    assert (first.status, second.status, result.status) == ("hit", "miss", "undecided")
    result.compute(scheduler="sync")
    assert (second.status, result.status) == ("computed", "computed")
    assert result.artifact_id == add(1, 2).artifact_id
    result.compute(scheduler="sync")
    assert result.status == "hit"


def test_a_hit_in_one_repo_is_none_in_another(repo, executions, log):
    node = source(1, log=log)
    node.compute(scheduler="sync")
    with p.using_repo(MemoryRepo(name="other")) as other:
        result = node.compute(scheduler="threads")
        assert result.artifact.repo is other
    assert executions.take() == ["source", "source"]


def test_a_function_with_a_repo_of_its_own_is_looked_up_there(repo, executions, log):
    own = MemoryRepo(name="own")

    @pd.provenance(repo=own, name="kept", ignore=["log"])
    def kept(x, log):
        return add.__wrapped__(x, log=log)

    node = source(kept(1, log=log), log=log)
    assert node.compute(scheduler="sync") == 1
    assert kept(1, log=log).compute(scheduler="sync").artifact.repo is own
    assert executions.take() == ["add", "source"]
    assert pd.plan(source(kept(1, log=log), log=log)).to_run == 0


def test_a_lost_value_is_computed_again(repo, executions, log, monkeypatch):
    node = source(1, log=log)
    node.compute(scheduler="sync")
    with monkeypatch.context() as patch:
        patch.setattr(repo, "has_value", lambda record: False)
        assert pd.plan(source(1, log=log)).to_run == 1
        assert pd.plan(node).to_run == 1
    assert pd.plan(node).to_run == 0


def test_members_of_composites_are_nodes_of_their_own(repo, spy, executions, log):
    parts = split(source(30, log=log), log=log)
    node = add(parts["whole"], parts["tenth"], log=log)
    assert node.compute(scheduler="sync") == 33
    assert executions.take() == ["add", "source", "split"]
    member = split(source(30, log=log), log=log)["tenth"]
    assert member.compute(scheduler=spy) == 3
    assert spy.take() == []
    assert member.compute(scheduler=spy).artifact.name == "split_tenth"
    assert p.dependencies(node.compute())[-1].input_artifact_ids


def test_a_member_is_found_by_content_when_its_composite_is(repo, spy, log):
    split(sign(source(3, log=log), log=log), log=log).compute(scheduler="sync")
    sign(source(4, log=log), log=log).compute(scheduler="sync")
    member = split(sign(source(4, log=log), log=log), log=log)["whole"]
    assert member.compute(scheduler=spy) == 1
    assert spy.take() == []


def test_a_composite_is_a_dict_of_proxies(repo, log):
    result = split(10, log=log).compute(scheduler="threads")
    assert dict(result) == {"whole": 10, "tenth": 1.0}
    assert p.is_proxy(result["tenth"])


def test_a_member_that_is_not_there_is_an_error_when_computing(repo, log):
    with pytest.raises(KeyError, match="none"):
        split(1, log=log)["none"].compute(scheduler="sync")
    with pytest.raises(KeyError, match="none"):
        split(1, log=log)["none"].compute(scheduler="sync")


def test_errors_of_functions_are_raised_as_they_are(repo, executions, log):
    node = add(fails(1, log=log), log=log)
    with pytest.raises(LookupError, match="no such thing as 1"):
        node.compute(scheduler="sync")
    with pytest.raises(LookupError, match="no such thing as 1"):
        pd.compute(node, scheduler="threads")
    assert executions.take() == ["fails", "fails"]


def test_a_result_that_cannot_be_recorded_is_passed_on_as_it_is(repo, log):
    @pd.provenance(name="opens")
    def opens():
        return lambda: (yield)

    @pd.provenance(name="generator")
    def generator(x):
        return (i for i in range(x))

    with pytest.warns(UnrecordedResultWarning):
        result = generator(3).compute(scheduler="sync")
    assert list(result) == [0, 1, 2]


def test_a_repo_that_is_not_written_still_gives_values(executions, log):
    with p.using_repo(MemoryRepo(name="closed", write=False)):
        node = add(source(1, log=log), 1, log=log)
        assert node.compute(scheduler="sync") == 2
        assert node.compute(scheduler="sync") == 2
    assert executions.take() == ["add", "add", "source", "source"]


def test_read_only_finds_and_computes_but_stores_nothing(repo, log):
    source(1, log=log).compute(scheduler="sync")
    p.set_read_only(True)
    node = add(source(1, log=log), 1, log=log)
    assert node.compute(scheduler="threads") == 2
    p.set_read_only(False)
    assert pd.plan(add(source(1, log=log), 1, log=log)).to_run == 1


def test_hooks_on_inputs_see_values_not_nodes(repo, executions, log):
    seen = []

    def process(inputs):
        seen.append(type(p.unwrap(inputs["kargs"]["x"])))
        return inputs | {"kargs": {"x": abs(p.unwrap(inputs["kargs"]["x"]))}}

    @pd.provenance(name="magnitude", input_process_fn=process)
    def magnitude(x):
        return abs(p.unwrap(x))

    assert magnitude(source(-3, log=log)).compute(scheduler="sync") == 3
    assert magnitude(source(3, log=log)).compute(scheduler="sync") == 3
    assert set(seen) == {int}
    assert pd.plan(magnitude(source(3, log=log))).to_dict()["hits"] == 2


def test_hooks_on_hashes_see_hashes_of_values(repo, log):
    def first_digits(hashes):
        return hashes | {"kargs": {name: digest[:8] for name, digest in hashes["kargs"].items()}}

    @pd.provenance(name="hashed", input_hash_fn=first_digits)
    def hashed(x):
        return x

    node = hashed(source(3, log=log))
    assert node.artifact_id is None
    node.compute(scheduler="sync")
    assert node.artifact_id == hashed(3).artifact_id


# ---- compute and persist of several things


def test_compute_takes_containers_and_gives_them_back(repo, log):
    a, b = source(1, log=log), source(2, log=log)
    one, many, plain = pd.compute(a, {"xs": [a, b], "pair": Pair(b, 0)}, "plain", scheduler="sync")
    assert one == 1
    assert many == {"xs": [1, 2], "pair": Pair(2, 0)}
    assert plain == "plain"


def test_compute_does_not_look_into_containers_when_told_not_to(repo, log):
    node = source(1, log=log)
    (result,) = pd.compute([node], traverse=False)
    assert result == [node]


def test_compute_of_nothing_is_nothing(repo):
    assert pd.compute(1, "a", None) == (1, "a", None)
    assert pd.persist() == ()


def test_proxies_pass_through_compute_unloaded(repo, log, executions):
    from tests.dask.pipeline import heavy

    heavy(1, log=log).compute(scheduler="sync")
    proxy = heavy(1, log=log).compute(scheduler="sync")
    executions.take()
    assert pd.compute([proxy])[0][0] is proxy
    assert executions.take() == []


def test_nodes_compute_together_with_other_collections(repo, log):
    array, delayed = da.arange(4, chunks=2).sum(), dask.delayed(lambda x: x + 1)(1)
    results = pd.compute(source(2, log=log), [array, delayed], source(3, log=log), array * 2, scheduler="sync")
    assert results == (2, [6, 2], 3, 12)
    assert p.is_proxy(results[0])


def test_dask_computes_nodes_beside_other_collections(repo, log):
    array, delayed = da.arange(4, chunks=2).sum(), dask.delayed(lambda x: x + 1)(1)
    results = dask.compute([source(2, log=log), source(3, log=log)], array, delayed, scheduler="sync")
    assert results == ([2, 3], 6, 2)


def test_stored_nodes_are_left_out_of_a_mixture(repo, log, spy):
    source(2, log=log).compute(scheduler="sync")
    results = pd.compute(source(2, log=log), dask.delayed(lambda: 5)(), scheduler=spy)
    assert results == (2, 5)
    assert spy.take() == [1]


def test_dask_compute_runs_only_what_is_not_stored(repo, spy, executions, log):
    (result,) = dask.compute(tree(4, log), scheduler="sync")
    assert result == 6
    executions.take()
    (result,) = dask.compute(tree(4, log), scheduler=spy)
    assert result == 6
    assert executions.take() == []
    assert spy.take() == [1]  # Dask needs a task for the result itself


def test_dask_delayed_takes_nodes(repo, executions, log):
    node = source(3, log=log)
    twice = dask.delayed(lambda x, ys: x * sum(ys))(node, [node, 1])
    assert twice.compute(scheduler="sync") == 12
    executions.take()
    assert dask.delayed(lambda x: x * 2)(source(3, log=log)).compute(scheduler="sync") == 6
    assert executions.take() == []


def test_a_node_becomes_delayed(repo, log):
    delayed = add(source(1, log=log), 1, log=log).to_delayed()
    assert (delayed * 2).compute(scheduler="sync") == 4
    assert (add(source(1, log=log), 1, log=log).to_delayed() * 2).compute(scheduler="sync") == 4


def test_dask_persist_and_optimize_give_nodes(repo, executions, log):
    node = add(source(1, log=log), 1, log=log)
    (optimized,) = dask.optimize(node)
    (kept,) = dask.persist(node, scheduler="sync")
    assert executions.take() == ["add", "source"]
    assert isinstance(kept, pd.LazyArtifact)
    assert isinstance(optimized, pd.LazyArtifact)
    assert (kept.key, optimized.key) == (node.key, node.key)
    assert (kept.compute(scheduler="sync"), optimized.compute(scheduler="sync")) == (2, 2)
    assert executions.take() == []


def test_persist_holds_results_that_could_not_be_stored(executions, log):
    with p.using_repo(MemoryRepo(name="closed", write=False)):
        (kept, plain), other = pd.persist((source(1, log=log), 7), dask.delayed(lambda: 3)(), scheduler="sync")
        assert executions.take() == ["source"]
        assert add(kept, 1, log=log).compute(scheduler="sync") == 2
        assert kept.compute(scheduler="sync") == 1
        assert executions.take() == ["add"]
    assert plain == 7
    assert other.compute(scheduler="sync") == 3


def test_persist_of_what_is_stored_runs_nothing(repo, executions, log):
    source(1, log=log).compute(scheduler="sync")
    executions.take()
    kept = source(1, log=log).persist(scheduler="sync")
    assert kept.status == "hit"
    assert executions.take() == []


def test_get_is_a_scheduler_that_leaves_out_what_is_stored(repo, executions, log, monkeypatch):
    with dask.config.set(scheduler=pd.get):
        assert dask.compute(tree(4, log), tree(4, log, first=8)) == (6, 38)
        executions.take()
        assert dask.compute(tree(4, log), dask.delayed(lambda: 5)()) == (6, 5)
        assert tree(4, log).compute() == 6
        assert tree(2, log, first=20).compute() == 41
        assert executions.take() == ["add", "source", "source"]
        monkeypatch.setattr("dask.threaded.get", None)
        monkeypatch.setattr("provenance_dask._compat.threaded_get", None)
        assert dask.compute(tree(4, log), [tree(4, log, first=8)]) == (6, [38])


def test_annotations_reach_the_tasks_they_were_made_for(repo, log):
    with dask.annotate(priority=3):
        first = source(1, log=log)
    node = add(first, 1, log=log)
    graph = node.__dask_graph__()
    annotated = {name: layer.annotations for name, layer in graph.layers.items()}
    assert sorted(map(str, annotated.values())) == ["{'priority': 3}", "{}"]
    assert node.compute(scheduler="sync") == 2


def test_numpy_values_come_back_as_proxies_of_arrays(repo):
    @pd.provenance(name="ones")
    def ones(n):
        return np.ones(n)

    @pd.provenance(name="summed")
    def summed(x):
        return x.sum()

    assert summed(ones(10)).compute(scheduler="threads") == 10
    assert describe  # imported for its side


# ---- details that would be missed


def test_a_graph_given_to_dask_is_not_given_where_another_repo_holds(repo, executions, log):
    node = source(1, log=log)
    assert dask.is_dask_collection(node)
    with p.using_repo(MemoryRepo(name="other")) as other:
        (result,) = dask.compute(node, scheduler="sync")
    assert result.artifact.repo is other


def test_looking_at_tasks_loads_nothing(repo, executions, log):
    from tests.dask.pipeline import heavy, number_of

    thing = heavy(1, log=log)
    thing.compute(scheduler="sync")
    executions.take()
    graph = dict(number_of(heavy(1, log=log), log=log).__dask_graph__())
    member = dict(split(source(1, log=log), log=log)["tenth"].__dask_graph__())
    assert "number_of" in repr(graph)
    assert "take_member" in repr(member)
    assert {dask.base.tokenize(task) for task in graph.values()}.isdisjoint(
        dask.base.tokenize(task) for task in member.values()
    )
    assert executions.take() == []


def test_a_repo_that_takes_no_recipes_is_no_obstacle(log, caplog):
    class NoRecipes(MemoryRepo):
        def add_recipes(self, recipes):
            raise RepoUnavailableError("locked")

    with p.using_repo(NoRecipes(name="stubborn")):
        total([sign(source(5, log=log), log=log)], log=log).compute(scheduler="sync")
        assert total([sign(source(7, log=log), log=log)], log=log).compute(scheduler="sync") == 1
    assert "1 recipe keys could not be recorded in repo 'stubborn': locked" in caplog.text


def test_nothing_is_recorded_in_read_only_mode_not_even_recipes(repo, log):
    total([sign(source(5, log=log), log=log)], log=log).compute(scheduler="sync")
    sign(source(7, log=log), log=log).compute(scheduler="sync")
    p.set_read_only(True)
    node = total([sign(source(7, log=log), log=log)], log=log)
    assert node.compute(scheduler="sync") == 1
    assert not repo.find_recipes([node.step.recipe])
