"""Names of classes and of what can be imported, as they stand in encodings."""

from __future__ import annotations

import sys

_NOT_IMPORTABLE = {"__main__", "__mp_main__"}


def type_name(cls: type) -> str:
    """``module:qualname`` of a class."""
    return f"{cls.__module__}:{cls.__qualname__}"


def importable_name(obj: object) -> str | None:
    """Return ``module:qualname`` if importing that gives `obj`, perhaps wrapped by a decorator; else None.

    What is defined in a script or notebook has a name too, but another process finds something else under it.
    """
    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module in _NOT_IMPORTABLE or "<" in name:
        return None
    found: object = sys.modules.get(module)
    for step in name.split("."):
        found = getattr(found, step, None)
    return f"{module}:{name}" if _is_or_wraps(found, obj) else None


def _is_or_wraps(found: object, obj: object) -> bool:
    for _ in range(64):
        if found is obj:
            return True
        found = getattr(found, "__wrapped__", None)
        if found is None:
            return False
    return False
