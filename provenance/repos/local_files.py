"""Local files for values that are files, where the blobstore keeps none."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from provenance._util.atomic import create_temporary, discard, publish
from provenance.types import BlobKey

_folder: Path | None = None


def local_file(source: bytes | Path, key: BlobKey) -> Path:
    """A read-only local file with these verified bytes.

    Bytes from a store without local files are written to a temporary folder of this process, which is removed when
    the process ends.
    """
    if isinstance(source, Path):
        return source
    path = _temporary_folder() / key[:64] / f"file{key[64:]}"
    if not path.exists():
        descriptor, temporary = create_temporary(_temporary_folder())
        try:
            with open(descriptor, "wb") as file:
                file.write(source)
            publish(temporary, path)
        finally:
            discard(temporary)
    return path


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
