"""Rebuild nested builtin containers with some of their leaves replaced."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

_MAPPINGS = (dict, OrderedDict, defaultdict)
_COLLECTIONS = (list, tuple, set, frozenset)


def map_leaves(value: object, is_leaf: Callable[[object], bool], replace: Callable[[Any], object]) -> object:
    """Replace the leaves of nested lists, tuples, sets, dicts, namedtuples and dataclasses.

    Parameters
    ----------
    value : object
        What to search. Containers of other types are not entered.
    is_leaf : callable
        Tells whether an object is to be replaced. It is asked before anything else touches the object.
    replace : callable
        Gives the replacement.

    Returns
    -------
    object
        `value` itself when nothing was replaced, else a rebuilt copy of the containers on the way.
    """
    if is_leaf(value):
        return replace(value)
    kind = type(value)
    if kind in _MAPPINGS:
        return _map_mapping(value, is_leaf, replace)
    if kind in _COLLECTIONS:
        return _map_collection(value, is_leaf, replace)
    # By type: isinstance() would ask a proxy that is no leaf here for its class, which loads it.
    if issubclass(kind, tuple) and hasattr(kind, "_make"):
        return _map_namedtuple(value, is_leaf, replace)
    if hasattr(kind, "__dataclass_fields__"):
        return _map_dataclass(value, is_leaf, replace)
    return value


def _differ(new: list[object], old: Any) -> bool:
    return any(a is not b for a, b in zip(new, old, strict=True))


def _map_namedtuple(value: Any, is_leaf: Callable[[object], bool], replace: Callable[[Any], object]) -> object:
    new = [map_leaves(item, is_leaf, replace) for item in value]
    return type(value)._make(new) if _differ(new, value) else value


def _map_collection(value: Any, is_leaf: Callable[[object], bool], replace: Callable[[Any], object]) -> object:
    old = list(value)
    new = [map_leaves(item, is_leaf, replace) for item in old]
    return type(value)(new) if _differ(new, old) else value


def _map_mapping(value: Any, is_leaf: Callable[[object], bool], replace: Callable[[Any], object]) -> object:
    old = [part for item in value.items() for part in item]
    new = [map_leaves(part, is_leaf, replace) for part in old]
    if not _differ(new, old):
        return value
    rebuilt = copy.copy(value)
    rebuilt.clear()
    rebuilt.update(zip(new[::2], new[1::2], strict=True))
    return rebuilt


def _map_dataclass(value: Any, is_leaf: Callable[[object], bool], replace: Callable[[Any], object]) -> object:
    names = [name for name in type(value).__dataclass_fields__ if hasattr(value, name)]
    old = [getattr(value, name) for name in names]
    new = [map_leaves(item, is_leaf, replace) for item in old]
    if not _differ(new, old):
        return value
    rebuilt = copy.copy(value)
    for name, item in zip(names, new, strict=True):
        object.__setattr__(rebuilt, name, item)  # frozen dataclasses refuse the plain way
    return rebuilt
