"""Several stores, one behind the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar, Unpack

from provenance._util.payload import Buffers, FileContent
from provenance.blobstores.base import StoreBase, StoreOptions
from provenance.blobstores.choices import RETRY_SECONDS, OnUnreachable, WritePolicy
from provenance.blobstores.keys import check_key, is_key
from provenance.blobstores.tiers import Tiers, worst
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    DuplicateKeyError,
    NotFoundError,
    PermissionDeniedError,
    ProvenanceError,
    StorageError,
    TierUnavailableError,
)
from provenance.types import BlobKey, BlobRef, BlobStore, Payload

T = TypeVar("T")

logger = logging.getLogger("provenance.blobstores")


class ChainedStore(StoreBase):
    """Read from the first store that has sound bytes, write to every store that may be written.

    What is found further down is copied, byte by byte, into the earlier stores that permit ``write`` and
    ``read_through_write``; a copy that cannot be made is no failure. What is damaged, missing or out of reach in one
    store is looked for in the next one.

    Nothing is called missing while a store that may have it is out of reach: that is a `TierUnavailableError`. Deleting
    and listing need every store.

    Parameters
    ----------
    stores : sequence of BlobStore
        The members, the quickest first.
    name : str
        What the chain is called in the configuration and in messages.
    write_policy : {"all", "first", "any"}
        Which of the stores that permit ``write`` must take what is put: each of them; only the nearest one, or the next
        one where that is out of reach and left out; or at least one. Those that need not take it and fail are reported
        in the log, once. Bytes that reached one store stay there when `put` raises.
    on_unreachable : {"skip", "raise"}
        What happens when a store cannot be used: it is left out for a while, with one warning in the log for the whole
        outage, or `TierUnavailableError` is raised.
    retry_seconds : float
        How long a store is left out before it is asked again, by one of the callers in each process.
    **options
        See `StoreBase`; they hold for the chain as a whole, besides those of its members. ``on_duplicate_key`` is
        each member's own.

    Raises
    ------
    ConfigError
        There is no member, or an option has a value it cannot have.
    """

    def __init__(
        self,
        stores: Sequence[BlobStore],
        *,
        name: str = "chained",
        write_policy: WritePolicy = "all",
        on_unreachable: OnUnreachable = "skip",
        retry_seconds: float = RETRY_SECONDS,
        **options: Unpack[StoreOptions],
    ) -> None:
        super().__init__(name, **options)
        self._tiers = Tiers(
            stores,
            f"chained blobstore {name!r}",
            logger,
            write_policy=write_policy,
            on_unreachable=on_unreachable,
            retry_seconds=retry_seconds,
        )
        self.stores = self._tiers.members
        self.at_once = max(getattr(store, "at_once", 1) for store in stores)
        self.files_stay = all(getattr(store, "files_stay", True) for store in stores)

    # ---- reading

    def _has(self, key: BlobKey) -> bool:
        failures: list[ProvenanceError] = []
        if any(found for _, found in self._tiers.answers("read", lambda store: key in store, failures)):
            return True
        if failures:
            raise self._unfound(key, failures)
        return False

    def _get(self, key: BlobKey) -> bytes:
        position, data = self._first(key, lambda store: store.get(key))
        self._copy_up(key, Buffers((data,)), position)
        return data

    def _local_path(self, key: BlobKey) -> Path | None:
        position, path = self._first(key, lambda store: self._path_in(store, key))
        if path is not None:
            self._copy_up(key, FileContent(path), position)
            return path
        if not (self._permissions.read_through_write and self._tiers.taking_copies(position)):
            return None
        self._stream_up(key, position)
        return self._path_of_copy(key, position)

    def _stream_up(self, key: BlobKey, position: int) -> None:
        """Copy what lies in a store without files into earlier ones; through a file, as it may be large."""
        from tempfile import TemporaryDirectory  # noqa: PLC0415  loaded when first used

        try:
            with TemporaryDirectory(prefix="provenance-") as folder:
                file = Path(folder, "blob")
                self.stores[position].save_as(key, file)
                self._copy_up(key, FileContent(file), position)
        except (NotFoundError, StorageError, OSError) as exc:  # who wants to read it will be told
            logger.warning("blob %s was not copied from %r: %s", key, self.stores[position].name, exc)

    def _path_in(self, store: BlobStore, key: BlobKey) -> Path | None:
        if key not in store:  # a store without files does not tell otherwise
            raise self._missing(key)
        return store.local_path(key)

    def _path_of_copy(self, key: BlobKey, position: int) -> Path | None:
        """The file with the copy that was made in a store before this position, if it has files."""
        answers = self._tiers.answers("read", lambda store: self._path_in(store, key), [])
        return next((path for at, path in answers if at < position and path is not None), None)

    def _first(self, key: BlobKey, read: Callable[[BlobStore], T]) -> tuple[int, T]:
        """What the first store that has `key` gives, and the store's position."""
        failures: list[ProvenanceError] = []
        for found in self._tiers.answers("read", read, failures):
            return found
        raise self._unfound(key, failures)

    def _unfound(self, key: BlobKey, failures: list[ProvenanceError]) -> ProvenanceError:
        """What to say when no store gave the bytes."""
        failure = worst(failures)
        if isinstance(failure, TierUnavailableError):
            return TierUnavailableError(f"blob {key} is in no store in reach: {failure}")
        return self._missing(key) if failure is None or isinstance(failure, BlobNotFoundError) else failure

    def _copy_up(self, key: BlobKey, content: Payload, position: int) -> None:
        if self._permissions.read_through_write:
            self._tiers.copy_up(position, lambda store: _copy(store, key, content))

    # ---- many at once

    def batch_contains(self, keys: Iterable[object]) -> set[BlobKey]:
        """Return those of `keys` that are in some store; each is asked once, for what those before it do not have.

        Raises
        ------
        TierUnavailableError
            Some were not found, and a store that may have them is out of reach.
        """
        if not self._permissions.read:
            return set()
        wanted = {check_key(key) for key in keys if is_key(key)}
        found: set[BlobKey] = set()
        failures: list[ProvenanceError] = []
        answers = self._tiers.answers("read", lambda store: store.batch_contains(wanted - found), failures)
        while found < wanted:
            answer = next(answers, None)
            if answer is None:
                break
            found |= answer[1]
        if failures and found < wanted:
            raise self._unfound(min(wanted - found), failures)
        return found

    def batch_get(self, keys: Iterable[BlobKey]) -> list[bytes]:
        """Return the verified bytes of `keys`, in their order; see `StoreBase.batch_get`.

        Each store is asked once, for what those before it do not have.
        """
        self._require(self._permissions.read, "read")
        wanted = [check_key(key) for key in keys]
        found: dict[BlobKey, bytes] = {}
        damage: list[BlobCorruptError] = []

        def get_the_rest(store: BlobStore) -> dict[BlobKey, bytes]:
            present = sorted(store.batch_contains(key for key in wanted if key not in found))
            try:
                return dict(zip(present, store.batch_get(present), strict=True))
            except BlobCorruptError as exc:
                damage.append(exc)
            except BlobNotFoundError:
                pass
            return {}  # each is looked for by itself, so that one does not hide the others

        if wanted:
            for position, fetched in self._tiers.answers("read", get_the_rest, []):
                found.update(fetched)
                self._copy_all_up(fetched, position)
                if all(key in found for key in wanted):
                    break
        lacking = [key for key in dict.fromkeys(wanted) if key not in found]
        found.update(zip(lacking, self._each(partial(self._get_one, damage), lacking), strict=True))
        return [found[key] for key in wanted]

    def _get_one(self, damage: list[BlobCorruptError], key: BlobKey) -> bytes:
        try:
            return self._get(key)
        except BlobNotFoundError:
            # A batch moves what is damaged away, so that it is missing now.
            raise next((exc for exc in damage if key in str(exc)), self._missing(key)) from None

    def _copy_all_up(self, blobs: Mapping[BlobKey, bytes], position: int) -> None:
        if not self._permissions.read_through_write:
            return
        for extension in {key[64:] for key in blobs}:
            items = [data for key, data in blobs.items() if key[64:] == extension]
            self._tiers.copy_up(position, partial(_copy_all, items, extension))

    def batch_delete(self, keys: Iterable[BlobKey]) -> None:
        """Remove the bytes of `keys` from every store that permits it; see `StoreBase.batch_delete`."""
        self._require(self._permissions.delete, "delete")
        unwanted = list(dict.fromkeys(check_key(key) for key in keys))
        self._delete_from_all(lambda store: store.batch_delete(unwanted))

    # ---- writing

    def _put(self, payload: Payload, extension: str) -> BlobRef:
        if not self._tiers.permitting("write"):
            msg = f"no member of chained blobstore {self._name!r} may be written; set write: true on one of them"
            raise PermissionDeniedError(msg)
        refs = self._tiers.write(lambda store: store.put(payload, extension=extension))
        if len(set(refs)) > 1:
            msg = (
                f"the members of chained blobstore {self._name!r} got different bytes from one payload: what writes it "
                "must write the same bytes each time"
            )
            raise StorageError(msg)
        return refs[0]

    def _delete(self, key: BlobKey) -> None:
        self._delete_from_all(lambda store: store.delete(key))

    def _delete_from_all(self, delete: Callable[[BlobStore], None]) -> None:
        if not self._tiers.permitting("delete"):
            msg = f"nothing may be deleted from any member of chained blobstore {self._name!r}; set delete: true on one"
            raise PermissionDeniedError(msg)
        self._tiers.everywhere("delete", "delete", delete)

    def _ids(self) -> Iterator[BlobKey]:
        # A list without the keys of a store that is out of reach would make them look deleted.
        seen: set[BlobKey] = set()
        for position, _ in self._tiers.permitting("read"):
            for key in self._tiers.attempt(position, "read", lambda store: list(store.ids())):
                if key not in seen:
                    seen.add(key)
                    yield key


def _copy(store: BlobStore, key: BlobKey, content: Payload) -> None:
    """Put verified bytes into an earlier store, where another caller may be doing the same."""
    try:
        ref = store.put(content, extension=key[64:])
    except DuplicateKeyError:
        return
    if ref.key != key:  # the file they came from was written over meanwhile
        store.delete(ref.key)
        msg = f"the bytes of blob {key} changed while they were copied"
        raise BlobCorruptError(msg)


def _copy_all(items: list[bytes], extension: str, store: BlobStore) -> None:
    with suppress(DuplicateKeyError):
        store.batch_put(items, extension=extension)
