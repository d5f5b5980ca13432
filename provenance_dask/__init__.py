"""Pipelines of cached functions on Dask, in which nothing that is done is scheduled again."""

from provenance_dask.explaining import Change, Why, why
from provenance_dask.nodes import LazyArtifact, lazy, lazy_wrapper, provenance
from provenance_dask.planning import Plan
from provenance_dask.plugin import connect
from provenance_dask.running import compute, get, persist, plan

__all__ = [
    "Change",
    "LazyArtifact",
    "Plan",
    "Why",
    "compute",
    "connect",
    "get",
    "lazy",
    "lazy_wrapper",
    "persist",
    "plan",
    "provenance",
    "why",
]
