"""Bytes at any URL that fsspec knows."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

from provenance._util.atomic import discard
from provenance._util.payload import Buffers
from provenance.blobstores.base import StoreBase, StoreOptions
from provenance.blobstores.choices import DEFAULT_CACHE_BYTES
from provenance.blobstores.digests import hash_bytes
from provenance.blobstores.duplicates import refuse_collision, refuse_duplicate
from provenance.blobstores.keys import check_key, digest_of, is_key
from provenance.blobstores.local_cache import LocalCache, most_bytes
from provenance.blobstores.partial import partial_file
from provenance.blobstores.remotes.base import Remote, TakenError, Upload
from provenance.blobstores.remotes.connecting import check_url, connect
from provenance.blobstores.remotes.explaining import explained
from provenance.blobstores.secrets import Secrets
from provenance.blobstores.storage_errors import is_full, storage_failure
from provenance.blobstores.writer import Spooled, spool, spooled_file
from provenance.errors import BlobCorruptError, ProvenanceError, StorageError
from provenance.types import BlobKey, BlobRef, Payload

_SHARD = 2
_IN_MEMORY_BYTES = 64 << 20
_ASK_FIRST_BYTES = 1 << 20


class FsspecStore(StoreBase):
    """Keep bytes as files or objects under a URL: ``s3://bucket/prefix``, ``sftp://host/folder``, ``memory://x``.

    Bytes are verified whenever they come from there. Where the filesystem can create a file only if it is not there
    yet, that is how they are published; elsewhere a temporary file is moved into place.

    Parameters
    ----------
    url : str
        Where to keep the bytes.
    storage_options : mapping, optional
        Options of the filesystem, such as ``{"endpoint_url": ...}``.
    cachedir : path, optional
        A local folder that keeps a copy of what was read or written, so that it is downloaded once and can be mapped.
        Each store has a folder of its own in it. What lies there is served without asking the remote side.
    cache_bytes : int, str or None
        How many bytes are kept there at most, as in ``"10 GB"``; without limit if None or ``"unlimited"``. What was
        not used for the longest time is removed first.
    always_check_remote : bool
        Whether the remote side is asked each time whether it still has what there is a local copy of.
    cleanup_cachedir : bool
        Whether the process removes its local copies when it ends.
    **options
        See `StoreBase`.

    Raises
    ------
    ConfigError
        fsspec does not know the protocol of the URL, or the package for it is not installed.
    """

    at_once = 8

    def __init__(  # noqa: PLR0913  each is a key of the configuration
        self,
        url: str,
        storage_options: Mapping[str, Any] | None = None,
        cachedir: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        cache_bytes: int | str | None = DEFAULT_CACHE_BYTES,
        always_check_remote: bool = False,
        cleanup_cachedir: bool = False,
        **options: Unpack[StoreOptions],
    ) -> None:
        self._secrets = Secrets.of(url, storage_options or {})
        self.url = self._secrets.hide(url)
        super().__init__(self.url if name is None else name, **options)
        check_url(url, self.url, self._name)
        self._place = url
        self._storage_options = dict(storage_options or {})
        self._always_check_remote = always_check_remote
        self._cache: LocalCache | None = None
        if cachedir is not None:
            most = most_bytes(cache_bytes, self._name)
            self._cache = LocalCache(cachedir, url, self._name, most_bytes=most, cleanup=cleanup_cachedir)
            self.files_stay = most is None
        self._remote: tuple[int, Remote] | None = None
        self._inherited: list[Remote] = []

    def _here(self) -> Remote:
        """The filesystem, for this process: a connection of the parent's is of no use in a forked one."""
        known, process = self._remote, os.getpid()
        if known is not None and known[0] == process:
            return known[1]
        if known is not None:
            self._inherited.append(known[1])  # letting go of it would say farewell on the parent's connection
        remote = connect(self._place, self._storage_options)
        self._remote = (process, remote)
        return remote

    @contextlib.contextmanager
    def _reaching(self, doing: str) -> Iterator[Remote]:
        try:
            yield self._here()
        except (ProvenanceError, TakenError):
            raise
        except Exception as exc:  # noqa: BLE001  each filesystem raises what its own client library raises
            error = explained(self._name, self.url, doing, exc, self._secrets)
            raise error from (None if self._secrets.are_in(exc) else exc)

    # ---- reading

    def _has(self, key: BlobKey) -> bool:
        is_near = self._cache is not None and key in self._cache and not self._always_check_remote
        return is_near or self._size_of(key) is not None

    def batch_stored(self, keys: Iterable[object]) -> set[BlobKey]:
        """Return those of `keys` that the remote side has; see `StoreBase.batch_stored`."""
        if not self._permissions.read:
            return set()
        candidates = list(dict.fromkeys(check_key(key) for key in keys if is_key(key)))
        sizes = self._each(self._size_of, candidates)
        return {key for key, size in zip(candidates, sizes, strict=True) if size is not None}

    def _size_of(self, key: BlobKey) -> int | None:
        with self._reaching(f"look for {key}") as remote:
            return remote.size(_path(key))

    def _get(self, key: BlobKey) -> bytes:
        if self._cache is None:
            return self._download(key)
        self._check_remote(key)
        data = self._cache.get(key)
        if data is None:
            data = self._download(key)
            self._cache.keep(key, data)
        return data

    def _check_remote(self, key: BlobKey) -> None:
        if self._always_check_remote and self._size_of(key) is None:
            raise self._missing(key)

    def _download(self, key: BlobKey) -> bytes:
        """The verified bytes of `key`; what arrives damaged is read a second time before it is called so."""
        for _ in range(2):
            with self._reaching(f"read {key}") as remote:
                try:
                    data = remote.read(_path(key))
                except FileNotFoundError:
                    raise self._missing(key) from None
            if hash_bytes(data) == digest_of(key):
                return data
        raise self._damaged(key)

    def _damaged(self, key: BlobKey) -> BlobCorruptError:
        place = f"{self.url}, {_path(key)}"
        if self._permissions.write or self._permissions.delete:
            # that it stays, or is gone, does not make it less damaged
            with contextlib.suppress(StorageError), self._reaching(f"move {key} away") as remote:
                place = f"{place}, moved to {remote.set_aside(_path(key))}"
        return self._corrupt(key, place)

    def _local_path(self, key: BlobKey) -> Path | None:
        if self._cache is None:
            return None
        self._check_remote(key)
        path = self._cache.local_path(key)
        if path is not None:
            return path
        size = self._size_of(key)
        if size is None:
            raise self._missing(key)
        if not self._cache.takes(size):
            return None
        if size < _IN_MEMORY_BYTES:
            self._cache.keep(key, self._download(key))
        else:
            self._fetch(key, self._cache)
        return self._cache.local_path(key)

    def _fetch(self, key: BlobKey, cache: LocalCache) -> None:
        """Download a large file into the cache without holding it in memory."""
        for _ in range(2):
            with partial_file(cache.temporary, key) as file:
                try:
                    self._fetch_to(file, key)
                except StorageError as exc:
                    if not is_full(exc.__cause__):
                        raise
                    discard(file)
                    cache.rest(exc)
                    return
                fetched = spooled_file(file)
                if fetched.digest == digest_of(key):
                    cache.adopt(fetched, key[64:])
                    return
                discard(file)
        raise self._damaged(key)

    def _fetch_to(self, file: str, key: BlobKey) -> None:
        with self._reaching(f"read {key}") as remote:
            try:
                remote.fetch(_path(key), file)
            except FileNotFoundError:
                discard(file)
                raise self._missing(key) from None

    def _save_as(self, key: BlobKey, file: Path) -> None:
        path = self._local_path(key)
        if path is not None:
            shutil.copyfile(path, file)
            return
        for _ in range(2):
            file.write_bytes(b"")  # what a file holds is taken for the beginning of the blob
            self._fetch_to(str(file), key)
            if spooled_file(str(file)).digest == digest_of(key):
                return
        raise self._damaged(key)

    # ---- writing

    def _put(self, payload: Payload, extension: str) -> BlobRef:
        if isinstance(payload, Buffers) and payload.size < _IN_MEMORY_BYTES:
            data = payload.to_bytes()
            ref = BlobRef(BlobKey(hash_bytes(data) + extension), len(data))
            self._publish(ref, data)
            if self._cache is not None:
                self._cache.keep(ref.key, data)
            return ref
        spooled = self._spool(payload)
        try:
            ref = BlobRef(BlobKey(spooled.digest + extension), spooled.length)
            self._publish(ref, Path(spooled.path))
            if self._cache is not None:
                self._cache.adopt(spooled, extension)
        finally:
            discard(spooled.path)
        return ref

    def _spool(self, payload: Payload) -> Spooled:
        from tempfile import gettempdir  # noqa: PLC0415  loaded when first used

        spooled = None if self._cache is None else self._cache.spool(payload)
        if spooled is not None:
            return spooled
        folder = gettempdir()
        return spool(payload, folder, lambda exc: storage_failure(self._name, folder, "write a temporary file", exc))

    def _publish(self, ref: BlobRef, source: bytes | Path) -> None:
        upload = Upload(_path(ref.key), source, digest_of(ref.key), ref.size)
        if self._on_duplicate_key == "overwrite":
            self._replace(ref, upload)
            return
        if ref.size >= _ASK_FIRST_BYTES:  # asking is quicker than sending what will not be taken
            size = self._size_of(ref.key)
            if size is not None:
                self._meet_existing(ref, upload, size)
                return
        try:
            with self._reaching(f"store {ref.key}") as remote:
                remote.create(upload)
        except TakenError:
            if not self._is_ours(upload):
                self._meet_existing(ref, upload, self._size_of(ref.key))

    def _is_ours(self, upload: Upload) -> bool:
        """Whether it was this very upload that took the key, with an answer that was lost."""
        if self._on_duplicate_key != "raise":
            return False  # it makes no difference
        with self._reaching(f"look for {upload.digest}") as remote, contextlib.suppress(FileNotFoundError):
            return remote.writer_of(upload.path) == upload.writer
        return False

    def _replace(self, ref: BlobRef, upload: Upload) -> None:
        with self._reaching(f"store {ref.key}") as remote:
            remote.replace(upload)

    def _meet_existing(self, ref: BlobRef, upload: Upload, size: int | None) -> None:
        """Do what `on_duplicate_key` says about bytes of `size` that are there already."""
        if self._on_duplicate_key == "raise":
            raise refuse_duplicate(ref.key, self._name)
        if self._on_duplicate_key == "check_collision":
            with self._reaching(f"compare {ref.key}") as remote:
                if remote.read(upload.path) != upload.read():
                    raise refuse_collision(ref.key, self._name)
        elif size != ref.size:
            if size is not None:  # else another process has deleted it just now
                self._report(ref.key, f"{self.url}, {upload.path}, replaced by sound bytes")
            self._replace(ref, upload)

    # ---- the rest

    def _delete(self, key: BlobKey) -> None:
        with self._reaching(f"delete {key}") as remote:
            remote.remove(_path(key))
        if self._cache is not None:  # now: before, another process might fetch it once more
            self._cache.delete(key)

    def _ids(self) -> Iterator[BlobKey]:
        with self._reaching("list its keys") as remote:
            for name in remote.names():
                shard, _, rest = name.partition("/")
                if len(shard) == _SHARD and is_key(shard + rest):
                    yield BlobKey(shard + rest)


def _path(key: BlobKey) -> str:
    return f"{key[:_SHARD]}/{key[_SHARD:]}"
