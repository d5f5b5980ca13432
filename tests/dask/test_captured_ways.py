"""A capture around any way in has what an eager execution of the pipeline has, cold, warm, and half warm."""

from __future__ import annotations

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import pytest
from pandas import DataFrame

import provenance as p
import provenance_dask as pd
from provenance import engine
from provenance.repos.memory import MemoryRepo
from provenance.repos.parts import parts_of
from tests.dask.pipeline import add, nests, now, sign, source, split, total


def eager(lazy_function):
    """The function as `provenance.provenance` decorates it."""
    spec = engine.spec_of(lazy_function)
    return engine.provenance_wrapper(spec.fn, spec.options)


def itself(function):
    return function


def pipeline(log, form=itself):
    """A number, by way of a composite, a nested call, two calls with equal values, and one that is not cached."""
    parts = form(split)(form(source)(4, log=log), log=log)
    signs = [form(sign)(form(source)(number, log=log), log=log) for number in (5, 6)]
    numbers = [form(add)(parts["whole"], 1, log=log), form(nests)(2, log=log), *signs]
    return form(add)(form(total)(numbers, log=log), form(now)(7, log=log), log=log)


@pytest.fixture
def expected(log):
    """Ids of what an eager execution uses."""
    with p.using_repo(MemoryRepo(name="elsewhere")), p.capture_set() as captured:
        pipeline(log, eager)
    ids = captured[0].artifact_ids
    assert len(ids) == 14
    return ids


def plus_one(x):
    return p.unwrap(x) + 1


def in_a_frame(x):
    return DataFrame({"x": [p.unwrap(x)]})


def with_as_completed(client, node):
    from distributed import as_completed

    return [future.result() for future in as_completed(client.compute([node, dask.delayed(plus_one)(node)]))]


def with_get(client, node):
    with dask.config.set(scheduler=pd.get):
        return dask.compute(node)


def kept(node):
    (copy,) = pd.persist(node)
    return copy


WAYS = {
    "node.compute": lambda client, node: node.compute(),
    "compute": lambda client, node: pd.compute({"in": [node]}, node),
    "compute a mixture": lambda client, node: pd.compute(node, dask.delayed(plus_one)(1)),
    "compute a delayed": lambda client, node: pd.compute(dask.delayed(plus_one)(node)),
    "persist": lambda client, node: pd.persist(node),
    "node.persist": lambda client, node: node.persist(),
    "persist and compute": lambda client, node: node.persist().compute(),
    "persist and gather": lambda client, node: client.gather(list(kept(node).step.futures.values())),
    "persist and use": lambda client, node: dask.compute(kept(node)),
    "dask.compute": lambda client, node: dask.compute([node]),
    "dask.persist": lambda client, node: dask.persist(node),
    "dask.persist and compute": lambda client, node: dask.persist(node)[0].compute(),
    "client.compute": lambda client, node: client.compute(node),
    "client.compute and result": lambda client, node: client.compute(node).result(),
    "client.compute and gather": lambda client, node: client.gather(client.compute([node])),
    "as_completed": with_as_completed,
    "client.persist": lambda client, node: client.persist([node]),
    "delayed": lambda client, node: dask.delayed(plus_one)(node).compute(),
    "to_delayed": lambda client, node: node.to_delayed().compute(),
    "bag": lambda client, node: db.from_sequence([1]).map(max, node.to_delayed()).compute(),
    "array": lambda client, node: (da.from_delayed(node, (), dtype=float) + 1).compute(),
    "dataframe": lambda client, node: dd.from_delayed([dask.delayed(in_a_frame)(node)]).x.sum().compute(),
    "by_token": lambda client, node: dask.compute(pd.by_token(dask.delayed(plus_one)(node))),
    "get": with_get,
    "sync": lambda client, node: node.compute(scheduler="sync"),
    "sync, dask.compute": lambda client, node: dask.compute(node, scheduler="sync"),
    "threads": lambda client, node: node.compute(scheduler="threads"),
    "threads, dask.persist": lambda client, node: dask.persist(node, scheduler="threads"),
    "threads, persist": lambda client, node: node.persist(scheduler="threads"),
    "processes": lambda client, node: node.compute(scheduler="processes"),
    "processes, dask.compute": lambda client, node: dask.compute(node, scheduler="processes"),
}


def captured_by(run, client, log):
    with p.capture_set() as captured:
        result = run(client, pipeline(log))  # noqa: F841  futures live as long as it does
    return captured[0].artifact_ids


def half_of(artifact_ids):
    """Every second call, with what belongs to it: members of composites and nested calls."""
    parts = {key: list(parts_of(p.load_artifact(key).record)) for key in artifact_ids}
    calls = artifact_ids.difference(*parts.values())
    ordered = sorted(calls, key=lambda key: (p.load_artifact(key).name, key))
    return [each for key in ordered[1::2] for each in (key, *parts[key])]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("error::provenance.IncompleteSetWarning")
def test_every_way_in_captures_what_an_eager_execution_does(client, expected, log, way):
    assert captured_by(WAYS[way], client, log) == expected
    assert captured_by(WAYS[way], client, log) == expected
    p.get_default_repo().batch_delete(half_of(expected))
    assert captured_by(WAYS[way], client, log) == expected
