"""Small builtin values written whole: by the compiled writer where there is one, else by one call of `marshal`.

A small value is an atom, or a tuple, list or dict of a few small values, no longer than `INLINE_LIMIT`, with nothing
inside that is packed. The compiled writer (``_native.c``) is optional; both write the bytes of the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, cycle, repeat
from operator import is_, itemgetter
from typing import Any, NamedTuple, TypeAlias

from blake3 import blake3

from provenance.hashing import bulk, grammar
from provenance.hashing.bulk import covers_atoms, dumps, joined_atoms
from provenance.hashing.digest import hexdigest_of_short

try:
    from provenance.hashing import _native
except ImportError:  # there was no compiler when the package was built
    _native = None  # type: ignore[assignment]

RUN = 4096
"""Children that are written at once; they take at most 16 MB."""
LEVELS = 4
"""Containers in containers that are looked into.

It bounds the recursion, and what is done in vain when a value turns out to be something else.
"""
ROWS = 32
"""Small containers that `marshal` writes at once. Larger blocks of new tuples start full garbage collections."""
_MOST_SHAPES = 1024

_STRINGS = {str}
_INTEGERS = {int}
_SEQUENCES = {tuple, list}
_DICTS = {dict}
_CONTAINERS = {tuple, list, dict}
_PLAIN = grammar.ATOMS | _CONTAINERS


# --- by marshal


def marshalled_small(value: object) -> bytes | None:
    """C of a small value; None if it is something else."""
    form = value if type(value) in grammar.ATOMS else _form(value, LEVELS)
    if form is None and value is not None:
        return None
    data = dumps(form)
    return data if len(data) <= grammar.INLINE_LIMIT else None


def marshalled_digest(value: object) -> str | None:
    """Hash of a small value; None if it is something else."""
    data = marshalled_small(value)
    return None if data is None else hexdigest_of_short(data)


def marshalled_run(values: tuple[object, ...] | list[object], start: int, stop: int) -> tuple[bytes, int]:
    """C of small values from one place on, joined, and the place of the first that is something else, or `stop`."""
    pieces: list[bytes] = []
    while start < stop and type(values[start]) in _PLAIN:
        block, data = _next_block(values, start, stop)
        if data is not None:
            pieces.append(data)
            start += len(block)
            continue
        for value in block:
            data = marshalled_small(value)
            if data is None:
                return b"".join(pieces), start
            pieces.append(data)
            start += 1
    return b"".join(pieces), start


def _next_block(values: Sequence[object], start: int, stop: int) -> tuple[Sequence[object], bytes | None]:
    """Return the next few values, and C of them joined if they could be written at once."""
    if type(values[start]) in grammar.ATOMS:
        block = values[start : min(start + bulk.BLOCK, stop)]
        data = joined_atoms(block) if covers_atoms(map(type, block)) else None
        if data is not None:
            return block, data
    block = values[start : min(start + ROWS, stop)]
    return block, _joined(block)


def _joined(block: Sequence[object]) -> bytes | None:
    """C of each small value in the block, joined; None if one of them is something else."""
    kinds = set(map(type, block))
    if kinds <= grammar.ATOMS or (kinds <= _SEQUENCES and _are_flat(block)):  # type: ignore[arg-type]
        return joined_atoms(block)
    if not kinds <= _PLAIN:
        return None
    forms = (_rows(block) if kinds == _DICTS else None) or _forms(block, LEVELS)  # type: ignore[arg-type]
    return None if forms is None else joined_atoms(forms)


def _are_flat(block: Sequence[Sequence[object]]) -> bool:
    return max(map(len, block)) < grammar.PACK_MINIMUM and covers_atoms(map(type, chain.from_iterable(block)))


def _rows(block: Sequence[dict[object, object]]) -> list[object] | None:
    """What `marshal` writes like flat dicts with the same keys; None if that is not what they are."""
    first = block[0]
    same_keys = len(set(map(len, block))) == 1 and all(map(is_, chain.from_iterable(block), cycle(first)))
    shape = shape_of(first) if same_keys else None
    if shape is None:
        return None
    contents = list(map(shape.values_of, block))
    if not covers_atoms(map(type, chain.from_iterable(contents))):
        return None
    return list(zip(repeat(StopIteration), repeat(shape.keys), contents))


def _form(value: Any, levels: int) -> Any:
    """What `marshal` writes like the container; None if it is not made of small containers and atoms."""
    kind = type(value)
    if kind not in _CONTAINERS or len(value) >= grammar.PACK_MINIMUM:
        return None
    keys, children = None, value
    if kind is dict:
        shape = shape_of(value)
        if shape is None:
            return None
        keys, children = shape.keys, shape.values_of(value)
    if not covers_atoms(map(type, children)):
        children = _forms(children, levels - 1)
        if children is None:
            return None
    return (StopIteration, keys, children) if kind is dict else children


def _forms(children: Any, levels: int) -> Any:
    if not levels or not _PLAIN.issuperset(map(type, children)):
        return None
    forms = []
    for child in children:
        if type(child) in grammar.ATOMS:
            forms.append(child)
        else:
            form = _form(child, levels)
            if form is None:
                return None
            forms.append(form)
    return tuple(forms) if type(children) is tuple else forms


# --- shapes of dicts


class Shape(NamedTuple):
    """Keys of a small dict in canonical order, how to get its values in that order, and E of the tuple of its keys."""

    keys: tuple[Any, ...]
    values_of: Callable[[dict[Any, object]], tuple[object, ...]]
    encoding: bytes


_shapes: dict[tuple[int, ...], Shape] = {}
"""Shapes by the identities of the keys of a small dict.

