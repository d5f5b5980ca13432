"""About how many bytes an argument takes on its way to a worker."""

from __future__ import annotations

import types
from collections.abc import Collection
from itertools import islice

from provenance.engine import ArtifactProxy
from provenance_dask import _compat

_LIGHT = 64
"""What is as good as nothing: a number, an id."""
_LIGHT_TYPES = frozenset({type(None), bool, int, float, complex})
_OPAQUE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_MOST_ITEMS = 1000
_MOST_LEVELS = 8


def weight(value: object, level: int = 0) -> int:
    """Bytes of a value with what it holds; of long containers it is estimated. A proxy travels as an id."""
    kind = type(value)
    if kind in _LIGHT_TYPES or issubclass(kind, ArtifactProxy) or level > _MOST_LEVELS:
        return _LIGHT
    if issubclass(kind, dict):
        items: dict[object, object] = value  # type: ignore[assignment]
        return _of_items(items, level) + _of_items(items.values(), level)
    if issubclass(kind, list | tuple | set | frozenset):
        return _of_items(value, level)  # type: ignore[arg-type]
    known = _compat.sizeof(value)
    if issubclass(kind, _OPAQUE) or _compat.knows_size(kind):
        return known
    own = getattr(value, "nbytes", None)
    if type(own) is int:
        return own
    attributes = getattr(value, "__dict__", None)
    return known + (_of_items(attributes.values(), level) if type(attributes) is dict else 0)


def _of_items(items: Collection[object], level: int) -> int:
    stride = 1 + len(items) // _MOST_ITEMS
    taken = islice(items, 0, None, stride)
    return _LIGHT + stride * sum(weight(item, level + 1) for item in taken)
