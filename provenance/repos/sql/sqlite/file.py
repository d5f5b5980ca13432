"""The file of a SQLite database, its folder, and who may use them."""

from __future__ import annotations

import os
from pathlib import Path

from provenance._util.access import Access, is_open_to, make_folders, open_to
from provenance._util.atomic import create_empty
from provenance.errors import ConfigError, RepoUnavailableError

_BESIDE = ("", "-wal", "-shm")


def make_file(path: Path, access: Access) -> None:
    """Make the file and its folder where they are missing; SQLite gives the files beside it the same mode.

    Raises
    ------
    RepoUnavailableError
        They cannot be made.
    ConfigError
        The file is for a group, and the folder exists and is not.
    """
    try:
        make_folders(path.parent, access)
        if not access.is_private:
            _share(path, access)
        if not path.exists():
            create_empty(path, access)
    except OSError as exc:
        msg = (
            f"the database {path} cannot be made: {exc.strerror}; "
            "choose another path, or give this process the right to write there"
        )
        raise RepoUnavailableError(msg) from exc


def _share(path: Path, access: Access) -> None:
    """Let the group use a file that was made for the owner alone."""
    if not is_open_to(path.parent, access):
        msg = (
            f"the database {path} is to be shared by a group, and its folder is not: SQLite makes files beside it; "
            f"run chmod {access.folder:o} {path.parent}, or give a folder that does not exist yet"
        )
        raise ConfigError(msg)
    group = path.parent.stat().st_gid
    for ending in _BESIDE:
        file = f"{path}{ending}"
        if os.path.exists(file) and os.stat(file).st_mode & access.changed != access.changed:
            open_to(file, access.changed, group)
