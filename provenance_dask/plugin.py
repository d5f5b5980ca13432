"""Configure the workers of a cluster like the client."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from provenance.errors import ConfigError, WorkerRefusedError
from provenance_dask import _compat
from provenance_dask.agreement import unable
from provenance_dask.shipping import Surroundings, described_by, surroundings

_MOST_NAMED = 5

_lock = threading.Lock()
_connected: weakref.WeakKeyDictionary[Any, tuple[str, str]] = weakref.WeakKeyDictionary()
"""Of each client the scheduler whose workers it configured, and the digest of the surroundings they were given."""


def connect(client: Any, config: Mapping[str, Any] | None = None) -> Any:
    """Give all workers of a cluster, present and future ones, this process's configuration.

    The first computation of lazy artifacts on a cluster does this by itself. Call it where ordinary tasks
    (``client.submit``) call functions that are cached by `provenance`, or to give workers another configuration.

    Parameters
    ----------
    client : distributed.Client
        The client of the cluster.
    config : mapping, optional
        What `provenance.load_config` takes; what is configured here if not given. Paths in it must be the same
        everywhere.

    Returns
    -------
    None or awaitable
        An awaitable if the client is asynchronous.

    Raises
    ------
    ConfigError
        The repo in use here is not part of a configuration, or exists in this process only.
    WorkerRefusedError
        A worker has another Python or another version of the library, or records results where this process does not
        look for them.
    """
    where = surroundings() if config is None else described_by(config)
    if where.config is None:
        msg = (
            f"repo {where.repo_name!r} exists only in this process, so workers cannot be given it: load a "
            "configuration with provenance.load_config(), or pass one as config="
        )
        raise ConfigError(msg)
    return client.sync(_configure, client, where)


def connect_if_needed(client: Any, where: Surroundings) -> None:
    """Configure the workers for a computation, unless they are already or share this process's state."""
    if where.config is None or client.asynchronous or _connected.get(client) == _state(client, where):
        return  # tasks carry the configuration too: it is what an asynchronous client relies on
    if _compat.is_in_task():
        return  # a task that computes does not configure the cluster it runs on
    client.sync(_configure, client, where)


def connect_current(where: Surroundings) -> None:
    """Configure the workers of the client in force here, if there is one."""
    client = _compat.current_client()
    if client is not None and client.status == "running":
        connect_if_needed(client, where)


async def _configure(client: Any, where: Surroundings) -> None:
    """Configure the workers that are there, and if none of them refuses, those to come."""
    from provenance_dask.worker_plugin import ProvenanceWorkerPlugin, adopt  # noqa: PLC0415  distributed is there by now

    answers = await client.run(adopt, where, on_error="return")
    _raise_refusals({worker: error for worker, error in answers.items() if isinstance(error, Exception)})
    with suppress(OSError):  # a worker that went away; the plugin is registered before any is told
        await client.register_plugin(ProvenanceWorkerPlugin(where), name=ProvenanceWorkerPlugin.name)
    with _lock:
        _connected[client] = _state(client, where)


def _state(client: Any, where: Surroundings) -> tuple[str, str]:
    return _compat.scheduler_of(client), where.digest


def _raise_refusals(errors: Mapping[str, Exception]) -> None:
    """Raise the first error of workers, and name the others; of a worker that went away none is raised."""
    refusals = {
        worker: unable(worker, error) if _compat.is_of_unpickling(error) else error
        for worker, error in errors.items()
        if not isinstance(error, OSError)
    }
    if not refusals:
        return
    worker, *others = refusals
    if not isinstance(refusals[worker], WorkerRefusedError):
        refusals[worker].add_note(f"raised on worker {worker}, while it was configured like the client")
    if others:
        refusals[worker].add_note(f"and on {len(others)} more: {', '.join(others[:_MOST_NAMED])}")
    raise refusals[worker]
