"""Digests of bytes and files, with threads where they pay."""

from __future__ import annotations

import contextlib
import mmap
import os
import sys

from blake3 import blake3

_THREADED_FROM = 4 << 20
_BLOCK = 4 << 20
_MOST_THREADS = 4
_MAPPED_FROM = 4 << 20
_WINDOW = 8 << 20
_MAPS = sys.platform == "linux"
_POPULATE_READ = 22
"""Make all pages of a map present, of Linux 5.14 and later."""


def hasher(size: int, *, busy: int = 0) -> blake3:
    """A hasher for about `size` bytes, while `busy` other threads of the caller work.

    Its threads are its own. blake3's common ones (``AUTO``) do not live on in a forked process, which would wait
    for them forever. More threads than there are processors would only keep the others from theirs.
    """
    threads = min(_MOST_THREADS, _processors() - busy)
    return blake3() if size < _THREADED_FROM or threads <= 1 else blake3(max_threads=threads)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hash_bytes(data: bytes) -> str:
    """Hex digest of bytes."""
    return hasher(len(data)).update(data).hexdigest()


def hash_file(descriptor: int) -> str:
    """Hex digest of an open file from its start; the position in it is moved."""
    size = os.fstat(descriptor).st_size
    if size >= _MAPPED_FROM and _MAPS:
        with contextlib.suppress(OSError, ValueError):  # reading tells what is wrong with the file, if anything
            return _hash_mapped(descriptor, size)
    state = hasher(size)
    os.lseek(descriptor, 0, os.SEEK_SET)
    while block := os.read(descriptor, min(size + 1, _BLOCK)):
        state.update(block)
    return state.hexdigest()


def _hash_mapped(descriptor: int, size: int) -> str:
    """Hex digest of a file, window by window, where it lies in the system's cache: reading would copy it."""
    state = hasher(size)
    for start in range(0, size, _WINDOW):
        length = min(_WINDOW, size - start)
        _bring_into_cache(descriptor, start, length)
        with mmap.mmap(descriptor, length, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=start) as window:
            window.madvise(_POPULATE_READ)  # what cannot be read is an error here, and would be a signal later
            state.update(window)
    return state.hexdigest()


def _bring_into_cache(descriptor: int, start: int, length: int) -> None:
    """Wait for the disk here, where other threads may run meanwhile."""
    os.posix_fadvise(descriptor, start, 2 * length, os.POSIX_FADV_WILLNEED)
    os.pread(descriptor, 1, start + length - 1)
