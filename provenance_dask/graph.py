"""The Dask graph of what has to run: one task for each step, stored results as proxies inside of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provenance import engine
from provenance.engine import Artifact
from provenance_dask import _compat
from provenance_dask.resolve import Resolution
from provenance_dask.shipping import Surroundings
from provenance_dask.steps import Step


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph that Dask can run, and the key of each step in it."""

    layers: _compat.HighLevelGraph
    keys: Mapping[Step, str]


def build_graph(resolution: Resolution, where: Surroundings) -> Graph:
    """The graph of what has to run; stored roots are not in it."""
    keys: dict[Step, str] = {}
    layers: dict[str, tuple[dict[str, object], dict[str, object]]] = {}
    literals: dict[Step, object] = {}
    for step in resolution.to_run:
        tasks = _layer_of(step, layers)
        if step.futures is not None:
            tasks.update(step.futures)
            (keys[step],) = step.futures
            continue
        sources: list[object] = []
        shape: list[str] = []
        for source in step.inputs:
            key = keys.get(source)
            if key is None:
                artifact = resolution.hits[source]
                if source not in literals:
                    literals[source] = engine.lazy_proxy(artifact)
                sources.append(literals[source])
                shape.append(artifact.id)
            else:
                sources.append(_compat.TaskRef(key))
                shape.append(key)
        key = keys[step] = _task_key(step, shape)
        tasks[key] = step.task(key, sources, resolution.recipe(step), where)
    return Graph(_compat.high_level_graph(layers), keys)


def stored_graph(step: Step, artifact: Artifact) -> Graph:
    """The graph of a result that is stored: Dask's own functions need a task for it."""
    key = f"{step.name}-stored-{artifact.id}"
    tasks: dict[str, object] = {key: _compat.DataNode(key, engine.lazy_proxy(artifact))}
    return Graph(_compat.high_level_graph({key: (tasks, {})}), {step: key})


def _layer_of(step: Step, layers: dict[str, tuple[dict[str, object], dict[str, object]]]) -> dict[str, object]:
    """The tasks of the layer that has the step's annotations."""
    annotations = step.annotations or {}
    name = f"provenance-{engine.digest_of(sorted(map(repr, annotations.items())))}" if annotations else "provenance"
    if name not in layers:
        layers[name] = ({}, annotations)
    return layers[name][0]


def _task_key(step: Step, shape: list[str]) -> str:
    """A key that tells apart tasks that take a result from another task and such that have it already."""
    if not shape:
        return step.key
    return f"{step.name}-{engine.digest_of('provenance.task', step.token, shape)}"
