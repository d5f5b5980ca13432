"""``pickle5``: a pickle stream and, behind it, the memory of the arrays in it, aligned and ready to be mapped.

Layout, all numbers little-endian and of 8 bytes::

    magic | length of the stream | number of buffers | length of each buffer | stream | pad, buffer | pad, buffer ...

Every buffer starts at a multiple of 64 bytes from the start of the file.
"""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

from provenance._util.payload import Buffers
from provenance.errors import SerializationError
from provenance.serializers.mapping import memory_of
from provenance.serializers.pickling import dump_stream
from provenance.serializers.records import Kwargs, Serializer

MAGIC = b"PVPKL5\r\n"
_ALIGN = 64
_KEEP_IN_STREAM = 1024
_FIXED = struct.Struct("<8sQQ")
_PADDING = bytes(_ALIGN)


def pack(value: object, kwargs: Kwargs) -> Buffers:
    """Pickle a value; the payload refers to the memory of its arrays without copying it."""
    if kwargs:
        msg = f"serializer 'pickle5' takes no dump_kwargs, got {sorted(kwargs)}"
        raise SerializationError(msg)
    buffers: list[memoryview] = []

    def keep_in_stream(buffer: pickle.PickleBuffer) -> bool:
        memory = buffer.raw()
        if memory.nbytes < _KEEP_IN_STREAM:
            return True
        buffers.append(memory)
        return False

    stream = dump_stream(value, keep_in_stream)
    lengths = [memory.nbytes for memory in buffers]
    header = _FIXED.pack(MAGIC, len(stream), len(buffers)) + struct.pack(f"<{len(lengths)}Q", *lengths)
    pieces: list[bytes | bytearray | memoryview] = [header, stream]
    position = len(header) + len(stream)
    for memory in buffers:
        padding = -position % _ALIGN
        pieces += (_PADDING[:padding], memory)
        position += padding + memory.nbytes
    return Buffers(pieces)


def unpack(source: bytes | Path, kwargs: Kwargs) -> object:
    """Read a value back; arrays of a mapped file are views of the map, which is private to this value.

    ``mmap_mode``: ``"c"`` (the default) gives arrays that may be changed, ``"r"`` arrays that may not, None reads
    the file into memory.
    """
    return _load(memory_of(source, kwargs, "pickle5"))


def _load(memory: memoryview) -> object:
    if memory.nbytes < _FIXED.size or memory[: len(MAGIC)] != MAGIC:
        msg = "the bytes were not written by serializer 'pickle5'"
        raise SerializationError(msg)
    _, stream_length, count = _FIXED.unpack_from(memory)
    lengths = struct.unpack_from(f"<{count}Q", memory, _FIXED.size)
    start = _FIXED.size + 8 * count
    position = start + stream_length
    buffers = []
    for length in lengths:
        position += -position % _ALIGN
        buffers.append(memory[position : position + length])
        position += length
    return pickle.loads(memory[start : start + stream_length], buffers=buffers)  # noqa: S301  bytes are verified first


SERIALIZER = Serializer("pickle5", "application/x-python-pickle5", pack, unpack)
