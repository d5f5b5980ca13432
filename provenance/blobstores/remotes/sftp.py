"""Files of another host, through SSH."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from provenance.blobstores.remotes.base import TakenError, Upload
from provenance.blobstores.remotes.parts import Received, goes_in_parts, receive
from provenance.blobstores.remotes.retries import retried
from provenance.blobstores.remotes.ssh import Channels

T = TypeVar("T")

_BLOCK = 256 << 10
_REQUESTS_AT_ONCE = 64
_OWNER_READS = 0o400


class SftpRemote:
    """A folder of another host.

    A file is written under another name and then renamed, which the protocol's third version refuses if the name is
    taken.
    """

    def __init__(self, channels: Channels, root: str) -> None:
        self._channels = channels
        self._root = root

    # ---- reading

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, None if there is none."""
        try:
            found = self._do(lambda sftp: sftp.stat(self._at(path)))
        except FileNotFoundError:
            return None
        return int(found.st_size) if stat.S_ISREG(found.st_mode) else None

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        return receive(lambda received: self._channels.use(lambda sftp: self._read_on(sftp, path, received)))

    def _read_on(self, sftp: Any, path: str, received: Received) -> None:
        with sftp.open(self._at(path), "rb") as file:
            size = int(file.stat().st_size)
            received.expect(size - received.length)
            file.seek(received.length)
            file.prefetch(size, _REQUESTS_AT_ONCE)
            while received.length < size and (piece := file.read(min(_BLOCK, size - received.length))):
                received.add(piece)

    def fetch(self, path: str, local: str) -> None:
        """Download a file behind the bytes of it that the local file has."""
        os.makedirs(os.path.dirname(local), mode=0o700, exist_ok=True)
        self._do(lambda sftp: self._fetch(sftp, path, local))

    def _fetch(self, sftp: Any, path: str, local: str) -> None:
        with sftp.open(self._at(path), "rb") as source, open(local, "ab") as target:
            size, there = int(source.stat().st_size), target.tell()
            source.seek(there)
            source.prefetch(size, _REQUESTS_AT_ONCE)
            while there < size and (piece := source.read(min(_BLOCK, size - there))):
                there += target.write(piece)

    def names(self) -> Iterator[str]:
        """Paths of all files, folder by folder."""
        for shard in self._entries(self._root):
            if stat.S_ISDIR(shard.st_mode):
                yield from (f"{shard.filename}/{entry.filename}" for entry in self._entries(self._at(shard.filename)))

    def _entries(self, folder: str) -> list[Any]:
        try:
            entries: list[Any] = self._do(lambda sftp: sftp.listdir_attr(folder))
        except FileNotFoundError:
            return []
        return entries

    # ---- writing

    def create(self, upload: Upload) -> None:
        """Upload a file if there is none."""
        retried(lambda: self._channels.use(lambda sftp: self._publish(sftp, upload, sftp.rename)))

    def replace(self, upload: Upload) -> None:
        """Upload a file, whether there is one or not."""
        retried(lambda: self._channels.use(lambda sftp: self._publish(sftp, upload, sftp.posix_rename)))

    def _publish(self, sftp: Any, upload: Upload, rename: Callable[[str, str], None]) -> None:
        target = self._at(upload.path)
        temporary = self._send_on(sftp, upload) if goes_in_parts(upload) else self._send(sftp, upload)
        for attempts_left in (2, 1, 0):
            try:
                _in_folder(sftp, target, lambda: rename(temporary, target))
            except OSError as exc:
                if exc.errno is None and _size(sftp, target) is not None:  # "Failure" is all that the protocol says
                    _discard(sftp, temporary)
                    raise TakenError(target) from exc
                if isinstance(exc, FileNotFoundError) and _size(sftp, target) == upload.size:
                    raise TakenError(target) from exc  # another writer has sent the same file, and renamed it
                if exc.errno is not None or not attempts_left:  # else it has been deleted just now
                    _discard(sftp, temporary)
                    raise
            else:
                return

    def _send(self, sftp: Any, upload: Upload) -> str:
        """Upload all bytes of a file to one with another name."""
        temporary = self._at(f"tmp/{os.getpid()}-{os.urandom(8).hex()}")
        try:
            with _in_folder(sftp, temporary, lambda: sftp.open(temporary, "wxb")) as file:
                _write(file, upload, 0)
            self._finish(sftp, temporary, upload)
        except BaseException:
            _discard(sftp, temporary)
            raise
        return temporary

    def _send_on(self, sftp: Any, upload: Upload) -> str:
        """Upload a large file to one that is named after it, behind what an interrupted upload has left there."""
        temporary = self._at(f"tmp/{upload.path.replace('/', '')}.part")
        there = min(_size(sftp, temporary) or 0, upload.size)
        if there and not _has_beginning(sftp, temporary, upload, there):
            _discard(sftp, temporary)
            there = 0
        with _in_folder(sftp, temporary, lambda: sftp.open(temporary, "r+b" if there else "wb")) as file:
            _write(file, upload, there)
        self._finish(sftp, temporary, upload)
        return temporary

    @staticmethod
    def _finish(sftp: Any, temporary: str, upload: Upload) -> None:
        if _size(sftp, temporary) != upload.size:
            msg = f"{temporary} does not have {upload.size} bytes after its upload"
            raise EOFError(msg)
        sftp.chmod(temporary, _OWNER_READS)

    # ---- the rest

    def writer_of(self, path: str) -> str | None:
        """None: files have no notes."""

    def set_aside(self, path: str) -> str:
        """Move a damaged file to ``damaged/``."""
        target = self._at(f"damaged/{path.replace('/', '')}-{os.urandom(4).hex()}")
        self._do(lambda sftp: _in_folder(sftp, target, lambda: sftp.rename(self._at(path), target)))
        return target

    def remove(self, path: str) -> None:
        """Remove a file that may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            self._do(lambda sftp: sftp.remove(self._at(path)))

    def _do(self, work: Callable[[Any], T]) -> T:
        return retried(lambda: self._channels.use(work))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


def _write(file: Any, upload: Upload, start: int) -> None:
    """Write all bytes from `start` on, without waiting for the answer to each request."""
    file.set_pipelined(True)
    file.seek(start)
    for position in range(start, upload.size, _BLOCK):
        file.write(upload.part(position, min(position + _BLOCK, upload.size)))


def _has_beginning(sftp: Any, path: str, upload: Upload, length: int) -> bool:
    """Whether a file begins with the same `length` bytes."""
    with sftp.open(path, "rb") as file:
        file.prefetch(length, _REQUESTS_AT_ONCE)
        for position in range(0, length, _BLOCK):
            end = min(position + _BLOCK, length)
            if file.read(end - position) != upload.part(position, end):
                return False
    return True


def _in_folder(sftp: Any, path: str, work: Callable[[], T]) -> T:
    """Do something in the folder of `path`, which is made when it turns out to be missing."""
    try:
        return work()
    except FileNotFoundError:
        _make_folder(sftp, path.rpartition("/")[0])
        return work()


def _make_folder(sftp: Any, folder: str) -> None:
    """Make a folder and those above it where they are missing."""
    parts = folder.split("/")
    for end in range(1, len(parts) + 1):
        part = "/".join(parts[:end])
        if part and not _is_there(sftp, part):
            with contextlib.suppress(OSError):  # another writer was first, or what follows fails and tells why
                sftp.mkdir(part, 0o700)


def _is_there(sftp: Any, path: str) -> bool:
    try:
        sftp.stat(path)
    except FileNotFoundError:
        return False
    return True


def _size(sftp: Any, path: str) -> int | None:
    try:
        return int(sftp.stat(path).st_size)
    except FileNotFoundError:
        return None


def _discard(sftp: Any, path: str) -> None:
    with contextlib.suppress(Exception):  # the first failure is the one to tell
        sftp.remove(path)
