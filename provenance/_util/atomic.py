"""Files that appear under their name complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from typing import TypeVar

from provenance._util.access import PRIVATE, Access, StrPath, make_folders, set_mode

T = TypeVar("T")

_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL})
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP, errno.EACCES})
_MOST_FOLDERS = 10
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)


def create_temporary(folder: StrPath, access: Access = PRIVATE) -> tuple[int, str]:
    """Create a new file in `folder`, which is created too, and return its open descriptor and its path.

    The file cannot be opened for writing a second time, so what is published from it stays as it was written.
    """
    path = os.path.join(folder, f"{os.getpid()}-{os.urandom(8).hex()}")
    descriptor = _in_folder(folder, access, lambda: os.open(path, _NEW, access.published))
    set_mode(descriptor, access.published, access)
    return descriptor, path


def create_empty(path: StrPath, access: Access) -> None:
    """Create an empty file that will be written by others, unless there is one."""
    temporary = f"{os.fspath(path)}~{os.urandom(4).hex()}"
    descriptor = os.open(temporary, _NEW, access.changed)
    try:
        set_mode(descriptor, access.changed, access)
    finally:
        os.close(descriptor)
    try:
        publish(temporary, path)
    finally:
        discard(temporary)


def publish(temporary: StrPath, target: StrPath, access: Access = PRIVATE) -> bool:
    """Give a finished temporary file of the same filesystem its final name, unless the name is taken.

    Returns
    -------
    bool
        False if `target` exists already; both are then left as they are.
    """
    try:
        _in_folder(os.path.dirname(target), access, lambda: _move_without_clobbering(temporary, target))
    except FileExistsError:
        return False
    return True


def _in_folder(folder: StrPath, access: Access, act: Callable[[], T]) -> T:
    """Do something in a folder, which is made when it turns out to be missing.

    Another process may remove it once more before that is done, as it is empty: one that cleans up a cache.
    """
    for _ in range(_MOST_FOLDERS):
        try:
            return act()
        except FileNotFoundError:
            make_folders(folder, access)
    return act()


def _move_without_clobbering(temporary: StrPath, target: StrPath) -> None:
    try:
        os.link(temporary, target)
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        # Two writers can pass this check at once. Both publish the same bytes, as the name is their digest.
        if os.path.exists(target):
            raise FileExistsError(errno.EEXIST, "exists already", os.fspath(target)) from exc
        os.rename(temporary, target)
    else:
        os.unlink(temporary)


def discard(path: StrPath) -> None:
    """Remove a file that may be gone already."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync_folder(folder: StrPath) -> None:
    """Make the names in `folder` survive a power failure, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as exc:
        if exc.errno in _NO_FOLDER_SYNC:
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def sweep(folder: StrPath, older_than: float) -> None:
    """Remove the files in `folder` that were not written for `older_than` seconds.

    Errors are ignored: another process may be sweeping too, and what stays is swept another time.
    """
    limit = time.time() - older_than
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < limit:
                    os.unlink(entry.path)
