"""Plain values for code that should not meet proxies."""

from __future__ import annotations

from collections.abc import Callable

from provenance._util.containers import map_leaves
from provenance.artifacts.ids import is_proxy


def unwrap(obj: object) -> object:
    """Return the plain value of a proxy, or of all proxies inside nested builtin containers.

    Parameters
    ----------
    obj : object
        A proxy; or lists, tuples, sets, dicts, namedtuples and dataclasses holding some; or anything else.

    Returns
    -------
    object
        `obj` itself when it holds no proxy, else the value or a copy of the containers with plain values.
    """
    return unwrap_each(obj, _value_of)


def unwrap_each(obj: object, value_of: Callable[[object], object]) -> object:
    """`unwrap` with a function of one's own that gives a proxy's value."""
    return map_leaves(obj, is_proxy, lambda proxy: unwrap_each(value_of(proxy), value_of))


def _value_of(proxy: object) -> object:
    from provenance.artifacts.proxy import plain_value  # noqa: PLC0415  wrapt is there already when a proxy is

    return plain_value(proxy)
