"""The only module that knows Dask's private parts, and what differs between its versions."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import cloudpickle
import dask
import dask.base
from dask._task_spec import DataNode, Task, TaskRef
from dask.base import is_dask_collection
from dask.delayed import Delayed, single_key
from dask.delayed import delayed as _delayed
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.sizeof import sizeof as dask_sizeof
from dask.system import CPU_COUNT
from dask.threaded import get as threaded_get
from dask.utils import ensure_dict

from provenance_dask import sizes

__all__ = [
    "DataNode",
    "HighLevelGraph",
    "Task",
    "TaskRef",
    "as_one_result",
    "client_behind",
    "compute_in_order",
    "current_annotations",
    "current_client",
    "dask_persist",
    "dumps",
    "high_level_graph",
    "is_cancelled",
    "is_dask_collection",
    "is_in_task",
    "is_of_unpickling",
    "join_pool",
    "knows_size",
    "leave_pool",
    "leaves_process",
    "loads",
    "otherwise",
    "plain_delayed",
    "scheduler_for",
    "scheduler_of",
    "settle_releases",
    "single_key",
    "sizeof",
    "survives_pickling",
    "threaded_get",
    "threads_in_force",
    "to_tasks",
    "token_of",
    "wait_for",
    "worker_address",
]

Scheduler: TypeAlias = Callable[..., Any]

_ONE_AT_A_TIME = ("sync", "synchronous", "single-threaded")

# Dask says of these neither what they take nor what they give.
_make_delayed: Callable[..., Any] = Delayed
_dask_compute: Callable[..., tuple[Any, ...]] = dask.base.compute
dask_persist: Callable[..., tuple[Any, ...]] = dask.base.persist
dumps: Callable[[object], bytes] = cloudpickle.dumps
loads: Callable[[bytes], Any] = cloudpickle.loads
_optimize: Callable[..., tuple[Any, ...]] = dask.base.optimize
sizeof: Callable[[object], int] = dask_sizeof
_size_function: Callable[[type], object] = dask_sizeof.dispatch
sizes.register(sizeof)  # Dask does so by itself where the package is installed
current_annotations: Callable[[], dict[str, object] | None] = dask.base._annotations.get  # noqa: SLF001  each call asks
"""What ``dask.annotate`` says here; None or empty where it says nothing."""
_get_scheduler: Callable[..., Scheduler | None] = dask.base.get_scheduler


def knows_size(kind: type) -> bool:
    """Whether Dask has more to say of a type's size than that of any object."""
    return _size_function(kind) is not _size_function(object)


def high_level_graph(
    name: str, tasks: Mapping[str, object], annotated: Mapping[str, dict[str, object]]
) -> HighLevelGraph:
    """A graph of one layer called `name`, and one for each group of tasks with the same annotations."""
    layers = {name: _layer({key: task for key, task in tasks.items() if key not in annotated}, {})}
    groups: dict[str, tuple[dict[str, object], dict[str, object]]] = {}
    for key, wishes in annotated.items():
        label = f"{name}-{sorted(map(repr, wishes.items()))}"
        groups.setdefault(label, (wishes, {}))[1][key] = tasks[key]
    layers.update({label: _layer(members, wishes) for label, (wishes, members) in groups.items()})
    # Layers may depend on each other both ways, which must not be said of them.
    return HighLevelGraph(layers, {layer: set() for layer in layers})


def _layer(tasks: dict[str, object], annotations: dict[str, object]) -> MaterializedLayer:
    layer = MaterializedLayer(tasks)
    layer.annotations = annotations  # else those in force where the graph is built
    return layer


def to_tasks(dsk: Any) -> dict[Any, Any]:
    """The tasks of a graph by key, whatever form the graph has."""
    graph = dsk.__dask_graph__() if hasattr(dsk, "__dask_graph__") else dsk
    tasks: dict[Any, Any] = ensure_dict(graph)
    return tasks


def compute_in_order(collections: Sequence[Any], **kwargs: Any) -> list[Any]:
    """``dask.compute`` whose results are in the order of the collections.

    Dask (2026.8) optimises collections of one kind together and gives the results kind by kind: with the kinds
    apart already, that order is the one they were given in.
    """
    kinds: dict[object, int] = {}
    rank = [kinds.setdefault(_optimizer_of(collection), len(kinds)) for collection in collections]
    order = sorted(range(len(collections)), key=rank.__getitem__)
    computed = _dask_compute(*(collections[index] for index in order), traverse=False, **kwargs)
    results = dict(zip(order, computed, strict=True))
    return [results[index] for index in range(len(collections))]


def _optimizer_of(collection: Any) -> object:
    if not isinstance(collection, Delayed) and hasattr(collection, "expr"):
        return None
    return getattr(collection, "__dask_optimize__", None)


def scheduler_for(scheduler: object) -> Scheduler:
    """What Dask would run a graph with when ``scheduler=`` was given as `scheduler`."""
    chosen: Scheduler | None = _get_scheduler(scheduler=scheduler)
    return threaded_get if chosen is None else chosen


def leaves_process(run: Scheduler) -> bool:
    """Whether this sends tasks to other processes, for which graphs are pickled."""
    pools = sys.modules.get("dask.multiprocessing")
    return client_behind(run) is not None or (pools is not None and run is pools.get)


