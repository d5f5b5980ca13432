"""The configuration of a process that loaded none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from provenance import state
from provenance._util.log import Log
from provenance.config.files import has_table, read_file
from provenance.config.load import settings_of
from provenance.config.places import working_directory
from provenance.config.problems import problem

_log = Log("provenance")
_EMBEDDED = "embedded"


def default_settings() -> state.Settings:
    """The settings to use when a repo is needed and no configuration was loaded.

    They come from the file that the environment variable ``PROVENANCE_CONFIG`` names, else from the nearest
    ``provenance.yaml``, or ``pyproject.toml`` with a table ``[tool.provenance]``, in the working directory or above.
    Where that says nothing about repos, they are an SQLite database and a folder of values in ``PROVENANCE_HOME``, or
    in ``.provenance/`` of the working directory.
    """
    file = find_file()
    config = {} if file is None else read_file(file)
    if file is not None:
        _log.info("using the configuration in %s", file)
    if not config.get("artifact_repos"):
        config = _with_embedded_repo(config)
    return settings_of(config, working_directory() if file is None else file.absolute().parent)


def find_file() -> Path | None:
    """The configuration file that holds here, if there is one."""
    named = os.environ.get("PROVENANCE_CONFIG")
    if named:
        return Path(named).expanduser()
    return next(_files_upwards(), None)


def _files_upwards() -> Iterator[Path]:
    here = working_directory()
    for folder in (here, *here.parents):
        yaml_file, toml_file = folder / "provenance.yaml", folder / "pyproject.toml"
        if yaml_file.is_file():
            yield yaml_file
        if toml_file.is_file() and has_table(toml_file):
            yield toml_file


def _with_embedded_repo(config: dict[str, Any]) -> dict[str, Any]:
    home = working_directory() / Path(os.environ.get("PROVENANCE_HOME") or ".provenance").expanduser()
    stores = config.get("blobstores", {})
    if not isinstance(stores, dict):
        return config  # which is refused
    if _EMBEDDED in stores:
        raise problem(
            f"blobstores.{_EMBEDDED}", "the name is taken by the embedded repo; rename it, or configure a repo"
        )
    _log.info("no repo is configured: results are kept in %s", home)
    return {
        **config,
        "blobstores": {**stores, _EMBEDDED: {"type": "disk", "cachedir": str(home / "blobs")}},
        "artifact_repos": {
            _EMBEDDED: {"type": "sqlite", "db": str(home / "provenance.db"), "store": _EMBEDDED},
        },
    }
