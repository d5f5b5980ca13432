"""Files as memory: mapped copy-on-write, so that what a caller changes never reaches the file."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

from provenance.errors import SerializationError
from provenance.serializers.records import Kwargs

MAP_FROM_BYTES = 1 << 20
"""Smaller files are read: that is as quick, and a map holds a file descriptor for as long as its value lives."""

_ACCESS = {"c": mmap.ACCESS_COPY, "r": mmap.ACCESS_READ}
_UNTRACKED: dict[str, bool] = {"trackfd": False} if sys.version_info >= (3, 13) else {}


def check_mode(mode: object) -> str | None:
    """Return a memory-mapping mode that cannot change the file, or raise.

    Raises
    ------
    SerializationError
        The mode is none of ``"c"`` (copy-on-write), ``"r"`` (read-only) and None (read into memory).
    """
    if mode is None or mode == "c" or mode == "r":  # noqa: PLR1714  `in` would hash what may be unhashable
        return mode
    msg = f"mmap_mode={mode!r} could change stored bytes: use 'c' (copy-on-write), 'r' (read-only) or None"
    raise SerializationError(msg)


def memory_of(source: bytes | Path, kwargs: Kwargs, serializer: str) -> memoryview:
    """Stored bytes as memory of a new value: a private map of the file by default, or as ``mmap_mode`` asks for.

    Raises
    ------
    SerializationError
        There are other options, or the mode could change the file.
    """
    mode = check_mode(kwargs.get("mmap_mode", "c"))
    unknown = sorted(kwargs.keys() - {"mmap_mode"})
    if unknown:
        msg = f"serializer {serializer!r} takes no load_kwargs but mmap_mode, got {unknown}"
        raise SerializationError(msg)
    if isinstance(source, Path):
        return file_memory(source, mode)
    return memoryview(source if mode == "r" else bytearray(source))


def file_memory(path: Path, mode: str | None) -> memoryview:
    """The bytes of a file as memory: mapped, or read where that is better or nothing can be mapped any more."""
    with path.open("rb") as file:
        if mode is not None and path.stat().st_size >= MAP_FROM_BYTES:
            try:
                return memoryview(mmap.mmap(file.fileno(), 0, access=_ACCESS[mode], **_UNTRACKED))
            except OSError:
                pass  # too many maps or descriptors are in use: reading still works
        content = file.read()
    return memoryview(content if mode == "r" else bytearray(content))
