"""Local copies of what a store far away has, up to some number of bytes."""

from __future__ import annotations

import os
import time
from pathlib import Path

from provenance._util.access import make_folders
from provenance._util.atomic import discard, sweep
from provenance._util.payload import Buffers
from provenance._util.sizes import parse_size
from provenance.blobstores.cache_cleanup import Cleanup
from provenance.blobstores.cache_folder import CacheFolder
from provenance.blobstores.disk import DiskStore
from provenance.blobstores.writer import Spooled, spool
from provenance.errors import BlobCorruptError, BlobNotFoundError, ConfigError, StorageError
from provenance.types import BlobKey, Payload

_REST_SECONDS = 60.0


class _CannotWriteError(Exception):
    """The folder takes nothing."""


class LocalCache:
    """Keep copies of blobs in a folder; what was not used for the longest time goes when there are too many bytes.

    Any number of processes of this host can share the folder. It is no place to rely on: another process may remove
    a copy at any time (what is mapped by then stays readable), and where the folder cannot be read or written, nothing
    is found or kept, which is said once in the log. So nothing here raises when the storage fails.

    Parameters
    ----------
    cachedir : path
        The folder. Each store has one of its own in it, which nothing else lies in.
    url : str
        Which store the copies are of.
    store : str
        The name of that store, for messages.
    most_bytes : int, optional
        How many bytes are kept at most, besides files that are just being written; without limit if None.
    cleanup : bool
        Whether the process removes, when it ends, what it has added; and all, if it was the one to make the folder.
    """

    def __init__(
        self, cachedir: str | os.PathLike[str], url: str, store: str, *, most_bytes: int | None, cleanup: bool = False
    ) -> None:
        self.folder = Path(cachedir).expanduser().absolute() / folder_name(url)
        self.most_bytes = most_bytes
        self._name = f"cache of {store}"
        self._has_told = False
        self._rests_until = 0.0
        made: list[str] = []
        try:
            made = make_folders(self.folder)
            self._disk = DiskStore(self.folder, name=self._name)
        except (StorageError, OSError) as exc:
            self._tell(exc)
            self._disk = DiskStore(self.folder, name=self._name, write=False)
        self._files = CacheFolder(self._disk)
        self._cleanup = Cleanup.at_exit(self._files, self.folder, made) if cleanup else None

    @property
    def temporary(self) -> Path:
        """Where files for `adopt` are to be written."""
        return self._disk.temporary

    def path_of(self, key: BlobKey) -> Path:
        """Where the copy of `key` is, or would be."""
        return self._disk.path_of(key)

    # ---- reading

    def __contains__(self, key: BlobKey) -> bool:
        try:
            return key in self._disk
        except StorageError as exc:
            self._tell(exc)
            return False

    def get(self, key: BlobKey) -> bytes | None:
        """The verified bytes of `key`, if they are here."""
        try:
            data = self._disk.get(key)
        except (BlobNotFoundError, StorageError) as exc:
            self._miss(exc)
            return None
        self._files.note_use(key)
        return data

    def local_path(self, key: BlobKey) -> Path | None:
        """A verified file with the bytes of `key`, if it is here."""
        try:
            path = self._disk.local_path(key)
        except (BlobNotFoundError, StorageError) as exc:
            self._miss(exc)
            return None
        self._files.note_use(key)
        return path

    def _miss(self, cause: Exception) -> None:
        if isinstance(cause, BlobCorruptError):
            sweep(self.folder / "damaged", 0)  # the store has sound ones
        elif isinstance(cause, StorageError):
            self._tell(cause)

    # ---- writing

    def takes(self, size: int) -> bool:
        """Whether so many bytes may well be kept here, so that it is worth to write them to `temporary`."""
        if not self._disk.permissions.write or time.monotonic() < self._rests_until:
            return False
        if self.most_bytes is not None and size > self.most_bytes:
            return False
        try:
            space = os.statvfs(self.folder) if hasattr(os, "statvfs") else None
        except OSError:
            return True  # it is made again
        if space is not None and space.f_bavail * space.f_frsize < size:
            self._tell(f"no space is left for {size} bytes in {self.folder}")
            return False
        return True

    def keep(self, key: BlobKey, data: bytes) -> None:
        """Keep a copy of these bytes."""
        spooled = None if key in self else self.spool(Buffers((data,)))
        if spooled is not None:
            self.adopt(spooled, key[64:])

    def spool(self, payload: Payload) -> Spooled | None:
        """Write a payload to `temporary`; None if it cannot be written there."""
        if not self.takes(payload.size or 0):
            return None
        try:
            return spool(payload, self.temporary, _CannotWriteError)
        except _CannotWriteError as exc:
            self.rest(exc)
            return None

    def adopt(self, spooled: Spooled, extension: str) -> None:
        """Keep a file that was written to `temporary`; its temporary name is gone afterwards."""
        key = BlobKey(spooled.digest + extension)
        try:
            if self.takes(spooled.length):
                self._add(spooled, key)
        except StorageError as exc:
            self.rest(exc)
        except OSError as exc:
            self.rest(exc)
        finally:
            discard(spooled.path)

    def _add(self, spooled: Spooled, key: BlobKey) -> None:
        if self._cleanup is not None:
            self._cleanup.added.add(key)
        total = self._files.add(spooled, key)
        if self.most_bytes is not None and total > self.most_bytes and not self._files.keep_below(self.most_bytes):
            self.rest(StorageError(f"{self.folder} has more bytes than cache_bytes allows that cannot be removed"))

    def delete(self, key: BlobKey) -> None:
        """Remove the copy of `key`, if there is one."""
        try:
            self._files.remove(key)
        except (StorageError, OSError) as exc:
            self._tell(exc)

    # ---- failures

    def rest(self, cause: Exception) -> None:
        """Keep nothing for a minute, as it would fail again; say why if that was not said before."""
        self._rests_until = time.monotonic() + _REST_SECONDS
        self._tell(cause)

    def _tell(self, cause: object) -> None:
        if self._has_told:
            return
        import logging  # noqa: PLC0415  only needed for this message

        self._has_told = True
        logger = logging.getLogger("provenance.blobstores")
        logger.warning("%s keeps no copies, everything works without: %s", self._name, cause)


def most_bytes(given: object, store: str) -> int | None:
    """What ``cache_bytes`` of a store means: a number of bytes, or None for no limit.

    Raises
    ------
    ConfigError
        It is no number of bytes.
    """
    if given is None:
        return None
    try:
        return parse_size(given)
    except ValueError as exc:
        msg = f"cache_bytes of blobstore {store!r}: {exc}"
        raise ConfigError(msg) from exc


def folder_name(url: str) -> str:
    """The name of the folder for the copies of a store; users and passwords do not matter."""
    from blake3 import blake3  # noqa: PLC0415  as digests do

    protocol, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    place = f"{protocol}{separator}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")
    return f"copies-{blake3(place.encode()).hexdigest()[:16]}"
