"""What a process remembers of the files it wrote or verified."""

from __future__ import annotations

import os
import time
from typing import TypeAlias

from provenance.types import BlobKey

_MOST = 1 << 16
_SMALL_BYTES = 1 << 20
_CLOCK_TICK_NS = 20_000_000

_Signature: TypeAlias = tuple[int, int, int, int, int]


class VerifiedFiles:
    """Remembers files by device, inode, size and times: as long as these are the same, so are the bytes.

    A file that changes within one tick of the filesystem's clock keeps its times. So a small file, which is quickly
    hashed again, is only remembered when it has not changed for longer than that.
    """

    __slots__ = ("_signatures",)

    def __init__(self) -> None:
        self._signatures: dict[BlobKey, _Signature] = {}

    def knows(self, key: BlobKey, stat: os.stat_result) -> bool:
        """Whether the file that `stat` tells of is the one that was remembered for `key`."""
        return self._signatures.get(key) == _signature(stat)

    def remember(self, key: BlobKey, stat: os.stat_result) -> None:
        """Remember that the file that `stat` told of, before it was read, has the bytes of `key`."""
        if stat.st_size < _SMALL_BYTES and time.time_ns() - stat.st_ctime_ns < _CLOCK_TICK_NS:
            return
        if len(self._signatures) >= _MOST:
            self._signatures.clear()
        self._signatures[key] = _signature(stat)

    def forget(self, key: BlobKey) -> None:
        """Forget the file of `key`."""
        self._signatures.pop(key, None)


def _signature(stat: os.stat_result) -> _Signature:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
