"""Where the bytes of an artifact were found, and reading them from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from provenance.errors import SerializationError
from provenance.types import ArtifactRecord

T = TypeVar("T")

_TRIES = 3


class Located(NamedTuple):
    """Verified bytes of a value, or a verified local file with them, and the record they were stored with."""

    record: ArtifactRecord
    source: bytes | Path
    stays: bool = True
    """Whether a local file stays until it is deleted, unlike a copy that makes room for others."""


def read_located(locate: Callable[[], Located], read: Callable[[Located], T]) -> T:
    """Read what `locate` finds.

    A local copy of what lies far away can be gone by the time it is opened, as another process has made room. Then it
    is located once more, which brings it back.
    """
    for _ in range(_TRIES - 1):
        located = locate()
        try:
            return read(located)
        except (SerializationError, FileNotFoundError):
            if not isinstance(located.source, Path) or located.source.exists():
                raise
    return read(locate())
