"""``array``: large numpy arrays as what their hash is made of: their canonical encoding.

So the digest of the stored bytes is the value's hash, and one pass over the memory gives both. The encoding begins
with the type and the shape (see `provenance.hashing.grammar`), and the items behind it are aligned: the file can be
mapped.
"""

from __future__ import annotations

import marshal
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from provenance._util.payload import Buffers
from provenance.errors import SerializationError
from provenance.hashing import array_header, grammar
from provenance.serializers.mapping import memory_of
from provenance.serializers.records import Kwargs, Serializer, dotted_name

if TYPE_CHECKING:
    import numpy as np

NAME = "array"
FROM_BYTES = 1 << 20
"""Smaller arrays are hashed so quickly that it does not matter how often."""
_KIND = "numpy.ndarray"
_PLAIN = frozenset("biufcmMSU")
_EXTENDED = frozenset("gG")


def is_covered(value: object) -> TypeGuard[np.ndarray[Any, Any]]:
    """Whether a value is a large array whose memory is hashed as it lies there."""
    return _is_plain(value) and value.nbytes >= FROM_BYTES


def _is_plain(value: object) -> TypeGuard[np.ndarray[Any, Any]]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray:
        return False
    array: Any = value
    dtype = array.dtype
    if not (array.flags.c_contiguous and array.flags.writeable) or dtype.hasobject:
        return False
    return dtype.kind in _PLAIN and dtype.char not in _EXTENDED and dtype.str[0] != ">" and dtype.metadata is None


def pack(value: object, kwargs: Kwargs) -> Buffers:
    """The canonical encoding of an array; the payload refers to its memory."""
    if kwargs:
        msg = f"serializer 'array' takes no dump_kwargs, got {sorted(kwargs)}"
        raise SerializationError(msg)
    if not _is_plain(value):
        msg = (
            "serializer 'array' takes numpy arrays of numbers, dates or strings of a fixed length, in C order and in "
            f"little-endian byte order, got {dotted_name(type(value))}; leave out serializer= to choose by value"
        )
        raise SerializationError(msg)
    return _encoded(value)


def encoded_array(value: object) -> Buffers | None:
    """The canonical encoding of a large array, which is what it is hashed by and stored as; None for other values."""
    return _encoded(value) if is_covered(value) else None


def _encoded(array: np.ndarray[Any, Any]) -> Buffers:
    header = array_header(_KIND, array.dtype.str, array.shape, array.nbytes)
    return Buffers((header, array.reshape(-1).view("u1").data))


def unpack(source: bytes | Path, kwargs: Kwargs) -> object:
    """Read an array back, by default mapped copy-on-write (``mmap_mode="c"``), as ``pickle5`` does."""
    import numpy as np  # noqa: PLC0415  loaded when first used

    memory = memory_of(source, kwargs, NAME)
    kind, dtype, shape = _description(memory)
    items = np.dtype(dtype)
    start = len(array_header(kind, dtype, shape, items.itemsize * math.prod(shape)))
    array = np.ndarray(shape, items, memory, start)
    return array if start % grammar.ALIGNMENT == 0 else array.copy()


def _description(memory: memoryview) -> tuple[str, str, tuple[int, ...]]:
    if bytes(memory[:1]) in (b"A", b"M"):
        described: tuple[str, str, tuple[int, ...]] = marshal.loads(memory[1:])  # noqa: S302  bytes are verified first
        if described[0] == _KIND:
            return described
    raise SerializationError("the bytes were not written by serializer 'array'")


SERIALIZER = Serializer(NAME, "application/x-provenance-array", pack, unpack)
