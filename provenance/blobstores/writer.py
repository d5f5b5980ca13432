"""Write bytes to a temporary file and hash them on the way."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from provenance._util.access import PRIVATE, Access, StrPath
from provenance._util.atomic import create_temporary, discard
from provenance.blobstores.digests import hash_file, hasher
from provenance.errors import StorageError
from provenance.types import Payload

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WRITE_BYTES = 8 << 20
_BUFFER_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 20
_RESERVE_BYTES = 1 << 20
_NO_RESERVING = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV})

Failed: TypeAlias = Callable[[OSError], Exception]
"""Makes the error to raise of what the system reports."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A finished temporary file."""

    path: str
    digest: str
    length: int


def spool(
    payload: Payload, folder: StrPath, failed: Failed, *, durable: bool = False, access: Access = PRIVATE
) -> Spooled:
    """Write a payload to a new temporary file in `folder`; the file is gone again if that fails.

    Raises
    ------
    StorageError
        The payload's source cannot be read; or whatever `failed` makes of a failure to write.
    """
    try:
        descriptor, path = create_temporary(folder, access)
    except OSError as exc:
        raise failed(exc) from exc
    size = payload.size or 0
    file = HashingFile(descriptor, size, failed)
    try:
        _reserve(descriptor, size, failed)
        _fill(file, payload)
        _finish(descriptor, file.length, failed, durable=durable)
    except BaseException:
        file.abandon()
        discard(path)
        raise
    finally:
        os.close(descriptor)
    return Spooled(path, file.digest, file.length)


def spooled_file(path: str) -> Spooled:
    """A file that something else has written, hashed, and read-only from now on."""
    os.chmod(path, PRIVATE.published)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return Spooled(path, hash_file(descriptor), os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _reserve(descriptor: int, size: int, failed: Failed) -> None:
    """Claim the space of a large file at once: a full disk is noticed at the start, and writing is quicker."""
    if size < _RESERVE_BYTES or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as exc:
        if exc.errno not in _NO_RESERVING:
            raise failed(exc) from exc


def _fill(file: HashingFile, payload: Payload) -> None:
    buffered = file.buffered()
    try:
        payload.write_to(buffered)
        buffered.flush()
    except OSError as exc:
        msg = f"the bytes to store cannot be read: {type(exc).__name__}: {exc}; check where they come from"
        raise StorageError(msg) from exc


def _finish(descriptor: int, length: int, failed: Failed, *, durable: bool) -> None:
    try:
        if os.fstat(descriptor).st_size != length:
            os.ftruncate(descriptor, length)
        if durable:
            os.fsync(descriptor)
    except OSError as exc:
        raise failed(exc) from exc


class HashingFile(io.RawIOBase):
    """Writes to a file descriptor, which it does not close, and knows the digest and number of bytes written.

    Large pieces are hashed by a second thread while they are written. `size` is about how many bytes will come, 0
    if that is not known; `failed` makes the error to raise of what the system reports.
    """

    def __init__(self, descriptor: int, size: int, failed: Failed) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._failed = failed
        self._hasher = hasher(size, busy=1)
        self._abandoned = False
        self.length = 0

    @property
    def digest(self) -> str:
        """Hex digest of what was written."""
        return self._hasher.hexdigest()

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def tell(self) -> int:
        """Number of bytes written."""
        return self.length

    def fileno(self) -> int:
        """Refuse to give the descriptor away."""
        msg = "bytes must pass through write() to be hashed"
        raise io.UnsupportedOperation(msg)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write and hash all of `data`."""
        view = memoryview(data)
        if self._abandoned:
            return view.nbytes
        if view.nbytes < _OVERLAP_BYTES:
            self._hasher.update(view)
            self._write_all(view)
        else:
            self._write_while_hashing(view)
        self.length += view.nbytes
        return view.nbytes

    def buffered(self) -> io.BufferedWriter:
        """A file object that gathers small writes; flush it before asking for the digest."""
        return io.BufferedWriter(self, _BUFFER_BYTES)

    def abandon(self) -> None:
        """Drop whatever a buffer in front of this file still holds when it goes away after a failure."""
        self._abandoned = True

    def _write_all(self, view: memoryview) -> None:
        try:
            while view.nbytes:
                view = view[os.write(self._descriptor, view[:WRITE_BYTES]) :]
        except OSError as exc:
            raise self._failed(exc) from exc

    def _write_while_hashing(self, view: memoryview) -> None:
        hashed = threading.Event()

        def update() -> None:
            self._hasher.update(view)
            hashed.set()

        thread = threading.Thread(target=update, name="provenance-hash", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads can be had, or the interpreter is shutting down
            update()
        try:
            self._write_all(view)
        finally:
            if thread.ident is not None:
                thread.join()
        if not hashed.is_set():
            raise self._failed(OSError("hashing stopped before its end"))
