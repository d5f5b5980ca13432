"""The errors for a key that is taken."""

from __future__ import annotations

from provenance.errors import CollisionError, DuplicateKeyError
from provenance.types import BlobKey


def refuse_duplicate(key: BlobKey, store: str) -> DuplicateKeyError:
    """The error of ``on_duplicate_key: raise``."""
    return DuplicateKeyError(
        f"blob {key} is in blobstore {store!r} already and on_duplicate_key is 'raise'; "
        "delete it first, or configure 'skip'"
    )


def refuse_collision(key: BlobKey, store: str) -> CollisionError:
    """The error of ``on_duplicate_key: check_collision``."""
    return CollisionError(
        f"blob {key} in blobstore {store!r} has other bytes than those that were to be stored under this key: "
        "one of them is damaged; check the storage, then delete the stored one and store it again"
    )
