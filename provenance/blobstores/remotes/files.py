"""A folder of any fsspec filesystem."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.blobstores.remotes.base import TakenError, Upload
from provenance.blobstores.remotes.retries import retried

APPEAR_AT_ONCE = frozenset({"memory", "adl", "oss", "oci"})
"""Protocols whose files appear complete or not at all when they are uploaded."""


@dataclass(frozen=True, slots=True)
class FileRemote:
    """A folder of a filesystem.

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
            info = retried(lambda: self.filesystem.info(self._at(path)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return int(info["size"]) if info["type"] == "file" else None

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        data: bytes = retried(lambda: self.filesystem.cat_file(self._at(path)))
        return data

    def fetch(self, path: str, local: str) -> None:
        """Download a file, from its start."""
        os.makedirs(os.path.dirname(local), mode=0o700, exist_ok=True)
        retried(lambda: self.filesystem.get_file(self._at(path), local))

    def create(self, upload: Upload) -> None:
        """Upload a file if there is none."""
        if self.direct:
            retried(lambda: self._upload_unless_there(upload.source, self._at(upload.path)))
        else:
            retried(lambda: self._move_into_place(upload, replace=False))

    def replace(self, upload: Upload) -> None:
        """Upload a file, whether there is one or not."""
        if self.direct:
            retried(lambda: self._upload(upload.source, self._at(upload.path), "overwrite"))
        else:
            retried(lambda: self._move_into_place(upload, replace=True))

    def _move_into_place(self, upload: Upload, *, replace: bool) -> None:
        temporary = self._at(f"tmp/{os.getpid()}-{os.urandom(8).hex()}")
        target = self._at(upload.path)
        self._check_free(target, replace=replace)
        self.filesystem.makedirs(self._at("tmp"), exist_ok=True)
        self.filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
        try:
            self._upload(upload.source, temporary, "overwrite")
            self._check_free(target, replace=replace)
            self.filesystem.mv(temporary, target)
        except BaseException:
            with contextlib.suppress(Exception):  # the first failure is the one to tell
                self.filesystem.rm_file(temporary)
            raise

    def _check_free(self, target: str, *, replace: bool) -> None:
        if not replace and self.filesystem.exists(target):
            raise TakenError(target)

    def _upload_unless_there(self, source: bytes | Path, target: str) -> None:
        for attempts_left in (2, 1, 0):
            try:
                self._upload(source, target, "create")
            except OSError as exc:
                # some filesystems' answer to a condition that does not hold is EINVAL
                refused = isinstance(exc, FileExistsError) or exc.errno == errno.EINVAL
                if refused and self.filesystem.exists(target):
                    raise TakenError(target) from exc
                if not refused or not attempts_left:  # else it has been deleted just now
                    raise
            else:
                return

    def _upload(self, source: bytes | Path, target: str, mode: str) -> None:
        if isinstance(source, Path) and self.in_memory:
            source = source.read_bytes()
        options = {"mode": mode} if self.direct else {}
        if isinstance(source, bytes):
            self.filesystem.pipe_file(target, source, **options)
        else:
            self.filesystem.put_file(str(source), target, **options)

    def writer_of(self, path: str) -> str | None:
        """None: files have no notes."""

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
            retried(lambda: self.filesystem.rm_file(self._at(path)))

    def names(self) -> Iterator[str]:
        """Paths of all files."""
        with contextlib.suppress(FileNotFoundError):
            found = retried(lambda: self.filesystem.find(self.root))
            # what was listed must not answer later questions about files of other writers
            self.filesystem.invalidate_cache()
            yield from (name[len(self.root) :].lstrip("/") for name in found)

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"
