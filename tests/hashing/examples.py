"""Values whose hashes are frozen in ``tests/golden/hashing``; each call of `examples` makes them anew.

``python -m tests.hashing.examples`` prints the hashes of all of them as JSON.
"""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import json
import pathlib
import re
import types
import uuid
import zoneinfo
from typing import Any, NamedTuple


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    A = 1
    B = 2


class Point(NamedTuple):
    x: object
    y: object


@dataclasses.dataclass
class Job:
    name: str
    sizes: list[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    name: str
    size: int


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)

    def method(self) -> None: ...


class Words(list[str]):
    pass


class Names(set[str]):
    pass


class Title(str):
    __slots__ = ()


class Table(dict[str, int]):
    pass


def atoms() -> dict[str, Any]:
    return {
        "none": None,
        "true": True,
        "false": False,
        "zero": 0,
        "one": 1,
        "minus one": -1,
        "int32 top": 2**31 - 1,
        "int32 past top": 2**31,
        "int32 bottom": -(2**31),
        "int64": 2**63,
        "minus big": -(10**40),
        "huge int": 3**30_000,
        "one as float": 1.0,
        "zero as float": 0.0,
        "minus zero": -0.0,
        "nan": float("nan"),
        "inf": float("inf"),
        "complex": 1 + 2j,
        "empty str": "",
        "str": "a",
        "nul": "a\0b",
        "umlaut": "\u00e4",
        "emoji": "\U0001f600",
        "lone surrogate": "\ud800",
        "longest inline str": "x" * 4091,
        "shortest long str": "x" * 4092,
        "empty bytes": b"",
        "bytes": b"a",
        "long bytes": b"x" * 5000,
    }


def containers() -> dict[str, Any]:
    return {
        "empty tuple": (),
        "empty list": [],
        "empty dict": {},
        "empty set": set(),
        "empty frozenset": frozenset(),
        "tuple of one": (1,),
        "list of one": [1],
        "set of one": {1},
        "frozenset of one": frozenset([1]),
        "nested": [(1, "a", [None, {"k": (1.5, b"x")}]), {"x", "y"}],
        "63 strings": [str(i) for i in range(63)],
        "64 strings": [str(i) for i in range(64)],
        "64 strings in a tuple": tuple(str(i) for i in range(64)),
        "64 strings, one with NUL": [*map(str, range(63)), "\0"],
        "64 strings, one long": [*map(str, range(63)), "x" * 4092],
        "1000 ints": list(range(1000)),
        "1000 large ints": [i << 40 for i in range(1000)],
        "1000 floats": [i / 2 for i in range(1000)],
        "dict": {"b": 1, "a": [2]},
        "dict by int": {10: "x", -1: "y", 2**40: "z"},
        "dict by mixed": {1: "int", 2.5: "float", "a": "str", None: "none", (1, 2): "tuple", b"b": "bytes"},
        "dict of 100": {f"k{i}": i for i in range(100)},
        "set of strings": {"b", "a", "\u00e4"},
        "set of mixed": {1, "a", None, (2,)},
        "rows": [{"a": i, "b": i / 2, "c": str(i)} for i in range(300)],
        "ragged rows": [{f"k{j}": j for j in range(i % 7)} for i in range(300)],
        "pairs": [(i, str(i)) for i in range(300)],
        "long row": [{"a": "x" * 3000, "b": "y" * 3000}] * 3,
    }


def standard_library() -> dict[str, Any]:
    zone = zoneinfo.ZoneInfo("Europe/Paris")
    return {
        "range": range(1, 10, 2),
        "slice": slice(1, None, 2),
        "ellipsis": ...,
        "not implemented": NotImplemented,
        "bytearray": bytearray(b"a"),
        "memoryview": memoryview(b"abcd"),
        "array": array.array("d", [1, 2]),
        "array of ints": array.array("i", [1, 2]),
        "decimal": decimal.Decimal("1.50"),
        "decimal nan": decimal.Decimal("NaN"),
        "fraction": fractions.Fraction(1, 3),
        "date": dt.date(2020, 1, 2),
        "datetime": dt.datetime(2020, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001  naive on purpose
        "datetime utc": dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
        "datetime zone": dt.datetime(2020, 1, 2, tzinfo=zone),
        "time": dt.time(1, 2),
        "timedelta": dt.timedelta(days=1, seconds=2),
        "timezone": dt.timezone(dt.timedelta(hours=1), "X"),
        "zone": zone,
        "uuid": uuid.UUID(int=1),
        "path": pathlib.PurePosixPath("a/b"),
        "windows path": pathlib.PureWindowsPath("a/b"),
        "pattern": re.compile("a+", re.IGNORECASE),
        "deque": collections.deque([1, 2], maxlen=3),
        "ordered dict": collections.OrderedDict([("b", 1), ("a", 2)]),
        "default dict": collections.defaultdict(list, a=[1]),
        "counter": collections.Counter("aab"),
        "mapping proxy": types.MappingProxyType({"a": 1}),
        "namespace": types.SimpleNamespace(a=1),
        "exception": ValueError("x", 1),
        "partial": functools.partial(int, "10", base=2),
    }


def own_classes() -> dict[str, Any]:
    return {
        "enum": Colour.RED,
        "int enum": Level.LOW,
        "flag": Mode.A | Mode.B,
        "named tuple": Point(1, "a"),
        "dataclass": Job("a", [1]),
        "slotted dataclass": Slotted("a", 1),
        "plain": Plain(x=1, y=[2]),
        "plain without attributes": Plain(),
        "list subclass": Words(["a"]),
        "set subclass": Names("abc"),
        "str subclass": Title("a"),
        "dict subclass": Table(a=1),
        "class": Plain,
        "builtin class": int,
        "function": atoms,
        "builtin function": len,
        "method": Plain(x=1).method,
        "builtin method": "abc".upper,
        "module": json,
        "generic alias": list[int],
    }


def examples() -> dict[str, Any]:
    """All values by name; no two of them are the same value."""
    return {**atoms(), **containers(), **standard_library(), **own_classes()}


if __name__ == "__main__":
    from provenance.hashing import hash_value
    from tests.hashing.examples import examples as importable  # classes by the module's name, not as __main__

    print(json.dumps({name: hash_value(value) for name, value in importable().items()}, indent=1))  # noqa: T201
