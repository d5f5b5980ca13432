"""Encoders of functions, classes, methods and modules.

What can be imported is its name. Lambdas, closures, and what a script or notebook defines are their code,
constants, defaults, closure and the globals they use; what these refer to is followed. Definitions that refer to
each other in a circle are collected first and described together, each reference by its place among them.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

from provenance.hashing import grammar
from provenance.hashing.naming import importable_name, type_name
from provenance.hashing.parts import Attributes, Definitions, Description, Parts, Undetermined
from provenance.hashing.registry import register_encoder

_NO_MEMBERS = {
    *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__firstlineno__"),
    *("__static_attributes__", "__classcell__", "_abc_impl", "__annotate__", "__annotate_func__"),
    *("__abstractmethods__", "__annotations_cache__", "__slotnames__"),
}
_GLOBAL_READS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}


def is_definition(value: object) -> bool:
    """Whether the value is a function or class that has to be described by its code."""
    kind = type(value)  # never `isinstance`, which would load a proxy
    if kind is types.FunctionType:
        return importable_name(value) is None and not _has_identity(value)
    return issubclass(kind, type) and importable_name(value) is None


def _has_identity(function: object) -> bool:
    return "__provenance_identity__" in vars(function)


class References:
    """Finds, for a definition, those that it refers to and that refer back to it."""

    __slots__ = ("_edges",)

    def __init__(self) -> None:
        self._edges: dict[int, tuple[object, list[object]]] = {}

    def circle_of(self, definition: object) -> list[object]:
        """Return `definition` and every definition in a circle of references with it, in order of first mention."""
        reached: dict[int, object] = {id(definition): definition}
        callers: dict[int, list[int]] = {}
        queue = [definition]
        for current in queue:
            for target in self._mentions(current):
                callers.setdefault(id(target), []).append(id(current))
                if id(target) not in reached:
                    reached[id(target)] = target
                    queue.append(target)
        circle = {id(definition)}
        back = [id(definition)]
        for current_id in back:
            for caller in callers.get(current_id, ()):
                if caller not in circle:
                    circle.add(caller)
                    back.append(caller)
        return [value for key, value in reached.items() if key in circle]

    def _mentions(self, definition: object) -> list[object]:
        known = self._edges.get(id(definition))
        if known is None:
            known = self._edges[id(definition)] = (definition, list(_mentioned(definition)))
        return known[1]


def _mentioned(definition: object) -> Iterator[object]:
    """Definitions that one refers to, directly or inside builtin containers."""
    stack = [_mentions_of(definition)]
    seen: dict[int, object] = {}
    while stack:
        for value in stack[-1]:
            if type(value) in grammar.ATOMS or id(value) in seen:
                continue
            seen[id(value)] = value
            if is_definition(value):
                yield value
            else:
                stack.append(_contained(value))
                break
        else:
            stack.pop()


def _mentions_of(definition: Any) -> Iterator[object]:
    if type(definition) is types.FunctionType:
        yield from definition.__defaults__ or ()
        yield from (definition.__kwdefaults__ or {}).values()
        yield from _closure(definition).values()
        yield from _globals_of(definition).values()
        yield from _own_attributes(definition).values()
    else:
        yield from definition.__bases__
        yield from _members(definition).values()


def _contained(value: Any) -> Iterator[object]:
    kind = type(value)
    if kind is tuple or kind is list:
        yield from value
    elif kind is dict:
        yield from _in_canonical_order(value)
    elif kind is partial:
        yield from (value.func, *value.args, *value.keywords.values())
    elif kind is types.MethodType:
        yield from (value.__self__, value.__func__)
    elif kind is staticmethod or kind is classmethod:
        yield value.__func__
    elif kind is property:
        yield from (value.fget, value.fset, value.fdel)


def _in_canonical_order(value: dict[object, object]) -> list[object]:
    """Values of a dict in an order that does not depend on how it was filled.

    A dict with keys that cannot be ordered by name is not followed; a circle through it is an error later.
    """
    names = {}
    for key in value:
        if type(key) in grammar.ATOMS:
            names[key] = grammar.atom(key)
        elif isinstance(key, type):
            names[key] = type_name(key).encode()
        else:
            return []
    return [value[key] for key in sorted(names, key=names.__getitem__)]


@lru_cache(4096)
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """Names of globals that code reads, also in functions and comprehensions inside it; sorted."""
    import dis  # noqa: PLC0415  only functions that cannot be imported need it

    names = {step.argval for step in dis.get_instructions(code) if step.opname in _GLOBAL_READS}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(_global_names(constant))
    return tuple(sorted(names))


def _globals_of(function: types.FunctionType) -> dict[str, object]:
    space = function.__globals__
    return {name: space[name] for name in _global_names(function.__code__) if name in space}


def _closure(function: types.FunctionType) -> dict[str, object]:
    names = function.__code__.co_freevars
    return dict(zip(names, map(_cell_contents, function.__closure__ or ()), strict=True))


def _cell_contents(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return Parts("empty cell", ())


def _own_attributes(function: types.FunctionType) -> dict[str, object]:
    return {name: value for name, value in vars(function).items() if name != "__wrapped__"}


def _members(cls: type) -> dict[str, object]:
    return {name: value for name, value in sorted(vars(cls).items()) if name not in _NO_MEMBERS}


def _function(obj: Any) -> Description:
    if _has_identity(obj):
        return Parts("identity", (obj.__provenance_identity__(),))
    name = importable_name(obj)
    return Parts("global", (name,)) if name is not None else Definitions(obj)


def _class(obj: Any) -> Description:
    name = importable_name(obj)
    return Parts("global", (name,)) if name is not None else Definitions(obj)


def definition(obj: Any) -> Description:
    """Describe one function or class by its code."""
    if type(obj) is types.FunctionType:
        parts = (
            obj.__code__,
            obj.__defaults__,
            obj.__kwdefaults__,
            Attributes(_closure(obj)),
            Attributes(_globals_of(obj)),
            Attributes(_own_attributes(obj)),
        )
        return Parts("function", parts, ("", ".__defaults__", ".__kwdefaults__"))
    return Parts("class", (obj.__qualname__, obj.__bases__, Attributes(_members(obj))))


def _code(obj: Any) -> Description:
    counts = (obj.co_argcount, obj.co_posonlyargcount, obj.co_kwonlyargcount, obj.co_flags)
    names = (obj.co_names, obj.co_varnames, obj.co_freevars, obj.co_cellvars)
    return Parts("code", (*counts, obj.co_code, obj.co_exceptiontable, obj.co_consts, *names))


def _method(obj: Any) -> Description:
    return Parts("method", (obj.__func__, obj.__self__), (".__func__", ".__self__"))


def _module(obj: Any) -> Description:
    name = obj.__name__
    if name == "__main__":
        raise Undetermined("the running script is not a module that another process can import")
    return Parts("module", (name,))


def _wrapping(kind: str) -> Any:
    return lambda obj: Parts(kind, (obj.__func__,))


def _property(obj: Any) -> Description:
    return Parts("property", (obj.fget, obj.fset, obj.fdel))


def _slot(obj: Any) -> Description:
    return Parts("slot", (obj.__name__,))


def _cached_function(obj: Any) -> Description:
    return Parts("cached function", (obj.__wrapped__,))


def _cached_property(obj: Any) -> Description:
    return Parts("cached property", (obj.func,))


def _register() -> None:
    register_encoder(types.FunctionType, _function)
    register_encoder(type, _class)
    register_encoder(types.CodeType, _code)
    register_encoder(types.MethodType, _method)
    register_encoder(types.ModuleType, _module)
    register_encoder(staticmethod, _wrapping("staticmethod"))
    register_encoder(classmethod, _wrapping("classmethod"))
    register_encoder(property, _property)
    register_encoder(types.MemberDescriptorType, _slot)
    register_encoder("functools._lru_cache_wrapper", _cached_function)
    register_encoder("functools.cached_property", _cached_property)


_register()
