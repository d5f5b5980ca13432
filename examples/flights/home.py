"""The example's own folder: its repo, its configuration and the lineage picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

DEFAULT = "flights-provenance"
CONFIG = "provenance.yaml"
PICTURE = "lineage.svg"
_MARK = ".gitignore"
_MARK_TEXT = "# Made by python -m examples.flights, which empties this folder when it runs again.\n*\n"


class ForeignFolderError(Exception):
    """The folder holds something that this example did not put there."""


def prepare(folder: Path, *, keep: bool) -> Path:
    """Make the folder, empty unless what an earlier run left is to be kept; returns its absolute path.

    Raises
    ------
    ForeignFolderError
        The folder has contents and was not made by this example.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not _is_ours(folder):
            msg = f"{folder} was not made by this example; give another folder with --home"
            raise ForeignFolderError(msg)
        if not keep:
            shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).write_text(_MARK_TEXT)
    (folder / CONFIG).write_text(yaml.safe_dump(configuration(folder), sort_keys=False))
    return folder


def configuration(folder: Path) -> dict[str, object]:
    """An SQLite repo with its values in files, all in the folder."""
    return {
        "blobstores": {"files": {"type": "disk", "cachedir": str(folder / "values")}},
        "artifact_repos": {"flights": {"type": "sqlite", "db": str(folder / "artifacts.db"), "store": "files"}},
        "default_repo": "flights",
    }


def _is_ours(folder: Path) -> bool:
    mark = folder / _MARK
    return mark.is_file() and mark.read_text() == _MARK_TEXT
