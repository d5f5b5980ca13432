"""Files in a folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Unpack, get_args

from provenance._util.access import Access, Shared, access_for, is_open_to, is_own, make_folders, open_to
from provenance._util.atomic import discard, publish, sweep, sync_folder
from provenance._util.deferred import Deferred
from provenance._util.payload import Buffers, Staged
from provenance.blobstores.base import StoreBase, StoreOptions
from provenance.blobstores.choices import Verify
from provenance.blobstores.digests import hash_bytes, hash_file
from provenance.blobstores.keys import digest_of, is_key
from provenance.blobstores.storage_errors import storage_failure
from provenance.blobstores.verified import VerifiedFiles
from provenance.errors import ConfigError, StorageError
from provenance.types import BlobKey, BlobRef, Payload

if TYPE_CHECKING:
    from provenance.blobstores import duplicates, writer
    from provenance.blobstores.writer import Spooled
else:
    # What only storing needs.
    duplicates = Deferred("provenance.blobstores.duplicates")
    writer = Deferred("provenance.blobstores.writer")

_SHARD = 2
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_SMALL_BYTES = 1 << 20
_ONE_DAY = 24 * 3600.0


class DiskStore(StoreBase):
    """Keep bytes as files under a folder, by the first digits of their digests: ``ab/cdef...``.

    Threads and processes of one or several hosts can share the folder. A file appears complete or not at all, is
    read-only, and is never written again. Damaged files are moved to ``damaged/`` in the folder.

    Parameters
    ----------
    cachedir : path
        The folder, or a link to it; it is created, for its owner only, when the store may be written.
    shared : "group", optional
        Whether the folder's group may read and write it too: folders are made with setgid and mode 2770 and files
        with 0440, whatever the umask. A folder that is made has the group of the folder it is in; an existing one of
        one's own is opened to its group, with the blobs in it.
    durable : bool
        Whether bytes survive a power failure once `put` returns (``fsync``), which takes some milliseconds.
    verify : {"once", "always", "never"}
        Whether bytes are verified each time they are read, or once by each process as long as the file's times do
        not change, or not at all.
    **options
        See `StoreBase`.

    Raises
    ------
    ConfigError
        An option has a value it cannot have.
    StorageError
        The folder cannot be created.
    """

    def __init__(
        self,
        cachedir: str | os.PathLike[str],
        *,
        name: str | None = None,
        shared: Shared | None = None,
        durable: bool = False,
        verify: Verify = "once",
        **options: Unpack[StoreOptions],
    ) -> None:
        folder = Path(cachedir).expanduser().absolute()
        super().__init__(str(folder) if name is None else name, **options)
        if verify not in get_args(Verify):
            choices = ", ".join(repr(choice) for choice in get_args(Verify))
            msg = f"verify of blobstore {self._name!r} must be one of {choices}, got {verify!r}"
            raise ConfigError(msg)
        self.cachedir = folder
        self._root = f"{folder}{os.sep}"
        self.temporary = folder / "tmp"
        self._damaged = folder / "damaged"
        self._access = access_for(shared, f"blobstore {self._name!r}")
        self._durable = durable
        self._verify: Verify = verify
        self._verified = VerifiedFiles()
        if self._permissions.write:
            self._open()

    def _open(self) -> None:
        try:
            make_folders(self.cachedir, self._access)
            if not self._access.is_private and not is_open_to(self.cachedir, self._access) and is_own(self.cachedir):
                self._open_to_group(self._access)
        except OSError as exc:
            raise self._failure(exc, "create its folder") from exc
        sweep(self.temporary, _ONE_DAY)

    def _open_to_group(self, access: Access) -> None:
        """Let the group use what was made for the owner alone; the folder comes last, so that this is done once."""
        group = os.stat(self.cachedir).st_gid
        folders = {self.temporary, self._damaged}
        for key in self._ids():
            path = self.path_of(key)
            open_to(path, access.published, group)
            folders.add(path.parent)
        for folder in (*folders, self.cachedir):
            open_to(folder, access.folder, group)

    def path_of(self, key: BlobKey) -> Path:
        """Where the file of `key` is, or would be."""
        return Path(self._file(key))

    def _file(self, key: BlobKey) -> str:
        return f"{self._root}{key[:_SHARD]}{os.sep}{key[_SHARD:]}"

    # ---- reading

    def _has(self, key: BlobKey) -> bool:
        try:
            return S_ISREG(os.stat(self._file(key)).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as exc:  # it may well be there
            raise self._failure(exc, f"look for {key}") from exc

    def _get(self, key: BlobKey) -> bytes:
        descriptor = self._opened(key)
        try:
            stat = os.fstat(descriptor)
            data = _read(descriptor, stat.st_size)
            if not self._trusts(key, stat):
                self._judge(key, stat, hash_bytes(data))
        except OSError as exc:
            raise self._failure(exc, f"read {key}") from exc
        finally:
            os.close(descriptor)
        return data

    def _local_path(self, key: BlobKey) -> Path:
        file = self._file(key)
        with contextlib.suppress(OSError):
            if self._trusts(key, os.stat(file)):
                return Path(file)
        descriptor = self._opened(key)
        try:
            stat = os.fstat(descriptor)
            self._judge(key, stat, hash_file(descriptor))
        except OSError as exc:
            raise self._failure(exc, f"read {key}") from exc
        finally:
            os.close(descriptor)
        return Path(file)

    def _opened(self, key: BlobKey) -> int:
        try:
            return os.open(self._file(key), _READ)
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(key) from None
        except OSError as exc:
            raise self._failure(exc, f"read {key}") from exc

    def _trusts(self, key: BlobKey, stat: os.stat_result) -> bool:
        return self._verify == "never" or (self._verify == "once" and self._verified.knows(key, stat))

    def _judge(self, key: BlobKey, stat: os.stat_result, digest: str) -> None:
        if digest == digest_of(key):
            self._verified.remember(key, stat)
            return
        self._verified.forget(key)
        place = self._file(key)
        if self._permissions.write or self._permissions.delete:
            place = f"{place}, moved to {self._set_aside(key, stat)}"
        raise self._corrupt(key, place)

    def _set_aside(self, key: BlobKey, stat: os.stat_result) -> Path:
        """Move a damaged file away, so that its key is missing; unless another caller has replaced it meanwhile."""
        path = self._file(key)
        target = self._damaged / f"{key}-{os.urandom(4).hex()}"
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), stat):
                make_folders(self._damaged, self._access)
                os.rename(path, target)
        return target

    # ---- writing

    def stage(self, payload: Buffers) -> Staged | None:
        """Write bytes to a temporary file that `put` then gives its name.

        Raises
        ------
        StorageError
            The storage is full or cannot be written.
        """
        if not self._permissions.write:
            return None
        written = self._spooled(payload)
        return Staged(written.path, written.digest, written.length, payload)

    def _put(self, payload: Payload, extension: str) -> BlobRef:
        if isinstance(payload, Staged):
            if os.path.dirname(payload.path) == str(self.temporary) and os.path.lexists(payload.path):
                return self.adopt(writer.Spooled(payload.path, payload.digest, payload.length), extension)
            payload = payload.source
        if isinstance(payload, Buffers) and payload.size < _SMALL_BYTES:
            data = payload.to_bytes()
            key = BlobKey(hash_bytes(data) + extension)
            if self._on_duplicate_key == "skip" and self._holds(key, len(data)):
                return BlobRef(key, len(data))
            payload = Buffers((data,))
        return self.adopt(self._spooled(payload), extension)

    def _spooled(self, payload: Payload) -> Spooled:
        failed = partial(self._failure, doing="write")
        return writer.spool(payload, self.temporary, failed, durable=self._durable, access=self._access)

    def adopt(self, written: Spooled, extension: str) -> BlobRef:
        """Take over a file that was spooled into `temporary`; its temporary name is gone afterwards."""
        key = BlobKey(written.digest + extension)
        try:
            self._publish(written, key)
            self._sync_folders(key)
            with contextlib.suppress(FileNotFoundError):  # another process has deleted it since
                self._verified.remember(key, os.stat(self._file(key)))
        except OSError as exc:
            raise self._failure(exc, f"store {key}") from exc
        finally:
            discard(written.path)
        return BlobRef(key, written.length)

    def _publish(self, written: Spooled, key: BlobKey) -> None:
        target = self._file(key)
        if self._on_duplicate_key == "overwrite":
            self._replace(written.path, target)
        elif not publish(written.path, target, self._access):
            self._meet_existing(written, key, target)

    def _meet_existing(self, written: Spooled, key: BlobKey, target: str) -> None:
        if self._on_duplicate_key == "raise":
            raise duplicates.refuse_duplicate(key, self._name)
        if self._on_duplicate_key == "check_collision":
            if not _same_content(written.path, target):
                raise duplicates.refuse_collision(key, self._name)
        elif not self._holds(key, written.length):
            if os.path.lexists(target):  # else another process has deleted it just now
                self._report(key, f"{target}, replaced by sound bytes")
            self._replace(written.path, target)

    def _replace(self, temporary: str, target: str) -> None:
        make_folders(os.path.dirname(target), self._access)
        os.replace(temporary, target)

    def _holds(self, key: BlobKey, length: int) -> bool:
        """Whether the file of `key` is there with sound bytes; it is settled then."""
        try:
            descriptor = os.open(self._file(key), _READ)
        except OSError:
            return False  # it is written, which tells what is wrong if something is
        try:
            stat = os.fstat(descriptor)
            if stat.st_size != length:
                return False
            if not self._trusts(key, stat):
                if hash_file(descriptor) != digest_of(key):
                    return False
                self._verified.remember(key, stat)
        except OSError:
            return False  # as above
        finally:
            os.close(descriptor)
        self._sync_folders(key)
        return True

    def _sync_folders(self, key: BlobKey) -> None:
        if self._durable:
            sync_folder(os.path.dirname(self._file(key)))
            sync_folder(self._root)

    # ---- the rest

    def _delete(self, key: BlobKey) -> None:
        self._verified.forget(key)
        try:
            discard(self._file(key))
        except OSError as exc:
            raise self._failure(exc, f"delete {key}") from exc

    def _ids(self) -> Iterator[BlobKey]:
        for shard in _names(self.cachedir):
            if len(shard) == _SHARD:
                for rest in _names(self.cachedir / shard):
                    if is_key(shard + rest):
                        yield BlobKey(shard + rest)

    def _failure(self, cause: OSError, doing: str) -> StorageError:
        return storage_failure(self._name, self.cachedir, doing, cause)


def _same_content(one: str, other: str) -> bool:
    with open(one, "rb") as a, open(other, "rb") as b:
        while True:
            block = a.read(_SMALL_BYTES)
            if block != b.read(_SMALL_BYTES):
                return False
            if not block:
                return True


def _read(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    if len(data) == size:
        return data
    pieces = [data]  # one call reads no more than 2 GiB
    while pieces[-1]:
        pieces.append(os.read(descriptor, size))
    return b"".join(pieces)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
