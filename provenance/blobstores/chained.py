"""Several stores, one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, Unpack

from provenance._util.payload import Buffers, FileContent
from provenance.blobstores.base import StoreBase, StoreOptions
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    ConfigError,
    PermissionDeniedError,
    ProvenanceError,
    StorageError,
)
from provenance.types import BlobKey, BlobRef, BlobStore, Payload

T = TypeVar("T")


class ChainedStore(StoreBase):
    """Read from the first store that has sound bytes, write to every store that may be written.

    What is found further down is copied into the earlier stores that permit ``write`` and ``read_through_write``.
    What is damaged, missing or out of reach in one store is looked for in the next one.

    Parameters
    ----------
    stores : sequence of BlobStore
        The members, the quickest first.
    **options
        See `StoreBase`; they hold for the chain as a whole, besides those of its members. ``on_duplicate_key`` is
        each member's own.

    Raises
    ------
    ConfigError
        There is no member.
    """

    def __init__(self, stores: Sequence[BlobStore], *, name: str = "chained", **options: Unpack[StoreOptions]) -> None:
        super().__init__(name, **options)
        if not stores:
            msg = f"chained blobstore {name!r} needs at least one store in stores"
            raise ConfigError(msg)
        self.stores = tuple(stores)
        self.at_once = max(getattr(store, "at_once", 1) for store in stores)

    def _has(self, key: BlobKey) -> bool:
        failures: list[ProvenanceError] = []
        for store in self.stores:
            try:
                if key in store:
                    return True
            except StorageError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]
        return False

    def _get(self, key: BlobKey) -> bytes:
        position, data = self._first(key, lambda store: store.get(key))
        if position:
            self._copy_up(key, Buffers((data,)), position)
        return data

    def _local_path(self, key: BlobKey) -> Path | None:
        position, path = self._first(key, lambda store: store.local_path(key))
        if not position:
            return path
        if path is not None:
            self._copy_up(key, FileContent(path), position)
            return path
        if not any(_takes_copies(store) for store in self.stores[:position]):
            return None
        data = self.stores[position].get(key)
        self._copy_up(key, Buffers((data,)), position)
        copies = (store.local_path(key) for store in self.stores[:position] if key in store)
        return next((copy for copy in copies if copy is not None), None)

    def _first(self, key: BlobKey, read: Callable[[BlobStore], T]) -> tuple[int, T]:
        """What the first store that has `key` gives, and the store's position."""
        failures: list[ProvenanceError] = []
        for position, store in enumerate(self.stores):
            if not store.permissions.read:
                continue
            try:
                if key in store:
                    return position, read(store)
            except (BlobNotFoundError, StorageError) as exc:
                failures.append(exc)
        raise _worst(failures) or self._missing(key)

    def _copy_up(self, key: BlobKey, content: Payload, position: int) -> None:
        for store in self.stores[:position]:
            if _takes_copies(store):
                try:
                    store.put(content, extension=key[64:])
                except StorageError as exc:  # the bytes are there: a copy that cannot be made is no reason to fail
                    _log_no_copy(key, store, exc)

    def _put(self, payload: Payload, extension: str) -> BlobRef:
        writable = [store for store in self.stores if store.permissions.write]
        if not writable:
            msg = f"no member of chained blobstore {self._name!r} may be written; set write: true on one of them"
            raise PermissionDeniedError(msg)
        refs: list[BlobRef] = []
        failures: list[StorageError] = []
        for store in writable:
            try:
                refs.append(store.put(payload, extension=extension))
            except StorageError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]
        if len(set(refs)) > 1:
            msg = (
                f"the members of chained blobstore {self._name!r} got different bytes from one payload: what writes it "
                "must write the same bytes each time"
            )
            raise StorageError(msg)
        return refs[0]

    def _delete(self, key: BlobKey) -> None:
        deletable = [store for store in self.stores if store.permissions.delete]
        if not deletable:
            msg = f"nothing may be deleted from any member of chained blobstore {self._name!r}; set delete: true on one"
            raise PermissionDeniedError(msg)
        for store in deletable:
            store.delete(key)

    def _ids(self) -> Iterator[BlobKey]:
        seen: set[BlobKey] = set()
        for store in self.stores:
            if store.permissions.read:
                for key in store.ids():
                    if key not in seen:
                        seen.add(key)
                        yield key


def _takes_copies(store: BlobStore) -> bool:
    return store.permissions.write and store.permissions.read_through_write


def _worst(failures: list[ProvenanceError]) -> ProvenanceError | None:
    """The failure that says most: damage, else storage out of reach, else that nothing is there."""
    for kind in (BlobCorruptError, StorageError, BlobNotFoundError):
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    return None


def _log_no_copy(key: BlobKey, store: BlobStore, cause: Exception) -> None:
    import logging  # noqa: PLC0415  only needed for this message

    logging.getLogger("provenance.blobstores").warning("blob %s was not copied into %r: %s", key, store.name, cause)
