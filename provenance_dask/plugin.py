"""Configure the workers of a cluster like the client."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import Any

from provenance.errors import ConfigError
from provenance_dask import _compat
from provenance_dask.shipping import Surroundings, described_by, surroundings

_lock = threading.Lock()
_connected: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


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
    """
    where = surroundings() if config is None else described_by(config)
    if where.config is None:
        msg = (
            f"repo {where.repo_name!r} exists only in this process, so workers cannot be given it: load a "
            "configuration with provenance.load_config(), or pass one as config="
        )
        raise ConfigError(msg)
    return _register(client, where)


def connect_if_needed(client: Any, where: Surroundings) -> None:
    """Configure the workers for a computation, unless they are already or share this process's state."""
    if where.config is None or client.asynchronous or _connected.get(client) == where.digest:
        return  # tasks carry the configuration too: it is what an asynchronous client relies on
    if _compat.is_in_task():
        return  # a task that computes does not configure the cluster it runs on
    _register(client, where)


def connect_current(where: Surroundings) -> None:
    """Configure the workers of the client in force here, if there is one."""
    client = _compat.current_client()
    if client is not None and client.status == "running":
        connect_if_needed(client, where)


def _register(client: Any, where: Surroundings) -> Any:
    from provenance_dask.worker_plugin import ProvenanceWorkerPlugin  # noqa: PLC0415  distributed is there by now

    with _lock:
        _connected[client] = where.digest
    return client.register_plugin(ProvenanceWorkerPlugin(where), name=ProvenanceWorkerPlugin.name)
