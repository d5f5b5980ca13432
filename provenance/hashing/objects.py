"""Encoders of instances: what a class says of itself, subclasses of builtins, and state as pickle would take it."""

from __future__ import annotations

import copyreg
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provenance.hashing.naming import importable_name, type_name
from provenance.hashing.parts import Attributes, Description, Encoder, Parts, Undetermined
from provenance.hashing.registry import encoder_for
from provenance.hashing.representation import has_value_repr, value_repr

if TYPE_CHECKING:
    from collections.abc import Callable

_RESOURCES = {
    "_io": "an open file or stream changes when it is read",
    "io": "an open file or stream changes when it is read",
    "_thread": "a lock or thread exists only in this process",
    "threading": "a lock or thread exists only in this process",
    "_weakref": "a weak reference may lose its object at any time",
    "weakref": "a weak reference may lose its object at any time",
    "_weakrefset": "a weak reference may lose its object at any time",
    "_socket": "a connection exists only in this process",
    "ssl": "a connection exists only in this process",
    "mmap": "a mapped file changes when it is written",
}

_COMPUTE_FIRST = (
    "Compute it first and pass the result; or give a lazy function provenance_dask.by_token(x), "
    "which keys it by the token of its graph."
)

_PROTOCOL = 4

_CONTENT: dict[type, Callable[[Any], object]] = {
    int: lambda obj: int.__add__(obj, 0),
    float: float.__float__,
    complex: complex.__complex__,
    str: str.__str__,
    bytes: lambda obj: bytes.__getitem__(obj, slice(None)),
    tuple: lambda obj: tuple(tuple.__iter__(obj)),
    list: lambda obj: list(list.__iter__(obj)),
    dict: lambda obj: dict(dict.items(obj)),
    set: lambda obj: set(set.__iter__(obj)),
    frozenset: lambda obj: frozenset(frozenset.__iter__(obj)),
}
"""How to read what a subclass of a builtin inherits, whatever it overrides."""


def encoder_of_class(cls: type) -> Encoder:
    """Return the encoder for instances of a class; raises `Undetermined` if they have none."""
    if hasattr(cls, "__provenance_identity__"):
        return _identity
    if has_value_repr(cls):
        return _represented
    if any(base.__module__ == "enum" and base.__qualname__ == "Enum" for base in cls.__mro__):
        return _enum_member
    registered = encoder_for(cls)
    if registered is not None:
        return registered
    _refuse_resources(cls)
    builtin = next((base for base in cls.__mro__ if base in _CONTENT), None)
    if builtin is tuple and hasattr(cls, "_fields"):
        return _named_tuple
    if builtin in (set, frozenset) or (builtin is not None and not _reduces_itself(cls)):
        return _subclass_of(builtin)
    return _instance


def _refuse_resources(cls: type) -> None:
    if cls is object:
        raise Undetermined(
            "a plain object() has nothing but its identity, which another process does not know",
            "Use None, an enum member or a class of your own as a marker.",
        )
    for base in cls.__mro__:
        if base.__module__ in _RESOURCES:
            raise Undetermined(_RESOURCES[base.__module__])
    if hasattr(cls, "__dask_graph__"):
        raise Undetermined("a Dask collection has no value before it is computed", _COMPUTE_FIRST)
    if hasattr(cls, "__next__") or hasattr(cls, "__anext__"):
        raise Undetermined("an iterator is used up when it is read", "Pass a list or tuple of its items.")
    if hasattr(cls, "__await__"):
        raise Undetermined("an awaitable has no value yet", "Await it and pass the result.")


def _identity(obj: Any) -> Description:
    return Parts("identity", (obj.__provenance_identity__(),))


def _represented(obj: object) -> Description:
    return Parts("repr", (type_name(type(obj)), value_repr(obj)), ("", ".value_repr()"))


def _enum_member(obj: Any) -> Description:
    return Parts("enum", (type_name(type(obj)), obj._name_, obj._value_), ("", "", ".value"))


def _named_tuple(obj: Any) -> Description:
    fields = dict(zip(type(obj)._fields, tuple.__iter__(obj), strict=False))
    return Parts("namedtuple", (type_name(type(obj)), Attributes(fields), _state_of(obj)))


def _subclass_of(builtin: type | None) -> Encoder:
    content = _CONTENT[builtin]  # type: ignore[index]

    def encode(obj: Any) -> Description:
        return Parts("subclass", (type_name(type(obj)), content(obj), _state_of(obj)))

    return encode


def _reduces_itself(cls: type) -> bool:
    """Whether the class, or a base written in Python, says how it is pickled."""
    return any(
        base not in _CONTENT and base is not object and ("__reduce__" in vars(base) or "__reduce_ex__" in vars(base))
        for base in cls.__mro__
    )


def _state_of(obj: Any) -> object:
    return _as_attributes(type(obj), obj.__getstate__())


def _as_attributes(cls: type, state: object) -> object:
    """The state of an instance by attribute names, without what `cached_property` has put there."""
    if type(state) is tuple:
        match state:
            case (None | dict() as attributes, dict() as slots):
                state = {**(attributes or {}), **slots}
    if type(state) is not dict or set(map(type, state)) != {str}:
        return None if type(state) is dict and not state else state
    cached = _cached(cls, state)
    return Attributes({name: value for name, value in state.items() if name not in cached} if cached else state)


def _cached(cls: type, state: dict[str, object]) -> set[str]:
    """Names in the state that belong to a `cached_property` of the class."""
    cached: set[str] = set()
    for base in reversed(cls.__mro__):
        members = vars(base)
        if not state.keys().isdisjoint(members.keys()):
            for name in state.keys() & members.keys():
                (cached.add if isinstance(members[name], cached_property) else cached.discard)(name)
    return cached


def _instance(obj: Any) -> Description:
    cls: Any = type(obj)
    reducer = copyreg.dispatch_table.get(cls)
    try:
        reduced: Any = reducer(obj) if reducer is not None else cls.__reduce_ex__(obj, _PROTOCOL)
    except Exception as error:  # a class may refuse to be pickled with any error; to hash it is refused with its words
        raise Undetermined(f"its state cannot be taken: {error}") from error
    if isinstance(reduced, str):
        return _global(obj, reduced)
    make, args, state, items, pairs = (*reduced, None, None, None)[:5]
    contents = (None if items is None else list(items), None if pairs is None else dict(pairs))
    if make is copyreg.__newobj__ and args[0] is cls:  # type: ignore[attr-defined]
        return Parts("instance", (type_name(cls), args[1:], _as_attributes(cls, state), *contents))
    return Parts("reduced", (type_name(cls), make, args, _as_attributes(cls, state), *contents))


def _global(obj: object, name: str) -> Description:
    known = importable_name(obj)
    if known is None:
        raise Undetermined(f"nothing that can be imported is called {name!r} and is this object")
    return Parts("global", (known,))
