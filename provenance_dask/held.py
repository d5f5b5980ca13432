"""The values a worker holds: what one task computed or loaded, the others use without loading it."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from provenance.engine import ArtifactProxy
from provenance.types import ArtifactId
from provenance_dask.shipping import Surroundings

_held: WeakValueDictionary[tuple[str, ArtifactId], ArtifactProxy] = WeakValueDictionary()
"""The proxy of each artifact that is in use here, by the surroundings it was planned in."""


def hold(result: object, where: Surroundings) -> None:
    """Let other tasks of this process use a result as long as something keeps it."""
    if is_stored_proxy(result):
        proxy: Any = result
        _held[where.digest, proxy.artifact_id] = proxy


def from_task(result: object, where: Surroundings) -> object:
    """The result of another task; where it came as an id, the proxy that has the value here, if one has."""
    if not issubclass(type(result), ArtifactProxy) or result.is_loaded:  # type: ignore[attr-defined]
        return result
    return _shared(result, where, keep=result)


def from_graph(literal: object, where: Surroundings) -> object:
    """A proxy that came with the task itself, as one whose value goes when no task uses it any more.

    A worker keeps a task as long as its result; a value that was loaded into a proxy inside of it would stay as long.
    """
    if where.repo is not None or not issubclass(type(literal), ArtifactProxy):
        return literal
    return _shared(literal, where, keep=None)


def _shared(proxy: Any, where: Surroundings, keep: Any) -> object:
    key = where.digest, proxy.artifact_id
    known = _held.get(key)
    if known is None or (keep is not None and not known.is_loaded):
        known = _held[key] = _copied(proxy) if keep is None else keep
    return known


def _copied(proxy: ArtifactProxy) -> Any:
    """Another proxy of the same artifact, not loaded."""
    restore, arguments, *_ = proxy.__reduce__()
    return restore(*arguments)  # type: ignore[operator,misc]


def is_stored_proxy(result: object) -> bool:
    """Whether an object is a proxy that others can load."""
    return issubclass(type(result), ArtifactProxy) and result.artifact.is_stored  # type: ignore[attr-defined]
