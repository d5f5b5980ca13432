"""Bytes at any URL that fsspec knows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Unpack

from provenance._util.atomic import discard
from provenance._util.payload import Buffers
from provenance.blobstores.base import StoreBase, StoreOptions
from provenance.blobstores.digests import hash_bytes
from provenance.blobstores.duplicates import refuse_collision, refuse_duplicate
from provenance.blobstores.keys import digest_of, is_key
from provenance.blobstores.local_cache import DEFAULT_CACHE_BYTES, LocalCache, most_bytes
from provenance.blobstores.remote import Remote, TakenError, check_url, connect
from provenance.blobstores.storage_errors import is_full, storage_failure
from provenance.blobstores.writer import Spooled, spool, spooled_file
from provenance.errors import BlobCorruptError, ProvenanceError, StorageError
from provenance.types import BlobKey, BlobRef, Payload

_SHARD = 2
_IN_MEMORY_BYTES = 64 << 20


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
        super().__init__(url if name is None else name, **options)
        check_url(url, self._name)
        self.url = url
        self._storage_options = dict(storage_options or {})
        self._always_check_remote = always_check_remote
        self._cache: LocalCache | None = None
        if cachedir is not None:
            most = most_bytes(cache_bytes, self._name)
            self._cache = LocalCache(cachedir, url, self._name, most_bytes=most, cleanup=cleanup_cachedir)
        self._remote: tuple[int, Remote] | None = None

    def _here(self) -> Remote:
        """The filesystem, for this process: a connection of the parent's is of no use in a forked one."""
        known, process = self._remote, os.getpid()
        if known is not None and known[0] == process:
            return known[1]
        remote = connect(self.url, self._storage_options)
        self._remote = (process, remote)
        return remote

    @contextlib.contextmanager
    def _reaching(self, doing: str) -> Iterator[Remote]:
        try:
            yield self._here()
        except (ProvenanceError, FileNotFoundError, TakenError):
            raise
        except Exception as exc:  # each filesystem raises what its own client library raises
            raise storage_failure(self._name, self.url, doing, exc) from exc

    # ---- reading

    def _has(self, key: BlobKey) -> bool:
        is_near = self._cache is not None and key in self._cache and not self._always_check_remote
        return is_near or self._size_of(key) is not None

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
            try:
                with self._reaching(f"read {key}") as remote:
                    data = remote.read(_path(key))
            except FileNotFoundError:
                raise self._missing(key) from None
            if hash_bytes(data) == digest_of(key):
                return data
        raise self._damaged(key)

    def _damaged(self, key: BlobKey) -> BlobCorruptError:
        place = f"{self.url}, {_path(key)}"
        if self._permissions.write or self._permissions.delete:
            with contextlib.suppress(FileNotFoundError), self._reaching(f"move {key} away") as remote:
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
            file = str(cache.temporary / f"{os.getpid()}-{os.urandom(8).hex()}")
            try:
                with self._reaching(f"read {key}") as remote:
                    remote.fetch(_path(key), file)
                fetched = spooled_file(file)
                if fetched.digest == digest_of(key):
                    cache.adopt(fetched, key[64:])
                    return
            except FileNotFoundError:
                raise self._missing(key) from None
            except StorageError as exc:
                if not is_full(exc.__cause__):
                    raise
                cache.rest(exc)
                return
            finally:
                discard(file)
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
        replace = self._may_replace(ref, source)
        if replace is None:
            return
        try:
            with self._reaching(f"store {ref.key}") as remote:
                remote.write(source, _path(ref.key), replace=replace)
        except TakenError as exc:  # another writer was first
            if self._on_duplicate_key == "raise":
                raise refuse_duplicate(ref.key, self._name) from exc

    def _may_replace(self, ref: BlobRef, source: bytes | Path) -> bool | None:
        """Whether what is there under this key, if anything is, is replaced; None if there is nothing to do."""
        size = self._size_of(ref.key)
        if size is None:
            return False
        if self._on_duplicate_key == "overwrite":
            return True
        if self._on_duplicate_key == "raise":
            raise refuse_duplicate(ref.key, self._name)
        if self._on_duplicate_key == "check_collision":
            with self._reaching(f"compare {ref.key}") as remote:
                if remote.read(_path(ref.key)) != (source if isinstance(source, bytes) else source.read_bytes()):
                    raise refuse_collision(ref.key, self._name)
            return None
        if size == ref.size:
            return None
        self._report(ref.key, f"{self.url}, {_path(ref.key)}, replaced by sound bytes")
        return True

    # ---- the rest

    def _delete(self, key: BlobKey) -> None:
        if self._cache is not None:
            self._cache.delete(key)
        with self._reaching(f"delete {key}") as remote:
            remote.remove(_path(key))

    def _ids(self) -> Iterator[BlobKey]:
        with self._reaching("list its keys") as remote:
            names = remote.names()
        for name in names:
            shard, _, rest = name.partition("/")
            if len(shard) == _SHARD and is_key(shard + rest):
                yield BlobKey(shard + rest)


def _path(key: BlobKey) -> str:
    return f"{key[:_SHARD]}/{key[_SHARD:]}"
