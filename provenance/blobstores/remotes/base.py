"""What a store needs of the storage it keeps its bytes in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class TakenError(Exception):
    """A file is there already and is not to be replaced."""


class MissingPlaceError(Exception):
    """The bucket or container is not there."""


class LostUploadError(Exception):
    """The storage has taken all bytes and said so, and they are not there."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes on their way to a path of the storage, from memory or from a local file."""

    path: str
    source: bytes | Path
    digest: str
    size: int
    writer: str = field(default_factory=lambda: os.urandom(8).hex())

    @property
    def notes(self) -> dict[str, str]:
        """What is kept with the bytes, where that is possible: their digest, and a number of this upload."""
        return {"blake3": self.digest, "writer": self.writer}

    def read(self) -> bytes:
        """All bytes at once."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def part(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`."""
        if isinstance(self.source, bytes):
            return self.source[start:end]
        with self.source.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


class Remote(Protocol):
    """A folder of some storage; paths are relative to it. Everything may be called by several threads at once.

    What goes wrong for the moment only has been tried several times before it is raised; what is raised is whatever
    the storage's own library raises.
    """

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, None if there is none."""

    def read(self, path: str) -> bytes:
        """All bytes of a file; raises FileNotFoundError if there is none."""

    def fetch(self, path: str, local: str) -> None:
        """Download a file, behind the bytes of it that the local file has already."""

    def create(self, upload: Upload) -> None:
        """Upload a file so that it appears complete or not at all; raises TakenError if there is one."""

    def replace(self, upload: Upload) -> None:
        """Upload a file so that it appears complete or not at all, whether there is one or not."""

    def writer_of(self, path: str) -> str | None:
        """The `Upload.writer` of a file, where that is kept: it tells one's own file when an answer was lost."""

    def set_aside(self, path: str) -> str:
        """Move a damaged file to ``damaged/`` and return its new path; raises FileNotFoundError if it is gone."""

    def remove(self, path: str) -> None:
        """Remove a file that may be gone already."""

    def names(self) -> Iterator[str]:
        """Paths of all files."""
