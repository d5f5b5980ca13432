"""What is said when remote storage does not do what it is asked, and of which type the error is."""

from __future__ import annotations

from provenance.blobstores.remotes.base import LostUploadError, MissingPlaceError
from provenance.blobstores.remotes.failures import (
    code_of,
    is_refusal,
    is_transient,
    is_unknown_host,
)
from provenance.blobstores.secrets import Secrets
from provenance.blobstores.storage_errors import storage_failure
from provenance.errors import PermissionDeniedError, StorageError, StoreUnavailableError

_SKEWED = ("RequestTimeTooSkewed", "RequestExpired", "Request date header", "clock", "iat and exp")
_EXPIRED = ("ExpiredToken", "TokenRefreshRequired", "expired", "invalid_grant")


def explained(store: str, place: str, doing: str, cause: Exception, secrets: Secrets) -> StorageError:
    """The error for an operation that the storage at `place` did not do; no secret is in it or behind it."""
    kind, remedy = _judged(cause)
    if kind is None:
        return StorageError(secrets.hide(str(storage_failure(store, place, doing, cause))))
    said = f"{type(cause).__name__}: {' '.join(str(cause).split())}".rstrip(": ")
    return kind(secrets.hide(f"blobstore {store!r} cannot {doing} at {place}: {said}; {remedy}"))


def _judged(cause: Exception) -> tuple[type[StorageError] | None, str]:
    if isinstance(cause, MissingPlaceError):
        return StorageError, "there is no such bucket: correct its name, or create it"
    if isinstance(cause, LostUploadError):
        return StorageError, "the service has lost it: store it again, and check the service"
    said = f"{code_of(cause)} {type(cause).__name__} {cause}"
    if is_refusal(cause):
        return PermissionDeniedError, _remedy_of_refusal(said)
    if is_unknown_host(cause):
        return StoreUnavailableError, "there is no host of this name: correct it, or check the network"
    if is_transient(cause):
        return StoreUnavailableError, "it was tried several times: check the network and the service, then run again"
    return None, ""


def _remedy_of_refusal(said: str) -> str:
    if any(word in said for word in _SKEWED):
        return "set the clock of this machine: it is further off than the service permits"
    if any(word in said for word in _EXPIRED):
        return "the credentials have expired: renew them"
    if "BadHostKey" in said:
        return "it is not the host that is known by this name: compare its key"
    if "known_hosts" in said:
        return "log in there with ssh once, or name a file with its key as known_hosts"
    return "check the credentials, and what they permit, or use another store"
