"""Local files for values that are files, where the blobstore keeps none."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from provenance._util.access import make_folders
from provenance._util.atomic import create_temporary, discard, publish
from provenance._util.payload import Buffers, FileContent
from provenance.types import BlobKey, Payload

_folder: Path | None = None


def local_file(source: bytes | Path, key: BlobKey, *, stays: bool = True) -> Path:
    """A read-only local file with these verified bytes, that stays as long as the process lives.

    Bytes from a store without local files, or with files that make room for others, are kept in a temporary folder
    of this process, which is removed when the process ends. No space is needed for a file of the same file system.
    """
    if isinstance(source, Path) and stays:
        return source
    path = _temporary_folder() / key[:64] / f"file{key[64:]}"
    if not path.exists():
        if isinstance(source, Path):
            _keep(source, path)
        else:
            _write(Buffers((source,)), path)
    return path


def _keep(source: Path, path: Path) -> None:
    make_folders(path.parent)
    try:
        os.link(source, path)
    except FileExistsError:
        pass  # another thread was first
    except OSError:
        _write(FileContent(source), path)


def _write(content: Payload, path: Path) -> None:
    descriptor, temporary = create_temporary(_temporary_folder())
    try:
        with open(descriptor, "wb") as file:
            content.write_to(file)
        publish(temporary, path)
    finally:
        discard(temporary)


def _temporary_folder() -> Path:
    global _folder  # noqa: PLW0603  one folder for the process
    if _folder is None or not _folder.name.endswith(f"-{os.getpid()}"):
        import atexit  # noqa: PLC0415  only where files have to be made
        import tempfile  # noqa: PLC0415

        _folder = Path(tempfile.mkdtemp(prefix="provenance-", suffix=f"-{os.getpid()}"))
        atexit.register(_remove, _folder, os.getpid())
    return _folder


def _remove(folder: Path, pid: int) -> None:
    import shutil  # noqa: PLC0415

    if pid == os.getpid():
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
