"""A number of bytes that several processes add to, and locks that end with whoever holds them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from provenance._util.access import StrPath

try:
    import fcntl
except ImportError:  # not a Unix: processes count without waiting for each other, and a recount sets it right
    fcntl = None  # type: ignore[assignment]

UNKNOWN = 1 << 62
"""What a count reads as, at least, as long as nobody has counted."""

_LENGTH = 8
_TRIES = 3000
_WAIT_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Count:
    """The number in an open file; it may be changed if the file is locked."""

    descriptor: int
    is_locked: bool

    def read(self) -> int:
        """The number; `UNKNOWN` or more if there is none."""
        content = os.pread(self.descriptor, _LENGTH + 1, 0)
        return int.from_bytes(content, "little") if len(content) == _LENGTH else UNKNOWN

    def write(self, number: int) -> None:
        """Set the number."""
        os.pwrite(self.descriptor, number.to_bytes(_LENGTH, "little"), 0)
        os.ftruncate(self.descriptor, _LENGTH)

    def add(self, number: int) -> int:
        """Add to the number and return what it is now."""
        total = self.read() + number
        self.write(total)
        return total


@contextlib.contextmanager
def locked_count(path: StrPath) -> Iterator[Count]:
    """The number in the file at `path`, which only the caller changes meanwhile.

    Whoever holds it does so for a moment only. If it takes seconds, because the holder was stopped, it is given without
    the lock, to be read.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with _lock(descriptor, _TRIES) as is_mine:
            yield Count(descriptor, is_mine)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_folder(path: StrPath) -> Iterator[bool]:
    """A lock on a folder; False if another holds it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with _lock(descriptor, 1) as is_mine:
            yield is_mine
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _lock(descriptor: int, tries: int) -> Iterator[bool]:
    is_mine = _try_to_lock(descriptor, tries)
    try:
        yield is_mine
    finally:
        if is_mine and fcntl is not None:
            # By closing alone it would stay locked as long as a process lives that was forked meanwhile.
            with contextlib.suppress(OSError):  # there were none
                fcntl.flock(descriptor, fcntl.LOCK_UN)


def _try_to_lock(descriptor: int, tries: int) -> bool:
    if fcntl is None:
        return True
    for remaining in range(tries, 0, -1):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if remaining > 1:
                time.sleep(_WAIT_SECONDS)
        except OSError:
            return True  # the file system has no locks
        else:
            return True
    return False
