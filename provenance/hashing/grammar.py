"""The canonical encoding, written down in plain Python: what the bytes of every value are.

::

    digest(v) = BLAKE3(E(v))                 E(v): bytes that say where they end
    C(v) = E(v) if len(E(v)) <= INLINE_LIMIT else "H" + digest(v)

A container is encoded from the C() of its children and from nothing else, so whoever knows C(child) stands in
for the child exactly. With n = 4 bytes and q = 8 bytes, little endian::

    atom       N | T | F | i int32 | l base-2^15 digits | g float64 | y complex | u n utf8 | s n bytes
               longer than INLINE_LIMIT:  U q utf8 | B q bytes
    tuple      ( n C*                       list   [ n C*
    packed     P tag n q NUL-joined utf8    for n >= PACK_MINIMUM children that are all inline str without NUL
    dict       ( 3 S E(keys) E(values)      two tuples, in canonical key order
    set        < E(sorted tuple)            frozenset  > E(sorted tuple)
    object     O E((kind, part, ...))
    array      A E((kind, dtype, shape)) raw bytes in C order; where that is longer than INLINE_LIMIT,
               M E((kind, dtype, shape)) zeros up to a multiple of ALIGNMENT, raw bytes in C order
    unknown    R and 32 bytes               a value that is not computed yet, by the key of its recipe

The bytes of atoms, tuples and lists are those `marshal` writes in version 2; `provenance.hashing.bulk` uses that
to write many at once. This module is the specification, what the tests compare with, and what is used where
`marshal` writes something else.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from types import NoneType

from blake3 import blake3

INLINE_LIMIT = 4096
"""Longest encoding, in bytes, that a container holds in place of its child's digest. Part of the format."""
ALIGNMENT = 64
"""The raw bytes of a long array start at a multiple of it, so that they can be mapped. Part of the format."""
PACK_MINIMUM = 64
"""Number of strings from which a sequence of strings is packed. Part of the format."""

STAND_IN = "__provenance_encoding__"
"""What the type of an object has that stands for a value: a method that gives the C() of the value."""
ATOMS: frozenset[type] = frozenset({NoneType, bool, int, float, complex, str, bytes})
"""The exact types that are encoded without looking at anything else."""

MAPPING_HEAD = b"(\x03\x00\x00\x00S"
DIGEST_HEAD = b"H"
RECIPE_HEAD = b"R"

_count = struct.Struct("<I").pack
_length = struct.Struct("<Q").pack


def utf8(text: str) -> bytes:
    """UTF-8 of any string; lone surrogates are written like other code points."""
    return text.encode("utf-8", "surrogatepass")


def marshalled(value: object) -> bytes:  # noqa: C901  one case per type, and no more in each than its bytes
    """Write an atom, the class `StopIteration`, or tuples and lists of them like `marshal` version 2 does."""
    match value:
        case None:
            return b"N"
        case bool():
            return b"T" if value else b"F"
        case int():
            return _integer(value)
        case float():
            return struct.pack("<cd", b"g", value)
        case complex():
            return struct.pack("<cdd", b"y", value.real, value.imag)
        case str():
            data = utf8(value)
            return b"u" + _count(len(data)) + data
        case bytes():
            return b"s" + _count(len(value)) + value
        case tuple():
            return header(b"(", len(value)) + b"".join(map(marshalled, value))
        case list():
            return header(b"[", len(value)) + b"".join(map(marshalled, value))
    if value is StopIteration:
        return b"S"
    raise TypeError(f"{type(value).__name__} is no atom")