Dicts made by the same code share their key objects. Equality would take 1, True and 1.0 for one key. An entry keeps
its keys alive, so their identities stay theirs.
"""


def shape_of(value: dict[Any, Any]) -> Shape | None:
    """The shape of a dict with few keys, all of them strings or all integers, none long; else None."""
    if len(value) >= grammar.PACK_MINIMUM:
        return None
    identities = tuple(map(id, value))
    shape = _shapes.get(identities)
    if shape is not None:
        return shape
    kinds = set(map(type, value))
    if not kinds <= _STRINGS and kinds != _INTEGERS:
        return None
    keys = tuple(sorted(value))
    encoding = dumps(keys)
    if len(encoding) > grammar.INLINE_LIMIT:
        return None
    shape = Shape(keys, itemgetter(*keys) if len(keys) > 1 else lambda one: tuple(one.values()), encoding)
    if kinds == _STRINGS:
        if len(_shapes) >= _MOST_SHAPES:
            _shapes.clear()
        _shapes[identities] = shape
    return shape


# --- whichever is there


_Small: TypeAlias = Callable[[object], bytes | None]
_Run: TypeAlias = Callable[[tuple[object, ...] | list[object], int, int], tuple[bytes, int]]
_Digest: TypeAlias = Callable[[object], str | None]


def select_writers() -> tuple[_Small, _Run, _Digest]:
    """`small`, `run` and `digest`: compiled ones, if they write the specified bytes; else those by marshal."""
    if _native is not None:
        _native.set_grammar(grammar.INLINE_LIMIT, grammar.PACK_MINIMUM, LEVELS)
        data = grammar.written(_PROBE)
        if _native.small(_PROBE) in {data, None} and _native.digest(_PROBE) in {blake3(data).hexdigest(), None}:
            return _native.small, _native.run, _native.digest
    return marshalled_small, marshalled_run, marshalled_digest


_PROBE: list[object] = [
    None,
    True,
    -1,
    2**31,
    -(2**62),
    -0.0,
    1j,
    "é\ud800\0",
    b"b",
    {"b": (1, []), "a": {2: "", -1: 0}},
]

small, run, digest = select_writers()
"""What `marshalled_small`, `marshalled_run` and `marshalled_digest` do; `digest` may leave out longer values too."""


def of_array(kind: str, dtype: object, shape: tuple[int, ...]) -> bytes:
    """E of what is said about an array: of atoms, and tuples of atoms and tuples."""
    return small((kind, dtype, shape)) or grammar.written((kind, dtype, shape))
