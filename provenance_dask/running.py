"""Compute and persist lazy artifacts: what is stored is not scheduled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from provenance import engine
from provenance.errors import BlobCorruptError, BlobNotFoundError
from provenance_dask import _compat, lost
from provenance_dask.graph import Graph, build_graph, build_remote_graph
from provenance_dask.planning import Plan, plan_steps
from provenance_dask.plugin import connect_if_needed
from provenance_dask.resolve import Resolution, follow, resolve, settle
from provenance_dask.shipping import Surroundings, surroundings
from provenance_dask.steps import Step, is_collection, is_node
from provenance_dask.used import note_handed_out, note_used


class Node(Protocol):
    """A lazy artifact, as far as running it goes."""

    step: Step

    def with_step(self, step: Step) -> Any:
        """A lazy artifact for another step."""


N = TypeVar("N", bound=Node)


def compute(*args: Any, traverse: bool = True, scheduler: Any = None, **kwargs: Any) -> tuple[Any, ...]:
    """Compute lazy artifacts and other Dask collections at once, running only what is not stored.

    Where everything is stored, no graph is sent to a scheduler.

    Parameters
    ----------
    *args : object
        Lazy artifacts and Dask collections; also in lists, tuples, sets, dicts and dataclasses. Anything else comes
        back as it is.
    traverse : bool
        Whether to look for them inside of containers.
    scheduler : str, callable, Client or Executor, optional
        What runs the tasks, as for `dask.compute`.
    **kwargs : object
        Passed on to the scheduler.

    Returns
    -------
    tuple
        The arguments with proxies in place of lazy artifacts, and values in place of other collections.

    Raises
    ------
    Exception
        What a function raised, as it raised it.
    """
    nodes: dict[int, Any] = {}
    others: dict[int, Any] = {}

    def collect(leaf: Any) -> Any:
        (nodes if is_node(leaf) else others)[id(leaf)] = leaf
        return leaf

    _map(args, collect, traverse=traverse)
    results = _compute_leaves(nodes, others, scheduler, kwargs)
    return _map(args, lambda leaf: results[id(leaf)], traverse=traverse)


def persist(*args: Any, traverse: bool = True, scheduler: Any = None, **kwargs: Any) -> tuple[Any, ...]:
    """Start computing lazy artifacts, and return lazy artifacts that are backed by what is being computed.

    Parameters
    ----------
    *args : object
        As for `compute`; every Dask collection among them is persisted.
    traverse : bool
        Whether to look for them inside of containers.
    scheduler : str, callable, Client or Executor, optional
        With a distributed client the call returns at once; other schedulers compute before it returns.
    **kwargs : object
        Passed on to the scheduler.

    Returns
    -------
    tuple
        The arguments with a lazy artifact, or a collection, in place of each.
    """
    found: dict[int, Any] = {}

    def collect(leaf: Any) -> Any:
        found[id(leaf)] = leaf
        return leaf

    _map(args, collect, traverse=traverse)
    nodes = [leaf for leaf in found.values() if is_node(leaf)]
    others = [leaf for leaf in found.values() if not is_node(leaf)]
    kept = {id(node): new for node, new in zip(nodes, _persist_nodes(nodes, scheduler, kwargs), strict=True)}
    if others:
        kept.update(zip(map(id, others), _compat.dask_persist(*others, scheduler=scheduler, **kwargs), strict=True))
    return _map(args, lambda leaf: kept[id(leaf)], traverse=traverse)


def plan(*nodes: Any) -> Plan:
    """Say what computing lazy artifacts would run, without running anything.

    Parameters
    ----------
    *nodes : LazyArtifact
        Lazy artifacts, also in containers.
    """
    steps: dict[Step, None] = {}

    def collect(leaf: Any) -> Any:
        steps[leaf.step] = None
        return leaf

    engine.map_leaves(nodes, is_node, collect)
    return plan_steps(steps)


def get(dsk: Any, keys: Any, **kwargs: Any) -> Any:
    """Run a Dask graph, leaving out what is stored: ``dask.config.set(scheduler=provenance_dask.get)``.

    Parameters
    ----------
    dsk : graph
        A graph that may hold lazy artifacts among other tasks.
    keys : key or nested list of keys
        The results that are wanted.
    **kwargs : object
        Passed on to the scheduler that would be used otherwise: the distributed client in force, else threads.

    Returns
    -------
    object
        Results in the shape of `keys`.
    """
    tasks = _compat.to_tasks(dsk)
    known: dict[Any, Any] = {}
    wanted: dict[Any, None] = {}
    for key in _flat(keys):
        task = tasks.get(key)
        if type(task) is _compat.DataNode:
            known[key] = task.value
        else:
            wanted[key] = None
    if wanted:
        known.update(zip(wanted, _compat.otherwise()(dsk, list(wanted), **kwargs), strict=True))
    return _shaped(keys, known)


def compute_steps(steps: Sequence[Step], scheduler: Any, kwargs: Mapping[str, Any]) -> list[Any]:
    """The results of some steps: proxies, or plain values of what could not be recorded."""
    note_used(steps)
    resolution = resolve(steps)
    results: dict[Step, Any] = {}
    if any(step not in resolution.hits for step in steps):
        run, where = _prepared(scheduler)
        resolution, results = _run_misses(resolution, run, where, kwargs)
    for step, artifact in _wanted_hits(resolution):
        results[step] = lost.stored_proxy(step, artifact, lambda step: compute_steps([step], scheduler, kwargs)[0])
    return [results[step] for step in steps]


def _run_misses(
    resolution: Resolution, run: _compat.Scheduler, where: Surroundings, kwargs: Mapping[str, Any]
) -> tuple[Resolution, dict[Step, Any]]:
    """Run what is not stored, and what turns out to be stored but cannot be read; results of roots that ran."""
    with lost.Repairs() as repairs:
        while True:
            lacking = [step for step in dict.fromkeys(resolution.roots) if step not in resolution.hits]
            graph = _graph_for(run, resolution, where)
            try:
                computed = _computed(run, graph, lacking, kwargs)
            except (BlobNotFoundError, BlobCorruptError) as error:
                if not repairs.note(error, resolution.hits):
                    raise
                resolution = resolve(resolution.roots)
            else:
                break
    results = dict(zip(lacking, computed, strict=True))
    settle(resolution, results)
    return resolution, results


def _computed(run: _compat.Scheduler, graph: Graph, steps: Iterable[Step], kwargs: Mapping[str, Any]) -> Any:
    try:
        return run(graph.layers, [graph.keys[step] for step in steps], **kwargs)
    except Exception:
        # Else whoever computes the same again at once is given the error that the scheduler remembers.
        _compat.settle_releases(run)
        raise


def _compute_leaves(
    nodes: Mapping[int, Any], others: Mapping[int, Any], scheduler: Any, kwargs: Mapping[str, Any]
) -> dict[int, Any]:
    steps = {number: node.step for number, node in nodes.items()}
    if not others:
        return dict(zip(steps, compute_steps(list(steps.values()), scheduler, kwargs), strict=True))
    note_used(steps.values())
    resolution = resolve(steps.values())
    stored = {step: engine.lazy_proxy(artifact) for step, artifact in _wanted_hits(resolution)}
    results: dict[int, Any] = {number: stored[step] for number, step in steps.items() if step in stored}
    mixed = {number: leaf for number, leaf in (nodes | others).items() if number not in results}  # type: ignore[operator]
    computed = _compat.compute_in_order(list(mixed.values()), scheduler=scheduler, **kwargs)
    results.update(zip(mixed, computed, strict=True))
    settle(resolution, {step: results[number] for number, step in steps.items() if step not in stored})
    return results


def _persist_nodes(nodes: Sequence[Node], scheduler: Any, kwargs: Mapping[str, Any]) -> list[Any]:
    steps = [node.step for node in nodes]
    if not steps:
        return []
    resolution = resolve(steps)
    lacking = [step for step in dict.fromkeys(steps) if step not in resolution.hits]
    kept: dict[Step, Step] = {step: step for step, _ in _wanted_hits(resolution)}
    if lacking:
        run, where = _prepared(scheduler)
        graph = _graph_for(run, resolution, where)
        keys = [graph.keys[step] for step in lacking]
        client = _compat.client_behind(run)
        if client is None:
            values = run(graph.layers, keys, **kwargs)
            settle(resolution, dict(zip(lacking, values, strict=True)))
            held = [_compat.DataNode(key, value) for key, value in zip(keys, values, strict=True)]
        else:
            held = client.get(graph.layers, keys, sync=False, **kwargs)
        note_handed_out({step: graph.keys[step] for step in lacking})
        for step, key, result in zip(lacking, keys, held, strict=True):
            kept[step] = step.copy()
            kept[step].futures = {key: result}
            follow(step, kept[step])
    note_used(step for step in steps if step in resolution.hits)
    return [node.with_step(kept[node.step]) for node in nodes]


def _prepared(scheduler: Any) -> tuple[_compat.Scheduler, Surroundings]:
    """What runs a graph, its workers configured."""
    where = surroundings()
    run = _compat.scheduler_for(scheduler)
    if run is get:
        run = _compat.otherwise()
    client = _compat.client_behind(run)
    if client is not None:
        connect_if_needed(client, where)
    return run, where


def _graph_for(run: _compat.Scheduler, resolution: Resolution, where: Surroundings) -> Graph:
    if _compat.leaves_process(run):
        return build_remote_graph(resolution, where, _compat.client_behind(run))
    return build_graph(resolution, where)


def _wanted_hits(resolution: Resolution) -> Iterable[tuple[Step, engine.Artifact]]:
    return ((step, resolution.hits[step]) for step in resolution.roots if step in resolution.hits)


def _map(args: tuple[Any, ...], replace: Callable[[Any], Any], *, traverse: bool) -> tuple[Any, ...]:
    if traverse:
        mapped: Any = engine.map_leaves(args, is_collection, replace)
        return tuple(mapped)
    return tuple(replace(arg) if is_collection(arg) else arg for arg in args)


def _flat(keys: Any) -> Iterable[Any]:
    stack = [keys]
    while stack:
        key = stack.pop()
        if isinstance(key, list):
            stack.extend(key)
        else:
            yield key


def _shaped(keys: Any, known: Mapping[Any, Any]) -> Any:
    return [_shaped(key, known) for key in keys] if isinstance(keys, list) else known[keys]
