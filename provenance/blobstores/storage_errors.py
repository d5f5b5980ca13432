"""What is said when storage does not do what it is asked."""

from __future__ import annotations

import errno

from provenance.errors import StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def is_full(cause: BaseException | None) -> bool:
    """Whether something failed because a disk is full."""
    return isinstance(cause, OSError) and cause.errno in _FULL


def storage_failure(store: str, place: object, doing: str, cause: BaseException) -> StorageError:
    """The error for an operation that the storage at `place` refused."""
    code = cause.errno if isinstance(cause, OSError) else None
    if code in _FULL:
        remedy = "free some space there, or configure another place"
    elif code in _FORBIDDEN:
        remedy = "give this process the right to do that there, or configure another place"
    elif code in (errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
        remedy = "the place must be a folder, or a link to one, that exists or can be created"
    else:
        remedy = "check that the storage is there and works, then run again"
    return StorageError(f"blobstore {store!r} cannot {doing} at {place}: {type(cause).__name__}: {cause}; {remedy}")
