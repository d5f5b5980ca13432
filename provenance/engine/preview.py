"""A bounded JSON view of a call's inputs, for people and searches; the exact inputs are kept beside it."""

from __future__ import annotations

import math
from typing import Any, cast

from provenance.artifacts.ids import is_proxy
from provenance.types import JSON, Kargs

_TEXT_LIMIT = 200
_ITEM_LIMIT = 20
_DEPTH_LIMIT = 4
_TOTAL_LIMIT = 200
_EXACT_BITS = 53
_PRINTED_BITS = 512
_SCALARS = frozenset({type(None), bool, int, float, str})
_CONTAINERS = frozenset({list, tuple, dict})


class _Budget:
    """How many more items may be shown."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _TOTAL_LIMIT


def preview_inputs(kargs: Kargs, varargs: tuple[object, ...]) -> JSON:
    """What the inputs look like: scalars as they are, long things cut, artifacts by id, other objects by type."""
    budget = _Budget()
    return {
        "kargs": {name: _preview(value, 0, budget) for name, value in kargs.items()},
        "varargs": [_preview(value, 0, budget) for value in varargs[:_ITEM_LIMIT]],
    }


def _preview(value: object, depth: int, budget: _Budget) -> JSON:
    budget.left -= 1
    kind = type(value)
    if kind in _SCALARS:
        return _preview_scalar(cast("Any", value))
    if is_proxy(value):
        return {"artifact": str(cast("Any", value).artifact_id)}
    if kind in _CONTAINERS and depth < _DEPTH_LIMIT and budget.left > 0:
        return _preview_container(value, depth, budget)
    if hasattr(kind, "__dataclass_fields__") and depth < _DEPTH_LIMIT and budget.left > 0:
        fields = {name: getattr(value, name) for name in kind.__dataclass_fields__ if hasattr(value, name)}
        return {_cut(kind.__qualname__): _preview_container(fields, depth, budget)}
    return _describe(value)


def _preview_scalar(value: Any) -> JSON:
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, int) and value.bit_length() > _EXACT_BITS:
        # JSON readers lose the last digits of such integers; Python refuses to print very long ones.
        return str(value) if value.bit_length() < _PRINTED_BITS else f"<int of {value.bit_length()} bits>"
    shown: JSON = value
    return shown


def _preview_container(value: object, depth: int, budget: _Budget) -> JSON:
    if isinstance(value, dict):
        shown: dict[str, JSON] = {}
        for key, item in value.items():
            if len(shown) >= _ITEM_LIMIT or budget.left <= 0:
                shown["…"] = f"{len(value)} items"
                break
            shown[_preview_key(key)] = _preview(item, depth + 1, budget)
        return shown
    assert isinstance(value, list | tuple)  # noqa: S101  narrows for the type checker
    items = [_preview(item, depth + 1, budget) for item in value[: min(_ITEM_LIMIT, max(budget.left, 0))]]
    return items if len(items) == len(value) else [*items, f"… {len(value)} items"]


def _preview_key(key: object) -> str:
    shown = _preview_scalar(key) if type(key) in _SCALARS else _describe(key)
    return shown if isinstance(shown, str) else repr(shown)


def _describe(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return _cut(f"<{name} {shape} {getattr(value, 'dtype', '')}".rstrip() + ">")
    if isinstance(value, bytes | list | tuple | dict | set | frozenset):
        return f"<{name} of {len(value)}>"
    return f"<{_cut(name)}>"


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}… ({len(text)} characters)"
