"""The folder of a journal: entries that appear complete or not at all, for any number of processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from provenance._util.access import make_folders
from provenance._util.atomic import discard, publish, sweep, sync_folder
from provenance._util.deferred import Deferred
from provenance._util.log import Log
from provenance._util.payload import Streamed
from provenance.errors import StorageError
from provenance.repos.forking import reset_at_fork

if TYPE_CHECKING:
    from provenance.blobstores import writer
    from provenance.hashing import files
    from provenance.repos.journal import entries
    from provenance.types import Draft
else:
    # Most journals are empty.
    writer = Deferred("provenance.blobstores.writer")
    files = Deferred("provenance.hashing.files")
    entries = Deferred("provenance.repos.journal.entries")

logger = Log("provenance.repos")

_ENDING = ".entry"
_TEMPORARY_SECONDS = 24 * 3600.0


class JournalFolder:
    """Drafts in files, the oldest first by name.

    Parameters
    ----------
    folder : Path
        Where they lie; made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries = folder / "entries"
        self._temporary = folder / "tmp"
        self._damaged = folder / "damaged"
        self.reset_after_fork()
        reset_at_fork(self)

    def reset_after_fork(self) -> None:
        """Leave the parent's lock alone; the one on the file is not inherited."""
        self._lock = threading.Lock()

    def add(self, draft: Draft) -> Path:
        """Keep a draft; when this returns it survives a power failure.

        Raises
        ------
        StorageError
            The folder cannot be written, or the draft's bytes cannot be read.
        """
        content = Streamed(lambda file: entries.write_entry(draft, file))
        spooled = writer.spool(content, self._temporary, self._failed, durable=True)
        path = self._entries / f"{time.time_ns():020}-{spooled.digest}{_ENDING}"
        try:
            publish(spooled.path, path)
            sync_folder(self._entries)
            sync_folder(self.folder)
        except OSError as exc:
            raise self._failed(exc) from exc
        finally:
            discard(spooled.path)
        return path

    def _failed(self, cause: OSError) -> StorageError:
        return StorageError(
            f"the journal {self.folder} cannot be written: {type(cause).__name__}: {cause}; "
            "give this process the right and the room to write there, or configure another place with journal"
        )

    def paths(self) -> list[Path]:
        """The entries, the oldest first."""
        try:
            names = os.listdir(self._entries)
        except OSError:
            return []
        return [self._entries / name for name in sorted(names) if name.endswith(_ENDING)]

    def read(self, path: Path) -> Draft | None:
        """The draft in an entry; None if it is gone, written by a later version, or damaged and now set aside."""
        try:
            if files.hash_file(path) != path.name.removesuffix(_ENDING)[-64:]:
                self.set_aside(path, "its bytes no longer have the digest in its name")
                return None
            return entries.read_entry(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as exc:
            self.set_aside(path, f"it cannot be read: {type(exc).__name__}: {exc}")
            return None

    def remove(self, path: Path) -> None:
        """Remove an entry whose row is committed; another process may have been quicker."""
        discard(path)

    def set_aside(self, path: Path, why: str) -> None:
        """Move an entry that nothing can be done with out of the way, and say so in the log."""
        target = self._damaged / path.name
        try:
            make_folders(self._damaged)
            os.replace(path, target)
        except OSError as exc:
            logger.warning("entry %s of a journal is of no use, but cannot be moved away: %s; %s", path, why, exc)
        else:
            logger.warning("an entry of a journal was moved to %s: %s", target, why)

    def was_set_aside(self, path: Path) -> bool:
        """Whether an entry was moved out of the way."""
        return (self._damaged / path.name).exists()

    @contextmanager
    def replaying(self) -> Iterator[bool]:
        """Keep other threads and processes from replaying too; tells whether nobody else does.

        Two that do it at once would only do the same work twice.
        """
        if not self._lock.acquire(blocking=False):
            yield False
            return
        try:
            with _locked(self.folder / "lock") as is_free:
                if is_free:
                    sweep(self._temporary, _TEMPORARY_SECONDS)
                yield is_free
        finally:
            self._lock.release()


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold a lock that ends with the process, where the system has such locks."""
    try:
        import fcntl  # noqa: PLC0415  not on Windows
    except ImportError:
        yield True
        return
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        yield True  # it cannot be written, so nobody could remove entries either
        return
    try:
        is_free = False
        with suppress(OSError):
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        yield is_free
    finally:
        os.close(descriptor)
