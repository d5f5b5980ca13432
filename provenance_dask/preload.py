"""For schedulers and workers that are started from the shell: ``--preload provenance_dask.preload``.

The process is configured with ``provenance.config`` of Dask's configuration, where that is set: a file, or what
`provenance.load_config` takes. Else workers take over what the client that computes there is configured with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import provenance as core
from provenance_dask import LazyArtifact  # noqa: F401  loads what unpickling tasks needs, before the first one comes
from provenance_dask.options import options

logger = logging.getLogger("provenance.dask")


def dask_setup(service: object) -> None:
    """Configure a scheduler or worker that starts.

    Raises
    ------
    ConfigError
        Dask's configuration holds what `provenance` cannot have there, or the configuration that it names is wrong.
    """
    config = options().config
    if config is None:
        return
    if isinstance(config, Mapping):
        core.load_config(dict(config))
    else:
        core.load_yaml_config(config)
    logger.info("%s uses repo %r", type(service).__name__, core.get_default_repo().name)
