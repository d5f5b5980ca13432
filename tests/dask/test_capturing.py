"""A capture around a computation has the artifact of every node, the same whether it ran cold or warm."""

from __future__ import annotations

import pytest

import provenance as p
import provenance_dask as pd
from tests.dask.pipeline import add, eager_add, nests, now, sign, source, split, total


def names(artifact_set):
    return sorted(p.load_artifact(artifact_id).name for artifact_id in artifact_set)


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_cold_and_warm_runs_capture_the_same(repo, log, scheduler):
    def run():
        parts = split(source(4, log=log), log=log)
        node = total([add(parts["whole"], 1, log=log), nests(2, log=log), now(7, log=log)], log=log)
        with p.capture_set() as captured:
            node.compute(scheduler=scheduler)
        return captured[0]

    cold, warm = run(), run()
    assert cold == warm
    assert names(cold) == [
        "add",
        "eager_add",
        "nests",
        "now",
        "source",
        "split",
        "split_tenth",
        "split_whole",
        "total",
    ]


def test_what_is_above_a_hit_is_captured_too(repo, log):
    node = add(source(1, log=log), 1, log=log)
    node.compute(scheduler="sync")
    with p.capture_set() as captured:
        pd.compute(add(source(1, log=log), 1, log=log))
    assert names(captured[0]) == ["add", "source"]


def test_the_set_has_the_artifacts_this_graph_names(repo, log):
    add(sign(source(5, log=log), log=log), 1, log=log).compute(scheduler="sync")
    with p.capture_set() as captured:
        add(sign(source(6, log=log), log=log), 1, log=log).compute(scheduler="sync")
    ids = captured[0].artifact_ids
    assert source(6).artifact_id in ids
    assert source(5).artifact_id not in ids
    with p.capture_set() as warm:
        add(sign(source(6, log=log), log=log), 1, log=log).compute(scheduler="sync")
    assert warm[0] == captured[0]


def test_provenance_set_captures_computations(repo, log):
    @p.provenance_set(set_labels="job")
    def job():
        pd.compute([source(1, log=log), source(2, log=log)], scheduler="threads")

    assert len(job()) == 2
    assert p.load_set_by_name("job") == job()


def test_a_body_that_computes_a_graph_records_what_it_used(repo, log):
    @p.provenance(name="outer")
    def outer(x, scheduler):
        return p.unwrap(add(source(x, log=log), 1, log=log).compute(scheduler=scheduler))

    cold = outer(1, "threads")
    used = {artifact.name for artifact in p.dependencies(cold)}
    assert used == {"outer", "add", "source"}
    warm = outer(1, "sync")
    assert {artifact.name for artifact in p.dependencies(warm)} == used


def test_mixtures_are_captured(repo, log):
    import dask

    with p.capture_set() as captured:
        pd.compute(add(source(1, log=log), log=log), dask.delayed(lambda: 1)(), scheduler="sync")
    assert names(captured[0]) == ["add", "source"]


@pytest.mark.parametrize("run", ["cold", "warm"])
def test_dasks_own_ways_are_captured(repo, log, run):
    import dask

    if run == "warm":
        add(source(1, log=log), log=log).compute(scheduler="sync")
    with p.capture_set() as outer, p.capture_set() as captured:
        dask.compute(add(source(1, log=log), log=log), scheduler="sync")
    assert names(captured[0]) == ["add", "source"]
    assert outer[0] == captured[0]


def test_after_an_input_was_deleted_it_is_computed_and_captured_again(repo, executions, log):
    add(source(1, log=log), log=log).compute(scheduler="sync")
    repo.delete(source(1).artifact_id)
    executions.take()
    with p.capture_set() as captured:
        add(source(1, log=log), log=log).compute(scheduler="sync")
    assert names(captured[0]) == ["add", "source"]
    assert executions.take() == ["source"]


@pytest.mark.parametrize("deleted", ["split", "split_whole", "split_tenth", "source", "add"])
def test_after_any_node_was_deleted_the_set_is_the_same(repo, log, deleted):
    def run():
        parts = split(source(4, log=log), log=log)
        with p.capture_set() as captured:
            add(parts["whole"], parts["tenth"], log=log).compute(scheduler="threads")
        return captured[0]

    cold = run()
    (gone,) = [key for key in cold if p.load_artifact(key).name == deleted]
    repo.delete(gone)
    assert run() == cold


def test_an_input_that_a_hit_lacks_is_named(repo, log):
    """A recipe that was recorded again, after the input was deleted."""
    node = add(source(1, log=log), log=log)
    node.compute(scheduler="sync")
    repo.delete(source(1).artifact_id)
    repo.add_recipes({node.step.recipe: node.artifact_id})
    with pytest.warns(p.IncompleteSetWarning, match="1 of source"), p.capture_set() as captured:
        add(source(1, log=log), log=log).compute(scheduler="sync")
    assert names(captured[0]) == ["add"]


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_a_body_that_lets_dask_compute_records_what_it_used(repo, log, scheduler):
    import dask

    @p.provenance(name="outer")
    def outer(x):
        return p.unwrap(dask.compute(add(source(x, log=log), 1, log=log), scheduler=scheduler)[0])

    assert {artifact.name for artifact in p.dependencies(outer(1))} == {"outer", "add", "source"}


def test_dependencies_come_before_what_uses_them(repo, log):
    @pd.provenance(name="holds")
    def holds(x):
        return [eager_add(x, 5, log=log), x]

    parts = split(source(4, log=log), log=log)
    held = holds(3)

    @pd.provenance(name="first")
    def first(items):
        return p.unwrap(items[0])

    node = total([add(parts["whole"], 1, log=log), nests(2, log=log), first(held)], log=log)
    found = p.dependencies(node.compute(scheduler="threads"))
    assert found[-1].name == "total"
    assert sorted(artifact.name for artifact in found) == [
        *("add", "eager_add", "eager_add", "first", "holds", "nests", "source", "split_whole", "total"),
    ]
    places = {artifact.id: place for place, artifact in enumerate(found)}
    for artifact in found:
        for edge in artifact.record.edges:
            assert places[edge.artifact_id] < places[artifact.id]
