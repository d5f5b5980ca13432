"""The folder of a cache: its files, when each was last used, how many bytes they are, and which ones go first.

::

    ab/cdef...      a blob, as in a store on disk
    used/abcdef...  empty; its time is when the blob was last used, if it was used since it was added
    size            bytes of all blobs, or more
    tmp/            files that are being written

The number in ``size`` is raised before a blob appears and only lowered by counting, so that a process that is killed
leaves it too high, never too low. Counting and removing happens when it is over the limit, down to well below it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from provenance._util.access import make_folders
from provenance._util.atomic import discard, sweep
from provenance.blobstores.cache_count import locked_count, locked_folder
from provenance.blobstores.disk import DiskStore
from provenance.blobstores.keys import is_key
from provenance.blobstores.writer import Spooled
from provenance.types import BlobKey

_SHARD = 2
_FULL_ENOUGH = 0.9
_ONE_HOUR = 3600.0


class CachedFile(NamedTuple):
    """A blob in the folder; the least recently used one is the smallest."""

    used_ns: int
    size: int
    key: BlobKey


class CacheFolder:
    """The files of a cache, in a store on disk that has the folder to itself."""

    def __init__(self, disk: DiskStore) -> None:
        self._disk = disk
        self._used = disk.cachedir / "used"
        self._size = disk.cachedir / "size"

    def add(self, spooled: Spooled, key: BlobKey) -> int:
        """Publish a temporary file as the blob `key`, if it is not there, and return how many bytes there are now."""
        now = time.time_ns()
        os.utime(spooled.path, ns=(now, now))  # the system's own times may lag behind those of uses
        with locked_count(self._size) as count:
            if key in self._disk or not count.is_locked:
                return count.read()
            total = count.add(spooled.length)
            self._disk.adopt(spooled, key[64:])
        return total

    def note_use(self, key: BlobKey) -> None:
        """Note that a blob was used now. The blob's own times stay: they tell whether it was verified."""
        stamp, now = f"{self._used}{os.sep}{key}", time.time_ns()
        with contextlib.suppress(OSError):  # which blob goes first is no reason to fail
            try:
                os.utime(stamp, ns=(now, now))
            except FileNotFoundError:
                make_folders(self._used)
                os.close(os.open(stamp, os.O_CREAT | os.O_WRONLY, 0o600))
                os.utime(stamp, ns=(now, now))

    def remove(self, key: BlobKey) -> None:
        """Remove a blob, if it is there."""
        self._disk.delete(key)
        discard(self._used / key)

    def keep_below(self, most: int) -> bool:
        """Remove what was not used for the longest time, if there are more than `most` bytes.

        Returns
        -------
        bool
            False if there are too many, and they cannot be removed.
        """
        try:
            return self._is_kept_below(most)
        except FileNotFoundError:  # another process has cleaned up, so there is nothing left
            return True

    def _is_kept_below(self, most: int) -> bool:
        while self._counted() > most:
            with locked_folder(self._disk.cachedir) as is_mine:
                # The one who has it looks at the number again after this.
                if not is_mine:
                    return True
                before = self._counted()
                remaining = self._remove_oldest(most)
                with locked_count(self._size) as count:
                    if not count.is_locked:
                        return True  # it stays too high, so another one counts soon
                    count.write(remaining + count.read() - before)
                if remaining > most:
                    return False
        return True

    def _counted(self) -> int:
        with locked_count(self._size) as count:
            return count.read()

    def _remove_oldest(self, most: int) -> int:
        """Remove blobs until enough room is made; returns how many bytes are left."""
        sweep(self._disk.temporary, _ONE_HOUR)
        files = sorted(self.files())
        total = sum(file.size for file in files)
        newest = files[-1].key if files else None
        for file in files:
            if total <= (most if file.key == newest else most * _FULL_ENOUGH):
                break
            with contextlib.suppress(OSError):
                discard(self._disk.path_of(file.key))
                total -= file.size
                discard(self._used / file.key)
        return total

    def files(self) -> Iterator[CachedFile]:
        """All blobs; notes about those that are gone are removed on the way."""
        uses = dict(self._uses())
        for shard in _entries(self._disk.cachedir):
            if len(shard.name) == _SHARD:
                for entry in _entries(shard.path):
                    key = shard.name + entry.name
                    with contextlib.suppress(OSError):
                        if is_key(key) and entry.is_file(follow_symlinks=False):
                            stat = entry.stat()
                            used = max(uses.pop(key, 0), stat.st_mtime_ns)
                            yield CachedFile(used, stat.st_size, BlobKey(key))
        for name in uses:
            discard(self._used / name)

    def _uses(self) -> Iterator[tuple[str, int]]:
        for entry in _entries(self._used):
            with contextlib.suppress(OSError):
                if is_key(entry.name):
                    yield entry.name, entry.stat(follow_symlinks=False).st_mtime_ns


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # a file, or removed meanwhile
        return []
