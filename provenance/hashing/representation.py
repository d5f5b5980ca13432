"""Users' own word on what a value is: a method ``value_repr()``, or a function registered for a class."""

from __future__ import annotations

from functools import singledispatch


@singledispatch
def value_repr(obj: object) -> object:
    """Return what stands for `obj` when it is hashed.

    By default that is ``obj.value_repr()`` where the class has such a method, else `obj` itself. For a class that
    cannot be changed, register a function: ``value_repr.register(cls)``. What is returned is hashed in the place of
    the object, together with the class's name, and must determine the value. Builtin types do not take part.

    Examples
    --------
    >>> class Model:
    ...     def __init__(self, weights):
    ...         self.weights, self.lock = weights, object()
    >>> @value_repr.register
    ... def _(model: Model):
    ...     return model.weights
    >>> value_repr(Model([1, 2]))
    [1, 2]
    """
    method = getattr(type(obj), "value_repr", None)
    return obj if method is None else method(obj)


_default = value_repr.dispatch(object)


def has_value_repr(cls: type) -> bool:
    """Whether objects of the class are represented by something else than themselves."""
    return value_repr.dispatch(cls) is not _default or callable(getattr(cls, "value_repr", None))


def registrations() -> int:
    """Return how many functions are registered; what was decided with fewer has to be decided anew."""
    return len(value_repr.registry)