def _integer(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return struct.pack("<ci", b"i", value)
    digits, rest = [], abs(value)
    while rest:
        digits.append(rest & 0x7FFF)
        rest >>= 15
    count = len(digits) if value > 0 else -len(digits)
    return struct.pack(f"<ci{len(digits)}H", b"l", count, *digits)


def atom(value: object) -> bytes:
    """E of an atom."""
    if type(value) is str:
        data = utf8(value)
        if len(data) + 5 > INLINE_LIMIT:
            return b"U" + _length(len(data)) + data
    elif type(value) is bytes and len(value) + 5 > INLINE_LIMIT:
        return b"B" + _length(len(value)) + value
    return marshalled(value)


def compact(encoding: bytes) -> bytes:
    """C from E."""
    return encoding if len(encoding) <= INLINE_LIMIT else DIGEST_HEAD + blake3(encoding).digest()


def header(tag: bytes, count: int) -> bytes:
    """Beginning of a tuple (tag ``(``) or list (tag ``[``) that is not packed."""
    return tag + _count(count)


def packed_header(tag: bytes, count: int, size: int) -> bytes:
    """Beginning of a packed tuple or list of `count` strings that take `size` bytes."""
    return b"P" + tag + _count(count) + _length(size)


def sequence(tag: bytes, children: Sequence[bytes]) -> list[bytes]:
    """Pieces of E of a tuple or list whose children's C are given."""
    if len(children) >= PACK_MINIMUM and all(child[:1] == b"u" for child in children):
        texts = [child[5:] for child in children]
        if not any(b"\0" in text for text in texts):
            data = b"\0".join(texts)
            return [packed_header(tag, len(children), len(data)), data]
    return [header(tag, len(children)), *children]


def mapping(keys: Sequence[bytes], values: Sequence[bytes]) -> list[bytes]:
    """Pieces of E of a dict whose keys' and values' C are given in any common order."""
    rank = key_order(keys)
    pairs = sorted(zip(keys, values, strict=True), key=lambda pair: (rank(pair[0]), pair[1]))
    return [
        MAPPING_HEAD,
        *sequence(b"(", [key for key, _ in pairs]),
        *sequence(b"(", [value for _, value in pairs]),
    ]


def members(tag: bytes, children: Sequence[bytes]) -> list[bytes]:
    """Pieces of E of a set (tag ``<``) or frozenset (tag ``>``) whose members' C are given in any order."""
    return [tag, *sequence(b"(", sorted(children, key=key_order(children)))]


def record(children: Sequence[bytes]) -> list[bytes]:
    """Pieces of E of an object; the C of its kind and parts are given."""
    return [b"O", *sequence(b"(", children)]


def array_header(description: bytes, size: int) -> bytes:
    """Beginning of an array with `size` raw bytes; E of its kind, dtype and shape is given."""
    if 1 + len(description) + size <= INLINE_LIMIT:
        return b"A" + description
    return b"M" + description + bytes(-(1 + len(description)) % ALIGNMENT)


def key_order(keys: Sequence[bytes]) -> Callable[[bytes], bytes] | Callable[[bytes], int]:
    """Return what keys or set members are sorted by, given the C of all of them.

    Strings come by code point (which is the order of their UTF-8), integers by value, all else by C. What counts
    is the encoding, so that a stand-in of a string is ordered like the string.
    """
    heads = {key[:1] for key in keys}
    if heads <= {b"u"}:
        return _text_of
    if heads <= {b"i", b"l"}:
        return integer_of
    return bytes


def _text_of(key: bytes) -> bytes:
    return key[5:]


def integer_of(encoding: bytes) -> int:
    """Return the integer that C of an inline integer stands for."""
    if encoding[:1] == b"i":
        return int.from_bytes(encoding[1:5], "little", signed=True)
    count = int.from_bytes(encoding[1:5], "little", signed=True)
    value = 0
    for (digit,) in reversed(list(struct.iter_unpack("<H", encoding[5:]))):
        value = value << 15 | digit
    return value if count > 0 else -value


def written(value: object) -> bytes:
    """E of a value made of builtin types only, child by child: the reference that fast writers are tested with."""
    kind = type(value)
    if kind in ATOMS:
        return atom(value)
    if isinstance(value, tuple | list):
        pieces = sequence(b"(" if kind is tuple else b"[", [compact(written(child)) for child in value])
    elif isinstance(value, dict):
        pieces = mapping([compact(written(key)) for key in value], [compact(written(v)) for v in value.values()])
    elif isinstance(value, set | frozenset):
        pieces = members(b"<" if kind is set else b">", [compact(written(child)) for child in value])
    else:
        raise TypeError(f"{kind.__name__} is no builtin value")
    return b"".join(pieces)
