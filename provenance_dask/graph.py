"""The Dask graph of what has to run: one task for each step, stored results as proxies inside of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provenance import engine
from provenance.engine import Artifact, FunctionSpec
from provenance_dask import _compat
from provenance_dask.common import Common, common_to
from provenance_dask.literals import store_large
from provenance_dask.options import options
from provenance_dask.resolve import Resolution, begin, trace_of
from provenance_dask.shipping import Surroundings
from provenance_dask.steps import Step
from provenance_dask.tasks import CallTask
from provenance_dask.used import is_noted


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph that Dask can run, and the key of each step in it."""

    layers: _compat.HighLevelGraph
    keys: Mapping[Step, str]


def build_graph(resolution: Resolution, where: Surroundings, client: Any = None) -> Graph:
    """The graph of what has to run, by a client if one is given; stored roots are not in it."""
    where = where.for_graph()
    roots = frozenset(resolution.roots)
    keys: dict[Step, str] = {}
    tasks: dict[str, object] = {}
    annotated: dict[str, dict[str, object]] = {}
    job = engine.current_job()
    commons: dict[FunctionSpec, Common] = {}
    literals = {step: engine.lazy_proxy(artifact) for step, artifact in resolution.hits.items()}
    for step in resolution.to_run:
        if step.futures is not None:
            tasks.update(step.futures)
            (keys[step],) = step.futures
            continue
        sources = [_compat.TaskRef(keys[source]) if source in keys else literals[source] for source in step.inputs]
        shape = [keys[source] if source in keys else resolution.hits[source].id for source in step.inputs]
        if step.is_lost:
            shape.append("again")
        key = _task_key(step, where, shape)
        key = keys[step] = _fresh(key, client) if step in roots else key
        tasks.update(step.support())
        common = commons.get(step.spec)
        if common is None:
            common = commons[step.spec] = common_to(step.spec, where, job)
        tasks[key] = step.task(key, sources, resolution.recipe(step), common)
        if step.annotations:
            annotated[key] = step.annotations
    if is_noted():
        _trace(resolution, keys, tasks)
    begin(resolution)
    # Dask merges graphs by the names of their layers: the key of a root tells everything that is above it.
    name = keys[max(resolution.to_run, key=lambda step: step.serial)]
    return Graph(_compat.high_level_graph(name, tasks, annotated), keys)


def _trace(resolution: Resolution, keys: Mapping[Step, str], tasks: Mapping[str, object]) -> None:
    """Have the results that cannot be found by recipe leave a trace by which they can be found afterwards."""
    for step in resolution.to_run:
        if resolution.recipe(step) is None:
            payload = getattr(tasks[keys[step]], "args", (None,))[0]
            if type(payload) is CallTask:
                payload.trace = trace_of(step)


def build_remote_graph(resolution: Resolution, where: Surroundings, client: Any) -> Graph:
    """`build_graph` for other processes: large arguments are stored, and go as ids."""
    graph = build_graph(resolution, where, client)
    limit = options().literal_limit
    if limit is not None and where.repo is not None:
        store_large(_compat.to_tasks(graph.layers), where.repo, limit)
    return graph


def stored_graph(step: Step, artifact: Artifact, client: Any) -> Graph:
    """The graph of a result that is stored: Dask's own functions need a task for it."""
    key = _fresh(f"{step.name}-stored-{artifact.id}", client)
    tasks: dict[str, object] = {key: _compat.DataNode(key, engine.lazy_proxy(artifact))}
    return Graph(_compat.high_level_graph(key, tasks, {}), {step: key})


def _task_key(step: Step, where: Surroundings, shape: list[str]) -> str:
    """A key that is equal only for tasks that do the same.

    A scheduler that holds a result takes it for any task of that key. So the key tells where the result is stored, and
    which inputs come from other tasks.
    """
    return f"{step.name}-{engine.digest_of('provenance.task', step.token, where.digest, *shape)}"


def _fresh(key: str, client: Any) -> str:
    """The key, or another one while a client has cancelled futures of it.

    The scheduler tells the client that a key is cancelled when it has done so, perhaps after the key was sent again.
    """
    while client is not None and _compat.is_cancelled(client, key):
        key += "-again"
    return key
