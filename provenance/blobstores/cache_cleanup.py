"""Remove what a cache made when the process that made it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provenance._util.atomic import discard
from provenance.blobstores.cache_folder import CacheFolder
from provenance.blobstores.keys import is_key
from provenance.errors import ProvenanceError
from provenance.types import BlobKey


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What a process has added to a cache, and the folders it has made for it, innermost first."""

    files: CacheFolder
    folder: Path
    made: Sequence[str]
    process: int
    added: set[BlobKey] = field(default_factory=set)

    @staticmethod
    def at_exit(files: CacheFolder, folder: Path, made: Sequence[str]) -> Cleanup:
        """Clean up when this process ends; a process that is forked from it leaves everything."""
        import atexit  # noqa: PLC0415  only where it is asked for

        cleanup = Cleanup(files, folder, made, os.getpid())
        atexit.register(cleanup)
        return cleanup

    def __call__(self) -> None:
        """Remove the blobs that are this process's, and then every folder of the cache's that is empty."""
        if os.getpid() != self.process:
            return
        made_it = str(self.folder) in self.made
        for key in [file.key for file in self.files.files()] if made_it else self.added:
            with contextlib.suppress(ProvenanceError, OSError):
                self.files.remove(key)
        self._remove_temporaries(made_it=made_it)
        with contextlib.suppress(OSError):
            shards = {file.name for file in os.scandir(self.folder) if len(file.name) == 2}  # noqa: PLR2004
            for name in (*shards, "used", "tmp", "damaged"):
                with contextlib.suppress(OSError):
                    os.rmdir(self.folder / name)
            if set(os.listdir(self.folder)) == {"size"}:
                discard(self.folder / "size")
        for path in self.made:
            with contextlib.suppress(OSError):
                os.rmdir(path)

    def _remove_temporaries(self, *, made_it: bool) -> None:
        folder = self.folder / "tmp"
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if name.startswith(f"{self.process}-") or (made_it and is_key(name.removesuffix(".part"))):
                    discard(folder / name)
