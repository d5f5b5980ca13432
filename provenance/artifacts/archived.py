"""Files in the blobstore: what an archived artifact's value is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_CANONICAL = {".mpeg": ".mpg", ".jpeg": ".jpg", ".tiff": ".tif", ".htm": ".html", ".yml": ".yaml"}


def canonical_extension(path: str | os.PathLike[str]) -> str:
    """The extension of a file name, lower-cased and in its usual spelling; empty if it has none.

    >>> canonical_extension("clip.MPEG")
    '.mpg'
    """
    extension = Path(path).suffix.lower()
    extension = _CANONICAL.get(extension, extension)
    return extension if extension[1:].isascii() and extension[1:].isalnum() and len(extension) <= 17 else ""  # noqa: PLR2004  what blob keys allow


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file that lies in the blobstore; usable wherever a path is.

    Attributes
    ----------
    path : pathlib.Path
        The verified local copy. It is read-only: copy it before changing it.
    blob_id : str
        Digest of the bytes, with the extension if it was preserved.
    """

    path: Path
    blob_id: str

    def open(self, mode: str = "rb", **kwargs: Any) -> IO[Any]:
        """Open the file for reading."""
        return self.path.open(mode, **kwargs)

    def read_bytes(self) -> bytes:
        """The content of the file."""
        return self.path.read_bytes()

    def read_text(self, encoding: str = "utf-8") -> str:
        """The content of the file as text."""
        return self.path.read_text(encoding)

    def value_repr(self) -> str:
        """What the hash is made of: the blob id, wherever the file lies."""
        return self.blob_id

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)
