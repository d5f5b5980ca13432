"""The bytes of arrays in C order, whatever their memory layout, without a copy of the whole.

What lies in memory as it is hashed is given as it is. All else (other orders, gaps, byte orders, padding) is written
into two small buffers in turn, so that one can be filled while the other is hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any, TypeAlias

import numpy as np

from provenance.hashing import ahead

Items: TypeAlias = np.ndarray[Any, Any]

_BUFFER = 2 << 20
"""Bytes that are written at a time. Two of them fit into the caches of a processor."""
_ONE_CALL = 1 << 15
"""Bytes up to which all is copied by one call."""
_RUN = 8
"""Items from which it pays to go along an axis."""
_MANTISSA_OF_X86 = 63
_EXTENDED = np.finfo(np.longdouble).nmant == _MANTISSA_OF_X86
"""Whether long doubles are the 80-bit numbers of x86, which are stored with padding."""
_BYTES_OF_EXTENDED = 10


def is_rewritten(dtype: np.dtype[Any]) -> bool:
    """Whether the items are hashed as other bytes than those in memory, even where they are contiguous."""
    return dtype.str[0] == ">" or dtype.type in (np.longdouble, np.clongdouble)


def blocks_of(values: Items, dtype: np.dtype[Any]) -> Callable[[], Iterable[bytes | memoryview]]:
    """Return what gives the bytes of an array as items of `dtype`, which is little-endian.

    A block is overwritten when the next but one is asked for.
    """
    same = values.dtype == dtype and not _has_padding(dtype)
    if same and values.nbytes <= _ONE_CALL:
        return lambda: (values.tobytes(),)
    if not values.size * dtype.itemsize:
        return tuple
    if same and values.flags.c_contiguous:
        return lambda: (_raw(values),)
    if values.nbytes <= _ONE_CALL and not _has_padding(dtype):
        return lambda: (_raw(values.astype(dtype, order="C")),)
    return lambda: _ahead_if_many(values, dtype)


def _has_padding(dtype: np.dtype[Any]) -> bool:
    return _EXTENDED and dtype.type in (np.longdouble, np.clongdouble)


def _raw(items: Items) -> memoryview:
    return items.reshape(-1).view(np.uint8).data


def _ahead_if_many(values: Items, dtype: np.dtype[Any]) -> Iterable[memoryview]:
    blocks = _written(np.atleast_1d(values), dtype)
    return ahead(blocks) if values.size * dtype.itemsize > _BUFFER else blocks


def _written(values: Items, dtype: np.dtype[Any]) -> Iterator[memoryview]:
    most = max(1, _BUFFER // dtype.itemsize)
    buffers = cycle([np.empty(min(most, values.size), dtype) for _ in range(2)])
    for piece, buffer in zip(_pieces(values, most), buffers, strict=False):
        items = buffer[: piece.size]
        _copy(piece, items.reshape(piece.shape))
        yield _without_padding(items) if _has_padding(dtype) else _raw(items)


def _pieces(values: Items, most: int) -> Iterator[Items]:
    """Views of at most so many items each, in C order."""
    row = values.size // len(values)
    if row > most:
        for inner in values:
            yield from _pieces(inner, most)
        return
    step = most // row
    for start in range(0, len(values), step):
        yield values[start : start + step]


def _copy(source: Items, target: Items) -> None:
    """Copy items along the axis on which they lie next to each other in the source.

    An assignment goes along the last axis of the target, and touches a line of memory for each item of a transposed
    source. Functions of numpy keep to the axes as they get them.
    """
    axis = _dense_axis(source)
    size = source.dtype.itemsize
    if axis == source.ndim - 1 or source.dtype != target.dtype or size not in (1, 2, 4, 8):
        target[...] = source
        return
    bits = f"u{size}"
    np.positive(source.view(bits).swapaxes(axis, -1), out=target.view(bits).swapaxes(axis, -1))


def _dense_axis(source: Items) -> int:
    long = [axis for axis in range(source.ndim) if source.shape[axis] >= _RUN]
    return min(long, key=lambda axis: abs(source.strides[axis]), default=source.ndim - 1)


def _without_padding(numbers: Items) -> memoryview:
    data = numbers.view(np.uint8)
    data.reshape(-1, np.dtype(np.longdouble).itemsize)[:, _BYTES_OF_EXTENDED:] = 0
    return data.data