def as_one_result(collection: Any) -> tuple[dict[Any, Any], str]:
    """The optimised graph of a collection, and the key of its value in it."""
    (optimized,) = _optimize(collection)
    single = _delayed(optimized, traverse=False)
    return to_tasks(single), single.key


def plain_delayed(graph: HighLevelGraph, key: str, plain: Callable[[Any], Any]) -> Any:
    """A ``Delayed`` of what `plain` makes of the result that is called `key` in a graph."""
    name = f"plain-{key}"
    task = MaterializedLayer({name: Task(name, plain, TaskRef(key))})
    # A layer is found by the name of the key that it ends in.
    layers = {**graph.layers, name: task}
    return _make_delayed(name, HighLevelGraph(layers, {**graph.dependencies, name: set(graph.layers)}))


def token_of(collection: Any) -> str:
    """Dask's token of a collection; of equal graphs it is equal."""
    token: str = dask.base.tokenize(collection)
    return token


def otherwise() -> Scheduler:
    """What Dask would run a graph with if its configuration named no scheduler."""
    with dask.config.set(scheduler=None):
        return scheduler_for(None)


def client_behind(scheduler: Scheduler) -> Any | None:
    """The distributed client whose ``get`` this is, if it is one's."""
    owner = getattr(scheduler, "__self__", None)
    return owner if hasattr(owner, "register_plugin") else None


def scheduler_of(client: Any) -> str:
    """Names the scheduler that a client is connected to; one that is started again is another one."""
    return str(client._scheduler_identity.get("id", ""))  # noqa: SLF001  what is public asks the scheduler each time


def is_cancelled(client: Any, key: str) -> bool:
    """Whether there are futures of a key that the client has cancelled."""
    return key in client.refcount and key not in client.futures


def settle_releases(scheduler: Scheduler) -> None:
    """Return when a client has given up the futures that its ``get`` released, which it does in its loop (2026.8)."""
    client = client_behind(scheduler)
    if client is None or client.asynchronous:
        return
    with suppress(Exception):  # a client that was closed has given up all
        client.sync(_nothing)


async def _nothing() -> None:
    """Runs in the loop behind what was added before."""


def is_in_task() -> bool:
    """Whether this runs in a task on a distributed worker."""
    return worker_address() is not None


def worker_address() -> str | None:
    """The address of the distributed worker that this task runs on, if it runs on one."""
    distributed = sys.modules.get("distributed")
    if distributed is None or not hasattr(distributed, "get_worker"):
        return None
    try:
        address: str = distributed.get_worker().address
    except ValueError:
        return None
    return address


def is_of_unpickling(answer: Exception) -> bool:
    """Whether a worker answered with this because it could not load what it was asked to run.

    Errors of unpickling arrive as plain exceptions with the text of what was raised.
    """
    return type(answer) is Exception or isinstance(answer, ImportError | AttributeError)


def leave_pool() -> bool:
    """Let a distributed worker use the place of this thread for other tasks; whether it is the thread of a task."""
    if not is_in_task():
        return False
    from distributed import secede  # noqa: PLC0415  is there, as this is a task
    from distributed.threadpoolexecutor import thread_state  # noqa: PLC0415

    executor = getattr(thread_state, "executor", None)
    if executor is None or threading.current_thread() not in executor._threads:  # noqa: SLF001  it may have left
        return False
    secede()  # type: ignore[no-untyped-call]
    return True


def join_pool() -> None:
    """Wait until the worker has a place for this thread again."""
    from distributed import rejoin  # noqa: PLC0415  is there, as this was a task

    rejoin()  # type: ignore[no-untyped-call]


def survives_pickling(error: BaseException) -> bool:
    """Whether Dask can send an error to another process as what it is, with the errors that led to it."""
    from tblib import pickling_support  # noqa: PLC0415  for errors only

    pickling_support.install(error)
    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:  # noqa: BLE001  whatever the class of the error raises
        return False
    return True


def current_client() -> Any | None:
    """The distributed client in force here, without importing distributed for the question."""
    distributed = sys.modules.get("distributed")
    if distributed is None or not hasattr(distributed, "Client"):
        return None
    try:
        return distributed.Client.current(allow_global=True)
    except ValueError:
        return None


def wait_for(keys: Collection[str]) -> None:
    """Wait until the tasks of these keys are done that any distributed client of this process has futures of."""
    distributed = sys.modules.get("distributed")
    if not keys or distributed is None or not hasattr(distributed, "Client") or is_in_task():
        return  # a task that waits keeps others from running
    for client in list(distributed.Client._instances):  # noqa: SLF001  there is no public list of them
        if client.status == "running" and not client.asynchronous:
            futures = [distributed.Future(key, client) for key in keys if key in client.futures]
            if futures:
                with contextlib.suppress(distributed.CancelledError):
                    distributed.wait(futures)


def threads_in_force() -> int:
    """How many tasks would run at once here: on the workers of the client in force, else in this machine's threads."""
    client = current_client()
    if client is not None and client.status == "running" and not client.asynchronous:
        threads: int = sum(client.nthreads().values())
        return max(1, threads)
    scheduler = dask.config.get("scheduler", None)
    if isinstance(scheduler, str) and scheduler.lower() in _ONE_AT_A_TIME:
        return 1
    workers: int = dask.config.get("num_workers", None) or CPU_COUNT
    return workers
