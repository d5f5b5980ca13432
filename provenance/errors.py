"""Every error the library raises, grouped by what a caller would do about it.

::

    ProvenanceError
    ├── ConfigError                   mend the configuration
    │   └── WorkerRefusedError        a worker differs from the client in what both must share
    ├── UsageError                    mend the call or the function
    │   ├── HashingError              an argument or result has no deterministic encoding
    │   ├── SerializationError        no serializer takes the value, or bytes cannot be read back
    │   ├── InvalidIdError            what was given as an id cannot be one
    │   ├── InvalidLabelsError        labels are not a string or a JSON object
    │   ├── InvalidInputsError        a hook returned the wrong shape, or an argument is not accepted
    │   ├── InvalidQueryError         a search was asked for something that no row can have
    │   ├── CompositeError            a composite function returned no dict of named members
    │   ├── ArchiveError              what should be archived is not a readable file
    │   ├── ImpureFunctionError       a function changed its inputs
    │   └── MutatedArtifactValueError the value behind a proxy was changed
    ├── NotFoundError                 look in another repo, or compute it again
    │   ├── ArtifactNotFoundError
    │   ├── SetNotFoundError
    │   └── BlobNotFoundError
    ├── LeaseLostError                wait for the one who took the lease over; calls do that by themselves
    └── StorageError                  repair, free or reach the storage, then run again
        ├── PermissionDeniedError     the configuration or the storage itself forbids the operation
        ├── DuplicateKeyError         ``on_duplicate_key: raise`` met a key that exists
        ├── BlobCorruptError          stored bytes differ from their digest
        ├── CollisionError            ``check_collision`` met other bytes under the same key
        ├── StoreUnavailableError     the storage behind a blobstore cannot be reached, or does not answer
        ├── RepoUnavailableError      the database cannot be opened, reached or written
        │   └── RepoUnreachableError  it cannot be reached now, or has no room: the same may work later
        ├── TierUnavailableError      a member of a chain that is needed is out of reach
        └── SchemaVersionError        the database was written by a library this one cannot follow

A result that was computed but could not be recorded is no error: the caller gets the plain value and the warning
`UnrecordedResultWarning`. Where the repo cannot be reached it waits in a journal, and there is one
`RepoOutageWarning` for each outage. `IncompleteSetWarning` says that work was not done when the set of what it used was
made.
"""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "ArtifactNotFoundError",
    "BlobCorruptError",
    "BlobNotFoundError",
    "CollisionError",
    "CompositeError",
    "ConfigError",
    "DuplicateKeyError",
    "HashingError",
    "ImpureFunctionError",
    "IncompleteSetWarning",
    "InvalidIdError",
    "InvalidInputsError",
    "InvalidLabelsError",
    "InvalidQueryError",
    "LeaseLostError",
    "MutatedArtifactValueError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProvenanceError",
    "RepoOutageWarning",
    "RepoUnavailableError",
    "RepoUnreachableError",
    "SchemaVersionError",
    "SerializationError",
    "SetNotFoundError",
    "StorageError",
    "StoreUnavailableError",
    "TierUnavailableError",
    "UnrecordedResultWarning",
    "UsageError",
    "WorkerRefusedError",
]


class ProvenanceError(Exception):
    """Base of every error raised by this library."""


class ConfigError(ProvenanceError):
    """The configuration is wrong; the message names the key path, what was expected and the nearest valid name."""


class WorkerRefusedError(ConfigError):
    """A worker differs from the client in what both must share; the message names the worker and shows both sides.

    Attributes
    ----------
    worker : str
        Its address; of a process that is no Dask worker, its number.
    host : str
        Its host, where that is known.
    differences : tuple of tuple of str
        What differs, the client's, and the worker's.
    """

    worker: str = ""
    host: str = ""
    differences: tuple[tuple[str, str, str], ...] = ()


class UsageError(ProvenanceError):
    """A call, a decorated function or one of its values does not fit; change the code."""


class HashingError(UsageError, TypeError):
    """A value has no deterministic encoding; the message names the path to the part that has none."""


class SerializationError(UsageError):
    """A value could not be turned into bytes, or bytes could not be turned back into a value."""


class InvalidIdError(UsageError, ValueError):
    """A string that was given as an id cannot be one."""


class InvalidLabelsError(UsageError, ValueError):
    """Labels must be a string or a JSON object."""


class InvalidInputsError(UsageError, ValueError):
    """Inputs returned by a hook, or given to a decorated function, have the wrong shape."""


class InvalidQueryError(UsageError, ValueError):
    """A search was given a value that does not fit; the message names it and what is allowed."""


class CompositeError(UsageError, TypeError):
    """A function with ``returns_composite=True`` returned something else than a dict with string keys."""


class ArchiveError(UsageError):
    """What should be archived is missing, a folder, or cannot be read."""


class ImpureFunctionError(UsageError):
    """A function changed its inputs, so its result cannot be keyed by them."""


class MutatedArtifactValueError(UsageError):
    """The value behind a proxy no longer is the value its artifact records."""


class NotFoundError(ProvenanceError, LookupError):
    """Nothing is stored under what was asked for."""


class ArtifactNotFoundError(NotFoundError):
    """No artifact with this id is in the repo."""


class SetNotFoundError(NotFoundError):
    """No artifact set with this id or these labels is in the repo."""


class BlobNotFoundError(NotFoundError):
    """The bytes of a value or of a call's inputs are not in the blobstore.

    Attributes
    ----------
    artifact_id : str or None
        The artifact whose value was wanted, where a proxy was asked for it.
    """

    artifact_id: str | None = None


class LeaseLostError(ProvenanceError):
    """Another caller has taken over the lease that an artifact was computed under, and has stored nothing yet."""


class StorageError(ProvenanceError):
    """A repo or blobstore could not do what was asked of it."""


class PermissionDeniedError(StorageError):
    """The operation is forbidden, by ``read``, ``write`` or ``delete: false`` or by who keeps the storage."""


class DuplicateKeyError(StorageError):
    """A key exists already and the store is configured to refuse that."""


class BlobCorruptError(StorageError):
    """Stored bytes no longer have the digest they are addressed by.

    Attributes
    ----------
    artifact_id : str or None
        The artifact whose value was wanted, where a proxy was asked for it.
    """

    artifact_id: str | None = None


class CollisionError(StorageError):
    """A key exists already with other content."""


class StoreUnavailableError(StorageError):
    """The storage behind a blobstore cannot be reached, or does not answer, however often it is asked."""


class RepoUnavailableError(StorageError):
    """The database behind a repo cannot be opened, reached or written."""


class RepoUnreachableError(RepoUnavailableError):
    """The database cannot be reached at the moment, or has no room; the same may work later."""


class TierUnavailableError(StorageError):
    """A member of a chain is out of reach, and the others cannot do without it what was asked for."""


class SchemaVersionError(StorageError):
    """The database schema is newer than this library can read or write."""


class UnrecordedResultWarning(UserWarning):
    """A computed result was returned as a plain value because it could not be recorded; the message says why."""


class IncompleteSetWarning(UserWarning):
    """Work that was handed out in a block was not done at its end, so what it used is not counted; names the calls."""


class RepoOutageWarning(UserWarning):
    """A repo cannot be reached, and calls go on without it; given once for each outage."""
