"""Pipelines of cached functions on Dask, in which nothing that is done is scheduled again.

Every public name is imported when it is first asked for: Dask imports this package in every process, for
`provenance_dask.sizes`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import provenance as core
from provenance_dask import options as _options  # noqa: F401  sets the defaults in dask.config

if TYPE_CHECKING:
    from provenance import Job, JobRow, job, jobs
    from provenance_dask.explaining import Change, Why, why
    from provenance_dask.nodes import LazyArtifact, by_token, lazy, lazy_wrapper, provenance
    from provenance_dask.planning import Plan
    from provenance_dask.plugin import connect
    from provenance_dask.running import compute, get, persist, plan

_CORE = frozenset({"Job", "JobRow", "job", "jobs"})
"""Names that mean the same in `provenance`: a job is one across client and workers."""
_HOMES = {
    "Change": "explaining",
    "LazyArtifact": "nodes",
    "Plan": "planning",
    "Why": "explaining",
    "by_token": "nodes",
    "compute": "running",
    "connect": "plugin",
    "get": "running",
    "lazy": "nodes",
    "lazy_wrapper": "nodes",
    "persist": "running",
    "plan": "running",
    "provenance": "nodes",
    "why": "explaining",
}

__all__ = [
    "Change",
    "Job",
    "JobRow",
    "LazyArtifact",
    "Plan",
    "Why",
    "by_token",
    "compute",
    "connect",
    "get",
    "job",
    "jobs",
    "lazy",
    "lazy_wrapper",
    "persist",
    "plan",
    "provenance",
    "why",
]


def __getattr__(name: str) -> object:
    if name in _CORE:
        return getattr(core, name)
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
