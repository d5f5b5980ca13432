"""Plain functions are known by their code, as `inspect` knows them; everything else is asked of `inspect`."""

from __future__ import annotations

import functools
import inspect

import pytest

from provenance.engine import signature


def none(): ...
def positional(a, b=2, /, c=3): ...
def starred(a, *args, b, c=None, **others): ...
def bare_star(a=(), *, b=1, c): ...
def all_kinds(a, /, b, *args, c, d=4, **others): ...
def with_locals(a, **others):
    inner, other = a, others
    return lambda: (inner, other)


def generator(a):
    yield a


async def coroutine(a=1):
    return a


async def async_generator():
    yield 1


class Called:
    def method(self, a, *, b=1): ...
    def __call__(self, a): ...


@functools.wraps(positional)
def wrapper(*args, **kwargs): ...


def with_signature(): ...


with_signature.__signature__ = inspect.signature(starred)

FUNCTIONS = [
    *(none, positional, starred, bare_star, all_kinds, with_locals, generator, coroutine, async_generator),
    *(lambda x, y=1: x, Called().method, Called(), Called, wrapper, with_signature, sorted),
    *(functools.partial(starred, 1), functools.partial(coroutine), functools.partial(generator, 1)),
]


@pytest.mark.parametrize("fn", FUNCTIONS)
def test_parameters_are_those_of_inspect(fn):
    expected = [
        (one.name, one.kind, signature.NO_DEFAULT if one.default is one.empty else one.default)
        for one in inspect.signature(fn).parameters.values()
    ]
    assert signature.parameters_of(fn) == expected


@pytest.mark.parametrize("fn", FUNCTIONS)
def test_kinds_of_functions_are_those_of_inspect(fn):
    assert signature.is_coroutine_function(fn) == inspect.iscoroutinefunction(fn)
    assert signature.is_generator_function(fn) == (inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn))


@pytest.mark.parametrize("fn", [dict, 5])
def test_what_does_not_say_is_refused(fn):
    with pytest.raises((TypeError, ValueError)):
        signature.parameters_of(fn)
