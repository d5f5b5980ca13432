"""The plugin that configures Dask workers; imported only where distributed is."""

from __future__ import annotations

from typing import Any

from distributed import WorkerPlugin

from provenance_dask.shipping import Surroundings


class ProvenanceWorkerPlugin(WorkerPlugin):
    """Gives each worker, present or future, the configuration of the client."""

    name = "provenance"

    def __init__(self, where: Surroundings) -> None:
        self.where = where

    def setup(self, worker: Any) -> None:
        """Configure the worker's process."""
        self.where.adopt(worker.address)


def adopt(where: Surroundings, dask_worker: Any) -> None:
    """What every worker of a cluster is asked to do before the plugin is registered for those to come."""
    where.adopt(dask_worker.address)
