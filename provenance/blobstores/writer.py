"""Write bytes to a file and hash them on the way."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from provenance.blobstores.digests import hasher

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WRITE_BYTES = 8 << 20
_BUFFER_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 20


class HashingFile(io.RawIOBase):
    """Writes to a file descriptor, which it does not close, and knows the digest and number of bytes written.

    Large pieces are hashed by a second thread while they are written. `size` is about how many bytes will come, 0
    if that is not known; `failed` makes the error to raise of what the system reports.
    """

    def __init__(self, descriptor: int, size: int, failed: Callable[[OSError], Exception]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._failed = failed
        self._hasher = hasher(size)
        self._abandoned = False
        self.length = 0

    @property
    def digest(self) -> str:
        """Hex digest of what was written."""
        return self._hasher.hexdigest()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.length

    def fileno(self) -> int:
        raise io.UnsupportedOperation("bytes must pass through write() to be hashed")  # noqa: EM101, TRY003

    def write(self, data: ReadableBuffer, /) -> int:
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
