"""Bytes on their way into a blobstore: from memory, from a file, or written by a function."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from provenance._util.deferred import Deferred

if TYPE_CHECKING:
    import shutil
else:
    shutil = Deferred("shutil")

COPY_BYTES = 1 << 20


class Buffers(NamedTuple):
    """Bytes in memory, in one or more pieces that are not copied together."""

    pieces: Sequence[bytes | bytearray | memoryview]

    @property
    def size(self) -> int:
        return sum([len(piece) if type(piece) is bytes else memoryview(piece).nbytes for piece in self.pieces])

    def write_to(self, file: BinaryIO) -> None:
        file.writelines(self.pieces)

    def to_bytes(self) -> bytes:
        return b"".join(self.pieces)


class FileContent(NamedTuple):
    """The bytes of a file, which is read and left where it is."""

    path: Path

    @property
    def size(self) -> None:
        return None

    def write_to(self, file: BinaryIO) -> None:
        with self.path.open("rb") as source:
            shutil.copyfileobj(source, file, COPY_BYTES)


class FilePart(NamedTuple):
    """Some of the bytes of a file; `size` is their number where that may be told before they are read."""

    path: Path
    start: int
    length: int
    size: int | None

    def write_to(self, file: BinaryIO) -> None:
        left = self.length
        with self.path.open("rb") as source:
            source.seek(self.start)
            while left and (piece := source.read(min(left, COPY_BYTES))):
                file.write(piece)
                left -= len(piece)


class Streamed(NamedTuple):
    """Bytes that a function writes to the file it is given."""

    write: Callable[[BinaryIO], object]

    @property
    def size(self) -> None:
        return None

    def write_to(self, file: BinaryIO) -> None:
        self.write(file)


class Staged(NamedTuple):
    """Bytes that lie in a temporary file of the store they are for; `source` is what they were written from."""

    path: str
    digest: str
    length: int
    source: Buffers

    @property
    def size(self) -> int:
        return self.length

    def write_to(self, file: BinaryIO) -> None:
        self.source.write_to(file)


class _Written(Protocol):
    def write_to(self, file: BinaryIO) -> None: ...


def bytes_of(payload: _Written) -> bytes:
    """All bytes of a payload at once."""
    if isinstance(payload, Buffers):
        return payload.to_bytes()
    file = io.BytesIO()
    payload.write_to(file)
    return file.getvalue()
