"""BLAKE3 over pieces: large ones with threads, small ones put together first."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

from blake3 import blake3

from provenance.hashing import grammar

T = TypeVar("T")

THREADED_FROM = 2 << 20
"""Bytes from which hashing uses several threads."""
_JOINED = 1 << 17
"""Bytes that are put together and hashed by one call, which hashes more of them side by side than two would."""
_GATHERED = 1 << 20
_MOST_THREADS = 8
_idle: list[blake3] = []
"""Hashers of short data between two uses: making one takes longer than what it does with a hundred bytes."""


def hasher(size: int) -> blake3:
    """Return a hasher for about `size` bytes.

    Threads belong to the hasher and end with it: a pool shared by the process would not survive a fork.
    """
    return blake3() if size < THREADED_FROM else blake3(max_threads=_threads())


def _threads() -> int:
    return max(1, min(_MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1))


class Digests:
    """Digests of long values one after the other, by the same threads: to start them takes as long as hashing 1 MB."""

    __slots__ = ("_threaded",)

    def __init__(self) -> None:
        self._threaded: blake3 | None = None

    def of(self, pieces: Iterable[bytes | memoryview], size: int) -> bytes:
        """Digest of the pieces one after the other; `size` is their length in all.

        A piece may be overwritten as soon as the next one is asked for.
        """
        if size <= _JOINED:
            return blake3(b"".join(map(bytes, pieces))).digest()
        if size < THREADED_FROM:
            return _digest_by(blake3(), pieces)
        if self._threaded is None:
            self._threaded = hasher(size)
        else:
            self._threaded.reset()
        return _digest_by(self._threaded, pieces)


def _digest_by(state: blake3, pieces: Iterable[bytes | memoryview]) -> bytes:
    gathered = bytearray()
    for piece in pieces:
        if len(piece) < _GATHERED:
            gathered += piece
            if len(gathered) < _GATHERED:
                continue
            state.update(gathered)
        else:
            state.update(gathered)
            state.update(piece)
        gathered = bytearray()
    state.update(gathered)
    return state.digest()


def ahead(blocks: Iterator[T]) -> Iterator[T]:
    """Make each block in another thread while the one before is in use.

    The thread ends with the iteration. There is none when the interpreter ends: then none can be started.
    """
    if not threading.main_thread().is_alive():
        yield from blocks
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  loaded when first used

    with ThreadPoolExecutor(1, "provenance") as thread:
        coming = thread.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = thread.submit(next, blocks, None)
            yield block


def conclude(pieces: list[bytes]) -> bytes:
    """C of a value, from the pieces of its E."""
    size = sum(map(len, pieces))
    if size <= grammar.INLINE_LIMIT:
        return b"".join(pieces)
    if size < _GATHERED:
        return grammar.DIGEST_HEAD + blake3(b"".join(pieces)).digest()
    return grammar.DIGEST_HEAD + Digests().of(pieces, size)


def hexdigest_of(encoding: bytes) -> str:
    """Return the hex digest of the value whose C is `encoding`."""
    if encoding[:1] in (grammar.DIGEST_HEAD, grammar.RECIPE_HEAD):
        return encoding[1:].hex()
    return hexdigest_of_short(encoding)


def hexdigest_of_short(data: bytes) -> str:
    """Return the hex digest of data that is short, as keys and small values are."""
    try:
        hasher = _idle.pop()  # the list is shared by threads, a hasher is not
    except IndexError:
        hasher = blake3()
    hasher.update(data)
    digest = hasher.digest().hex()
    hasher.reset()
    _idle.append(hasher)
    return digest
