"""The only module that knows Dask's private parts, and what differs between its versions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import dask
import dask.base
from dask._task_spec import DataNode, Task, TaskRef
from dask.base import is_dask_collection
from dask.delayed import Delayed as _Delayed
from dask.delayed import single_key
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.sizeof import sizeof as dask_sizeof
from dask.threaded import get as threaded_get
from dask.utils import ensure_dict

__all__ = [
    "DataNode",
    "Delayed",
    "HighLevelGraph",
    "Task",
    "TaskRef",
    "client_behind",
    "current_annotations",
    "current_client",
    "dask_compute",
    "dask_persist",
    "high_level_graph",
    "is_dask_collection",
    "otherwise",
    "register_sizeof",
    "scheduler_for",
    "single_key",
    "sizeof",
    "threaded_get",
    "to_tasks",
]

Scheduler: TypeAlias = Callable[..., Any]
T = TypeVar("T")

# Dask says of these neither what they take nor what they give.
Delayed: Callable[..., Any] = _Delayed
dask_compute: Callable[..., tuple[Any, ...]] = dask.base.compute
dask_persist: Callable[..., tuple[Any, ...]] = dask.base.persist
sizeof: Callable[[object], int] = dask_sizeof
_get_annotations: Callable[[], dict[str, object]] = dask.base.get_annotations
_get_scheduler: Callable[..., Scheduler | None] = dask.base.get_scheduler


def register_sizeof(kind: type[T]) -> Callable[[Callable[[T], int]], Callable[[T], int]]:
    """Decorate a function that says how many bytes objects of a type hold in memory."""
    register: Callable[..., Any] = dask_sizeof.register

    def decorate(size: Callable[[T], int]) -> Callable[[T], int]:
        register(kind, size)
        return size

    return decorate


def high_level_graph(layers: Mapping[str, tuple[dict[str, object], dict[str, object]]]) -> HighLevelGraph:
    """A graph of layers given as tasks and annotations; only a layer's own annotations reach its tasks."""
    built = {
        # Without annotations of its own a layer would take those in force where the graph is built.
        name: _layer(tasks, annotations)
        for name, (tasks, annotations) in layers.items()
    }
    # Groups of tasks with equal annotations may depend on each other both ways, which layers must not say.
    return HighLevelGraph(built, {name: set() for name in built})


def _layer(tasks: dict[str, object], annotations: dict[str, object]) -> MaterializedLayer:
    layer = MaterializedLayer(tasks)
    layer.annotations = annotations
    return layer


def to_tasks(dsk: Any) -> dict[Any, Any]:
    """The tasks of a graph by key, whatever form the graph has."""
    graph = dsk.__dask_graph__() if hasattr(dsk, "__dask_graph__") else dsk
    tasks: dict[Any, Any] = ensure_dict(graph)
    return tasks


def current_annotations() -> dict[str, object] | None:
    """What ``dask.annotate`` says here; None where it says nothing."""
    annotations: dict[str, object] = _get_annotations()
    return annotations or None


def scheduler_for(scheduler: object) -> Scheduler:
    """What Dask would run a graph with when ``scheduler=`` was given as `scheduler`."""
    chosen: Scheduler | None = _get_scheduler(scheduler=scheduler)
    return threaded_get if chosen is None else chosen


def otherwise() -> Scheduler:
    """What Dask would run a graph with if its configuration named no scheduler."""
    with dask.config.set(scheduler=None):
        return scheduler_for(None)


def client_behind(scheduler: Scheduler) -> Any | None:
    """The distributed client whose ``get`` this is, if it is one's."""
    owner = getattr(scheduler, "__self__", None)
    return owner if hasattr(owner, "register_plugin") else None


def current_client() -> Any | None:
    """The distributed client in force here, without importing distributed for the question."""
    distributed = sys.modules.get("distributed")
    if distributed is None or not hasattr(distributed, "Client"):
        return None
    try:
        return distributed.Client.current(allow_global=True)
    except ValueError:
        return None
