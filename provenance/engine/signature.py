"""What a function says of itself: its parameters, and what kind of function it is.

A plain function is known by its code. Everything else is asked about by `inspect`, which takes longer to import than a
first hit takes.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from provenance._util.deferred import Deferred

if TYPE_CHECKING:
    import inspect
else:
    inspect = Deferred("inspect")

POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)
"""Kinds of parameters, by the numbers they have in `inspect`."""
NO_DEFAULT: Any = type("NoDefault", (), {})
"""The default of a parameter that has to be given."""
_VAR_POSITIONAL_CODE, _VAR_KEYWORD_CODE, _GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x04, 0x08, 0x20, 0x80, 0x200
"""Flags of code objects."""


class Parameter(NamedTuple):
    """One parameter of a function."""

    name: str
    kind: int
    default: Any = NO_DEFAULT


def parameters_of(fn: object) -> list[Parameter]:
    """Return the parameters of anything that can be called.

    Raises
    ------
    TypeError, ValueError
        It does not say what they are.
    """
    if _is_plain(fn):
        return _parameters_by_code(fn)
    return [
        Parameter(one.name, int(one.kind), NO_DEFAULT if one.default is one.empty else one.default)
        for one in inspect.signature(fn).parameters.values()  # type: ignore[arg-type]  # which is found out here
    ]


def is_coroutine_function(fn: object) -> bool:
    """Whether calling it gives a coroutine."""
    return bool(fn.__code__.co_flags & _COROUTINE) if _is_plain(fn) else inspect.iscoroutinefunction(fn)


def is_generator_function(fn: object) -> bool:
    """Whether calling it gives a generator, asynchronous or not."""
    if _is_plain(fn):
        return bool(fn.__code__.co_flags & (_GENERATOR | _ASYNC_GENERATOR))
    return inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn)


def _is_plain(fn: object) -> TypeGuard[FunctionType]:
    """Whether it is a function that has no attributes: these may say that it is called like another one."""
    return type(fn) is FunctionType and not fn.__dict__


def _parameters_by_code(fn: FunctionType) -> list[Parameter]:
    code, defaults, keywords = fn.__code__, fn.__defaults__ or (), fn.__kwdefaults__ or {}
    positional = code.co_varnames[: code.co_argcount]
    named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    stars = iter(code.co_varnames[code.co_argcount + code.co_kwonlyargcount :])
    given = (NO_DEFAULT,) * (len(positional) - len(defaults)) + defaults
    parameters = [
        Parameter(name, POSITIONAL_ONLY if place < code.co_posonlyargcount else POSITIONAL_OR_KEYWORD, default)
        for place, (name, default) in enumerate(zip(positional, given, strict=True))
    ]
    if code.co_flags & _VAR_POSITIONAL_CODE:
        parameters.append(Parameter(next(stars), VAR_POSITIONAL))
    parameters.extend(Parameter(name, KEYWORD_ONLY, keywords.get(name, NO_DEFAULT)) for name in named)
    if code.co_flags & _VAR_KEYWORD_CODE:
        parameters.append(Parameter(next(stars), VAR_KEYWORD))
    return parameters
