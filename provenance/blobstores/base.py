"""What every blobstore does the same way: permissions, checks of keys, and what a taken key means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, get_args

from provenance._util.deferred import Deferred
from provenance._util.payload import Buffers, Staged
from provenance.blobstores.keys import check_extension, check_key, is_key
from provenance.errors import BlobCorruptError, BlobNotFoundError, ConfigError, PermissionDeniedError
from provenance.types import BlobKey, BlobRef, OnDuplicateKey, Payload, Permissions

if TYPE_CHECKING:
    import shutil

    from provenance._util import parallel
else:
    shutil = Deferred("shutil")
    parallel = Deferred("provenance._util.parallel")

T = TypeVar("T")
R = TypeVar("R")


class StoreOptions(TypedDict, total=False):
    """The options that every store has; see `StoreBase`."""

    read: bool
    write: bool
    read_through_write: bool
    delete: bool
    on_duplicate_key: OnDuplicateKey


class StoreBase(ABC):
    """A blobstore's permissions around what a subclass does with checked keys.

    Parameters
    ----------
    name : str
        What the store is called in the configuration and in messages.
    read, write, delete : bool
        What may be done with it. A store that may not be read contains nothing, as far as callers can see.
    read_through_write : bool
        Whether a chain may copy into this member what it found further down.
    on_duplicate_key : {"skip", "overwrite", "check_collision", "raise"}
        What happens when bytes are put that are there already: nothing, they are written again, they are compared
        with the new ones, or `DuplicateKeyError` is raised.
    """

    files_stay: bool = True
    """Whether what `local_path` returns stays there until it is deleted, unlike a copy that makes room for others."""
    at_once: int = 1
    """How many operations of a batch are run at the same time; more than 1 pays where the store is far away."""

    def __init__(  # noqa: PLR0913  each option is a keyword of its own
        self,
        name: str,
        *,
        read: bool = True,
        write: bool = True,
        read_through_write: bool = True,
        delete: bool = True,
        on_duplicate_key: OnDuplicateKey = "skip",
    ) -> None:
        if on_duplicate_key not in get_args(OnDuplicateKey):
            choices = ", ".join(repr(choice) for choice in get_args(OnDuplicateKey))
            msg = f"on_duplicate_key of blobstore {name!r} must be one of {choices}, got {on_duplicate_key!r}"
            raise ConfigError(msg)
        self._name = name
        self._permissions = Permissions(read, write, read_through_write, delete)
        self._on_duplicate_key: OnDuplicateKey = on_duplicate_key
        self._reported: set[BlobKey] = set()

    @property
    def name(self) -> str:
        """What the store is called in the configuration and in messages."""
        return self._name

    @property
    def permissions(self) -> Permissions:
        """What may be done with the store."""
        return self._permissions

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"

    def __contains__(self, key: object) -> bool:
        return self._permissions.read and is_key(key) and self._has(check_key(key))

    def get(self, key: BlobKey) -> bytes:
        """Return the bytes of `key`, verified against the digest in it.

        Raises
        ------
        BlobNotFoundError
            They are not in the store.
        BlobCorruptError
            They were damaged; where writing or deleting is permitted they are out of the way from then on.
        PermissionDeniedError
            The store may not be read.
        InvalidIdError
            `key` cannot be a key.
        StorageError
            The storage cannot be reached or read.
        """
        self._require(self._permissions.read, "read")
        return self._get(check_key(key))

    def local_path(self, key: BlobKey) -> Path | None:
        """Return a verified local file with the bytes of `key`, or None where the store has no local files.

        The file is never written again: it can be mapped. Raises the same errors as `get`.
        """
        self._require(self._permissions.read, "read")
        return self._local_path(check_key(key))

    def save_as(self, key: BlobKey, file: Path) -> None:
        """Write the verified bytes of `key` to a file of the caller's; raises the same errors as `get`.

        Large ones are not held in memory where the store can do without that.
        """
        self._require(self._permissions.read, "read")
        self._save_as(check_key(key), file)

    def put(self, data: Payload | bytes, *, extension: str = "") -> BlobRef:
        """Store bytes under their digest, followed by `extension`; they appear complete or not at all.

        Parameters
        ----------
        data : Payload or bytes
            What to store.
        extension : str
            File extension like ``".csv"``: a dot and up to 16 lower-case letters or digits.

        Returns
        -------
        BlobRef
            The key and the number of bytes.

        Raises
        ------
        PermissionDeniedError
            The store may not be written.
        DuplicateKeyError, CollisionError
            As ``on_duplicate_key`` asks for.
        StorageError
            The storage is full, cannot be written or cannot be reached.
        """
        self._require(self._permissions.write, "write")
        payload = Buffers((data,)) if isinstance(data, bytes | bytearray | memoryview) else data
        ref = self._put(payload, check_extension(extension))
        self._reported.discard(ref.key)
        return ref

    def stage(self, payload: Buffers) -> Staged | None:  # noqa: ARG002  for stores that can
        """Write bytes that are about to be put, which tells their digest; None where that would not help.

        What is returned is to be put, or else discarded by the caller.
        """
        return None

    def delete(self, key: BlobKey) -> None:
        """Remove the bytes of `key`, if they are there.

        Raises
        ------
        PermissionDeniedError
            Nothing may be deleted from the store.
        """
        self._require(self._permissions.delete, "delete")
        self._delete(check_key(key))

    def ids(self) -> Iterator[BlobKey]:
        """Iterate over the keys in the store, in no particular order.

        Raises
        ------
        PermissionDeniedError
            The store may not be read.
        """
        self._require(self._permissions.read, "read")
        return self._ids()

    # ---- many at once

    def batch_contains(self, keys: Iterable[object]) -> set[BlobKey]:
        """Return those of `keys` that are in the store; none if it may not be read.

        Raises
        ------
        StorageError
            The storage cannot be reached.
        """
        if not self._permissions.read:
            return set()
        candidates = list(dict.fromkeys(check_key(key) for key in keys if is_key(key)))
        return {key for key, is_there in zip(candidates, self._each(self._has, candidates), strict=True) if is_there}

    def batch_stored(self, keys: Iterable[object]) -> set[BlobKey]:
        """Return those of `keys` that are in the store itself, whatever a local cache in front of it has.

        Raises what `batch_contains` raises.
        """
        return self.batch_contains(keys)

    def batch_get(self, keys: Iterable[BlobKey]) -> list[bytes]:
        """Return the verified bytes of `keys`, in the order of the keys.

        All of them are in memory at once: ask for as many as fit. A key that is given twice is read once.

        Raises
        ------
        Exception
            What `get` raises for the first key that fails; a note in it tells which others failed. No key is read
            if one of them cannot be a key.
        """
        self._require(self._permissions.read, "read")
        wanted = [check_key(key) for key in keys]
        unique = list(dict.fromkeys(wanted))
        found = dict(zip(unique, self._each(self._get, unique), strict=True))
        return [found[key] for key in wanted]

    def batch_put(self, items: Iterable[Payload | bytes], *, extension: str = "") -> list[BlobRef]:
        """Store bytes and return where they lie, in the order of the items.

        Items are taken when they are about to be stored: a generator need not have all of them in memory.

        Parameters
        ----------
        items : iterable of Payload or bytes
            What to store.
        extension : str
            File extension of all of them; see `put`.

        Raises
        ------
        Exception
            What `put` raises for the first item that fails; a note in it tells which others failed. What was stored
            stays stored: putting all of them again is right.
        """
        self._require(self._permissions.write, "write")
        check_extension(extension)
        return self._each(lambda item: self.put(item, extension=extension), items)

    def batch_delete(self, keys: Iterable[BlobKey]) -> None:
        """Remove the bytes of `keys`, as far as they are there.

        Raises
        ------
        Exception
            What `delete` raises for the first key that fails; a note in it tells which others failed. Nothing is
            removed if one of them cannot be a key.
        """
        self._require(self._permissions.delete, "delete")
        self._each(self._delete, list(dict.fromkeys(check_key(key) for key in keys)))

    def _each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        return parallel.for_each(work, items, at_once=self.at_once)

    def _require(self, permitted: bool, operation: str) -> None:  # noqa: FBT001  a permission, not a mode
        if not permitted:
            msg = (
                f"blobstore {self._name!r} is configured with {operation}: false; "
                f"set {operation}: true or use another store"
            )
            raise PermissionDeniedError(msg)

    def _missing(self, key: BlobKey) -> BlobNotFoundError:
        return BlobNotFoundError(
            f"blob {key} is not in blobstore {self._name!r}: look in another store, or compute it again"
        )

    def _corrupt(self, key: BlobKey, place: str) -> BlobCorruptError:
        """Say once in the log that stored bytes are damaged, and return the error to raise."""
        self._report(key, place)
        return BlobCorruptError(
            f"blob {key} in blobstore {self._name!r} is damaged: its bytes no longer have the digest they are stored "
            f"under ({place}); compute it again or restore it from a copy"
        )

    def _report(self, key: BlobKey, place: str) -> None:
        if key in self._reported:
            return
        import logging  # noqa: PLC0415  only needed for this message

        self._reported.add(key)
        logger = logging.getLogger("provenance.blobstores")
        logger.warning("blob %s in blobstore %r is damaged (%s)", key, self._name, place)

    @abstractmethod
    def _has(self, key: BlobKey) -> bool: ...
    @abstractmethod
    def _get(self, key: BlobKey) -> bytes: ...
    @abstractmethod
    def _local_path(self, key: BlobKey) -> Path | None: ...
    def _save_as(self, key: BlobKey, file: Path) -> None:
        path = self._local_path(key)
        if path is None:
            file.write_bytes(self._get(key))
        else:
            shutil.copyfile(path, file)

    @abstractmethod
    def _put(self, payload: Payload, extension: str) -> BlobRef: ...
    @abstractmethod
    def _delete(self, key: BlobKey) -> None: ...
    @abstractmethod
    def _ids(self) -> Iterator[BlobKey]: ...
