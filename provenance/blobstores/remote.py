"""One folder of an fsspec filesystem, and the few things a store does there."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance._util.access import make_folders
from provenance.errors import ConfigError

_APPEAR_AT_ONCE = frozenset({"memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci"})
"""Protocols whose files appear complete or not at all when they are uploaded."""


class TakenError(Exception):
    """A file is there already and is not to be replaced."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder of a filesystem; paths are relative to it.

    Attributes
    ----------
    filesystem : fsspec.AbstractFileSystem
        The filesystem.
    root : str
        The folder in it.
    direct : bool
        Whether a file appears complete or not at all when it is uploaded.
    in_memory : bool
        Whether uploads are best given as bytes.
    """

    filesystem: Any
    root: str
    direct: bool
    in_memory: bool

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, None if there is none."""
        try:
            info = self.filesystem.info(self._at(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return int(info["size"]) if info["type"] == "file" else None

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        data: bytes = self.filesystem.cat_file(self._at(path))
        return data

    def fetch(self, path: str, local: str) -> None:
        """Download a file."""
        make_folders(os.path.dirname(local))
        self.filesystem.get_file(self._at(path), local)

    def write(self, source: bytes | Path, path: str, *, replace: bool) -> None:
        """Upload bytes or a local file so that it appears complete or not at all.

        Raises
        ------
        TakenError
            The file is there already and is not to be replaced.
        """
        if self.direct:
            self._upload_unless_there(source, self._at(path), replace=replace)
            return
        temporary = self._at(f"tmp/{os.getpid()}-{os.urandom(8).hex()}")
        target = self._at(path)
        self.filesystem.makedirs(self._at("tmp"), exist_ok=True)
        self.filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
        try:
            self._upload(source, temporary, "overwrite")
            self._move(temporary, target, replace=replace)
        except BaseException:
            with contextlib.suppress(Exception):  # the first failure is the one to tell
                self.filesystem.rm_file(temporary)
            raise

    def _move(self, temporary: str, target: str, *, replace: bool) -> None:
        if not replace and self.filesystem.exists(target):
            raise TakenError(target)
        self.filesystem.mv(temporary, target)

    def _upload_unless_there(self, source: bytes | Path, target: str, *, replace: bool) -> None:
        try:
            self._upload(source, target, "overwrite" if replace else "create")
        except OSError as exc:
            # some servers' answer to a condition that does not hold arrives as EINVAL
            refused = isinstance(exc, FileExistsError) or exc.errno == errno.EINVAL
            if refused and not replace and self.filesystem.exists(target):
                raise TakenError(target) from exc
            raise

    def _upload(self, source: bytes | Path, target: str, mode: str) -> None:
        if isinstance(source, Path) and self.in_memory:
            source = source.read_bytes()
        options = {"mode": mode} if self.direct else {}
        if isinstance(source, bytes):
            self.filesystem.pipe_file(target, source, **options)
        else:
            self.filesystem.put_file(str(source), target, **options)

    def set_aside(self, path: str) -> str:
        """Move a damaged file to ``damaged/`` and return its new path."""
        target = self._at(f"damaged/{path.replace('/', '')}-{os.urandom(4).hex()}")
        if not self.direct:
            self.filesystem.makedirs(self._at("damaged"), exist_ok=True)
        self.filesystem.mv(self._at(path), target)
        return target

    def remove(self, path: str) -> None:
        """Remove a file that may be gone already."""
        with contextlib.suppress(FileNotFoundError, KeyError):
            self.filesystem.rm_file(self._at(path))

    def names(self) -> list[str]:
        """Paths of all files."""
        with contextlib.suppress(FileNotFoundError):
            found = self.filesystem.find(self.root)
            # what was listed must not answer later questions about files of other writers
            self.filesystem.invalidate_cache()
            return [name[len(self.root) :].lstrip("/") for name in found]
        return []

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"


def check_url(url: str, store: str) -> None:
    """Check that there is a filesystem for the URL, without connecting to it.

    Raises
    ------
    ConfigError
        fsspec does not know the protocol, or the package for it is not installed.
    """
    from fsspec.registry import get_filesystem_class  # noqa: PLC0415  loaded when first used

    first, *others = url.split("::")
    protocols = [part.partition("://")[0] for part in others if "://" in part]
    if "://" in first or others:
        protocols.append(first.partition("://")[0])
    for protocol in protocols:
        try:
            get_filesystem_class(protocol)
        except (ValueError, ImportError) as exc:
            msg = (
                f"blobstore {store!r} cannot use the URL {url!r}: {exc}; "
                "check its protocol, or install the package that provides it"
            )
            raise ConfigError(msg) from exc


def connect(url: str, storage_options: Mapping[str, Any]) -> Remote:
    """Open the folder at `url`; raises what its filesystem raises."""
    from fsspec.core import url_to_fs  # noqa: PLC0415  loaded when first used

    filesystem, root = url_to_fs(url, **storage_options)
    protocols = {filesystem.protocol} if isinstance(filesystem.protocol, str) else set(filesystem.protocol)
    return Remote(filesystem, root.rstrip("/"), bool(protocols & _APPEAR_AT_ONCE), "memory" in protocols)
