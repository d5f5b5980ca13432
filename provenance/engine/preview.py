"""A bounded JSON view of a call's inputs, for people and searches; the exact inputs are kept beside it."""

from __future__ import annotations

import math

from provenance.artifacts.ids import is_proxy
from provenance.types import JSON, Kargs

_TEXT_LIMIT = 200
_ITEM_LIMIT = 20
_DEPTH_LIMIT = 4
_TOTAL_LIMIT = 200


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
    if is_proxy(value):
        return {"artifact": str(value.artifact_id)}  # type: ignore[attr-defined]
    kind = type(value)
    if value is None or kind is bool:
        return value  # type: ignore[return-value]
    if kind is int:
        return value if abs(value) < 1 << 53 else _cut(str(value) if value.bit_length() < 4096 else "<large int>")  # type: ignore[operator, attr-defined]  # noqa: PLR2004
    if kind is float:
        return value if math.isfinite(value) else repr(value)  # type: ignore[arg-type, return-value]
    if kind is str:
        return _cut(value)  # type: ignore[arg-type]
    if kind in (list, tuple, dict) and depth < _DEPTH_LIMIT and budget.left > 0:
        return _preview_container(value, depth, budget)
    return _describe(value)


def _preview_container(value: object, depth: int, budget: _Budget) -> JSON:
    if isinstance(value, dict):
        shown: dict[str, JSON] = {}
        for key, item in value.items():
            if len(shown) >= _ITEM_LIMIT or budget.left <= 0:
                shown["…"] = f"{len(value)} items"
                break
            shown[_cut(key if type(key) is str else _describe(key))] = _preview(item, depth + 1, budget)
        return shown
    assert isinstance(value, list | tuple)  # noqa: S101  narrows for the type checker
    items = [_preview(item, depth + 1, budget) for item in value[: min(_ITEM_LIMIT, max(budget.left, 0))]]
    return items if len(items) == len(value) else [*items, f"… {len(value)} items"]


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
