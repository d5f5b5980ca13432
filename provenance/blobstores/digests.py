"""Digests of bytes and files, with threads where they pay."""

from __future__ import annotations

import os

from blake3 import blake3

_THREADED_FROM = 4 << 20
_BLOCK = 4 << 20
_MOST_THREADS = 4


def hasher(size: int) -> blake3:
    """A hasher for about `size` bytes.

    Its threads are its own. blake3's common ones (``AUTO``) do not live on in a forked process, which would wait
    for them forever.
    """
    if size < _THREADED_FROM:
        return blake3()
    return blake3(max_threads=max(1, min(_MOST_THREADS, os.cpu_count() or 1)))


def hash_bytes(data: bytes) -> str:
    """Hex digest of bytes."""
    return hasher(len(data)).update(data).hexdigest()


def hash_file(descriptor: int) -> str:
    """Hex digest of an open file from its start; the position in it is moved."""
    size = os.fstat(descriptor).st_size
    state = hasher(size)
    os.lseek(descriptor, 0, os.SEEK_SET)
    while block := os.read(descriptor, min(size + 1, _BLOCK)):
        state.update(block)
    return state.hexdigest()
