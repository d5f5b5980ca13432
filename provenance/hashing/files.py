"""The digest of a file's bytes, read in chunks."""

from __future__ import annotations

import os
from pathlib import Path

from provenance.hashing.digest import hasher

_CHUNK = 4 << 20


def hash_file(path: str | os.PathLike[str]) -> str:
    """Return the BLAKE3 digest of the bytes of a file.

    Parameters
    ----------
    path : str or path-like
        The file; it is read in chunks of 4 MB.

    Returns
    -------
    str
        64 hex digits.

    Raises
    ------
    OSError
        The file is missing, a folder, or cannot be read.
    """
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        state = hasher(size)
        buffer = bytearray(max(1, min(size, _CHUNK)))
        view = memoryview(buffer)
        while count := file.readinto(buffer):
            state.update(view[:count])
    return state.hexdigest()
