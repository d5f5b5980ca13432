"""Local files for downloads that go on where they were interrupted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provenance._util.access import make_folders
from provenance.types import BlobKey

try:
    import fcntl
except ImportError:  # not a Unix: each caller has a file of its own
    fcntl = None  # type: ignore[assignment]


@contextmanager
def partial_file(folder: Path, key: BlobKey) -> Iterator[str]:
    """The file in `folder` to download `key` to; it may have the beginning of it from an earlier attempt.

    One caller has it at a time. Another one gets a file of its own, which is empty.
    """
    make_folders(folder)
    path = str(folder / f"{key}.part")
    descriptor = _locked(path)
    if descriptor is None:
        yield str(folder / f"{os.getpid()}-{os.urandom(8).hex()}")
        return
    try:
        yield path
    finally:
        # By closing alone it would stay locked as long as a process lives that was forked meanwhile.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _locked(path: str) -> int | None:
    """Open and lock a file, unless another caller has it or has just published it under another name."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:  # what is there cannot be gone on with
        return None
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    os.close(descriptor)
    return None
