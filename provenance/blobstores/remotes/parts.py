"""Large files in parts: several on their way at once, few of them in memory, none twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from provenance._util.parallel import for_each
from provenance.blobstores.remotes.base import Upload
from provenance.blobstores.remotes.retries import retried

PART_BYTES = 16 << 20
FETCHED_BYTES = 8 << 20
AT_ONCE = 4
MOST_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` to `end` of a file; the first part has the number 1."""

    number: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.end - self.start


def goes_in_parts(upload: Upload) -> bool:
    """Whether an upload is so large that it is not done by one request."""
    return upload.size > PART_BYTES and not isinstance(upload.source, bytes)


def parts_of(size: int, at_least: int = 0) -> list[Part]:
    """The parts of a file, which depend on its size only: who goes on with an upload finds the same."""
    step = max(PART_BYTES, at_least, -(-size // MOST_PARTS))
    starts = range(0, size, step)
    return [Part(number, start, min(start + step, size)) for number, start in enumerate(starts, 1)]


def fetch_parts(size: int, local: str, read: Callable[[int, int], bytes]) -> None:
    """Download a file of `size` bytes in parts, behind those that the local file has.

    Parameters
    ----------
    size : int
        Number of bytes in all.
    local : str
        The local file; what it has from an earlier attempt stays.
    read : callable
        Gives the bytes from a start to an end.
    """
    os.makedirs(os.path.dirname(local), mode=0o700, exist_ok=True)
    descriptor = os.open(local, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "ab") as file:
        there = file.tell()
        parts = [Part(0, start, min(start + FETCHED_BYTES, size)) for start in range(there, size, FETCHED_BYTES)]
        for first in range(0, len(parts), AT_ONCE):
            several = parts[first : first + AT_ONCE]
            for data in for_each(lambda part: read(part.start, part.end), several, at_once=AT_ONCE):
                file.write(data)
            file.flush()


@dataclass(slots=True)
class Received:
    """What has arrived of a file."""

    pieces: list[bytes] = field(default_factory=list)
    length: int = 0
    expected: int | None = None

    def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.pieces.append(piece)
        self.length += len(piece)

    def expect(self, length: int | None) -> None:
        """Note how many bytes are still to come."""
        if length is not None:
            self.expected = self.length + length

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are known to be there."""
        return self.expected is not None and self.length >= self.expected


def receive(read_on: Callable[[Received], None]) -> bytes:
    """All bytes of a file; after an interruption, `read_on` goes on behind what has arrived."""
    received = Received()

    def attempt() -> None:
        if not received.is_complete:
            read_on(received)
        if received.expected is not None and received.length < received.expected:
            msg = f"{received.length} of {received.expected} bytes arrived"
            raise EOFError(msg)

    retried(attempt)
    return received.pieces[0] if len(received.pieces) == 1 else b"".join(received.pieces)
