"""What has no deterministic encoding is refused, with the path to it, the cause and what to do."""

import asyncio
import contextvars
import io
import itertools
import random
import socket
import sqlite3
import tempfile
import threading
import types
import weakref

import pytest

from provenance.errors import HashingError, UsageError
from provenance.hashing import fingerprint, hash_value
from tests.hashing.examples import Plain


async def coroutine_function(): ...


def a_generator():
    yield 1


async def an_async_generator():
    yield 1


class Unpicklable:
    def __reduce_ex__(self, protocol):
        raise ZeroDivisionError("no state")


class LostGlobal:
    def __reduce__(self):
        return "nowhere"


class BadRepr:
    def value_repr(self):
        raise KeyError("gone")


UNHASHABLE = {
    "lock": threading.Lock,
    "rlock": threading.RLock,
    "event": threading.Event,
    "thread": threading.Thread,
    "thread local": threading.local,
    "generator": a_generator,
    "async generator": an_async_generator,
    "iterator": lambda: iter([1]),
    "set iterator": lambda: iter({1}),
    "map": lambda: map(int, ["1"]),
    "zip": lambda: zip([1], [2], strict=True),
    "enumerate": lambda: enumerate([1]),
    "reversed": lambda: reversed([1]),
    "count": itertools.count,
    "text stream": io.StringIO,
    "bytes stream": io.BytesIO,
    "temporary file": tempfile.TemporaryFile,
    "weak reference": lambda: weakref.ref(Plain),
    "weak set": weakref.WeakSet,
    "weak dict": weakref.WeakValueDictionary,
    "dict view": {}.keys,
    "context variable": lambda: contextvars.ContextVar("x"),
    "connection": lambda: sqlite3.connect(":memory:"),
    "plain object": object,
    "system random": random.SystemRandom,
    "frame": lambda: a_generator().gi_frame,
    "broken reduce": Unpicklable,
    "lost global": LostGlobal,
    "broken value_repr": BadRepr,
    "script": lambda: types.ModuleType("__main__"),
}


@pytest.mark.parametrize("kind", UNHASHABLE)
def test_it_is_refused_by_name(kind):
    value = UNHASHABLE[kind]()
    model = Plain(steps=[Plain(lock=value)])
    try:
        with pytest.raises(HashingError) as error:
            fingerprint({"model": model}, path="kargs")
    finally:
        if kind in ("temporary file", "connection"):
            value.close()
    message = str(error.value)
    assert message.startswith("kargs['model'].steps[0].lock")
    assert "has no deterministic hash: " in message
    assert message.endswith(".")


def test_sockets_and_coroutines():
    with socket.socket() as connection, pytest.raises(HashingError, match="connection exists only in this process"):
        hash_value([connection])
    coroutine = coroutine_function()
    with pytest.raises(HashingError, match="Await it"):
        hash_value(coroutine)
    asyncio.run(coroutine)


def test_the_message_names_object_cause_and_remedy():
    with pytest.raises(HashingError) as error:
        fingerprint(Plain(lock=threading.Lock()), path="kargs['model']")
    message = str(error.value)
    assert "kargs['model'].lock (of type _thread.lock)" in message
    assert "exists only in this process" in message
    for remedy in ("`ignore=`", "`remove=`", "`value_repr`"):
        assert remedy in message


def test_the_error_is_the_users():
    with pytest.raises(UsageError):
        hash_value(threading.Lock())
    with pytest.raises(TypeError):
        hash_value(threading.Lock())


def test_errors_of_user_code_are_the_cause():
    with pytest.raises(HashingError, match="no state") as error:
        hash_value(Unpicklable())
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    with pytest.raises(HashingError, match="KeyError: 'gone'") as error:
        hash_value(BadRepr())
    assert isinstance(error.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([[1, object()]], "v[0][1]"),
        ({"a": (object(),)}, "v['a'][0]"),
        ({1: object()}, "v[1]"),
        ({(1, 2): object()}, "v[<tuple>]"),
        ({10**100: object()}, "v[<large int>]"),
        ({"k" * 100: object()}, "v['" + "k" * 40 + "'...]"),
        ({b"k": object()}, "v[b'k']"),
        ({Plain(x=object()): 1}, "v.keys()[0].x"),
        ({frozenset([1]): 1, Plain(x=object()): 1}, "v.keys()[1].x"),
        ({Plain(x=object())}, "v{...}.x"),
        ([*range(500), object()], "v[500]"),
        ([{"a": i, "b": [i]} for i in range(300)] + [{"a": object()}], "v[300]['a']"),
        (Plain(a=Plain(b=object())), "v.a.b"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_paths(value, path):
    with pytest.raises(HashingError) as error:
        fingerprint(value, path="v")
    assert str(error.value).split(" (of type")[0] == path
