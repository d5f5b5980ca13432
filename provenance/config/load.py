"""Load a configuration from a dict or a file, as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from provenance import state
from provenance.config.blueprint import Blueprint, draw
from provenance.config.build import Built, build
from provenance.config.environment import expand
from provenance.config.files import read_file
from provenance.config.places import anchor, working_directory
from provenance.config.problems import problem, unexpected


def from_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Build what a configuration describes, without using it for anything yet.

    Parameters
    ----------
    config : dict
        The configuration; see `load_config`.

    Returns
    -------
    dict
        ``blobstores`` and ``repos`` (also as ``artifact_repos``), dicts by name, and ``default_repo``, a repo, or
        None if the configuration has none.

    Raises
    ------
    ConfigError
        As `load_config` does.
    """
    built = build(_read(config, working_directory())[1])
    repos = dict(built.repos)
    return {
        "blobstores": dict(built.blobstores),
        "artifact_repos": repos,
        "repos": repos,
        "default_repo": built.default_repo,
    }


def load_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Configure the process, all threads included.

    The stores and repos of an earlier configuration are replaced. What was set by ``set_use_cache`` and its like
    stays until a configuration says otherwise. If anything is wrong, all stays as it was.

    Parameters
    ----------
    config : dict
        The keys ``blobstores`` and ``artifact_repos`` (mappings of names to options), ``default_repo``,
        ``use_cache``, ``read_only``, ``check_mutations``, ``single_flight``, ``lease_seconds`` and ``run_info_fn``,
        each of which may be left out.
        ``${NAME}`` in a text stands for an environment variable. Relative paths are below the working directory.

    Returns
    -------
    dict
        What `current_config` returns from now on.

    Raises
    ------
    ConfigError
        A key is unknown, missing or of the wrong type, names something that is not there, an environment variable
        is not set, or a store cannot be made. The message names the key, as in ``artifact_repos.main.store``.
    RepoUnavailableError, SchemaVersionError
        The database of a repo cannot be opened, or this library cannot follow it; the message names the key too.
    """
    state.install(settings_of(config, working_directory()))
    return current_config()


def load_yaml_config(filename: str | os.PathLike[str]) -> dict[str, Any]:
    """Configure the process from a YAML file; see `load_config`.

    Parameters
    ----------
    filename : path
        The file. Relative paths in it are below its folder.

    Returns
    -------
    dict
        What `current_config` returns from now on.

    Raises
    ------
    ConfigError
        The file cannot be read or is not valid YAML (the message names line and column); or as `load_config` does.
    """
    state.install(settings_of_file(Path(filename)))
    return current_config()


def current_config() -> dict[str, Any]:
    """Return a copy of the configuration in force: as it was given, but with absolute paths.

    Environment variables are not filled in, so that no secrets show. It is empty as long as none was loaded.
    """
    return _copied(state.settings().config)


def settings_of(config: object, base: Path) -> state.Settings:
    """The settings that a configuration describes, whose relative paths are below `base`."""
    given, blueprint = _read(config, base)
    return _settings(given, blueprint, build(blueprint))


def settings_of_file(path: Path) -> state.Settings:
    """The settings that a file describes."""
    return settings_of(read_file(path), path.absolute().parent)


def _read(config: object, base: Path) -> tuple[dict[str, Any], Blueprint]:
    """The configuration as given, with absolute paths, and what it describes."""
    if not isinstance(config, Mapping):
        raise unexpected("", "a mapping with keys such as blobstores and artifact_repos", config)
    given = _copied(config)
    expanded = cast("dict[str, Any]", expand(given, os.environ))
    anchor(given, expanded, base)
    return given, draw(expanded)


def _settings(given: dict[str, Any], blueprint: Blueprint, built: Built) -> state.Settings:
    before = state.settings()

    def setting(name: str) -> Any:
        """What the configuration says, else what was set by hand, else the default."""
        if name in blueprint.settings or name in before.config:
            return blueprint.settings.get(name, getattr(_DEFAULTS, name))
        return getattr(before, name)

    return state.Settings(
        repos=built.repos,
        blobstores=built.blobstores,
        default_repo=built.default_repo,
        use_cache=setting("use_cache"),
        read_only=setting("read_only"),
        check_mutations=setting("check_mutations"),
        single_flight=setting("single_flight"),
        lease_seconds=setting("lease_seconds"),
        run_info_fn=built.run_info_fn or (None if "run_info_fn" in before.config else before.run_info_fn),
        config=given,
    )


_DEFAULTS = state.Settings()


def _copied(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested mappings and lists, whose other values are shared."""

    def copied(value: Any, path: str, holders: tuple[int, ...]) -> Any:
        if not isinstance(value, Mapping | list | tuple):
            return value
        if id(value) in holders:
            raise problem(path, "a mapping or list holds itself")
        inside = (*holders, id(value))
        if isinstance(value, Mapping):
            return {key: copied(item, f"{path}.{key}" if path else str(key), inside) for key, item in value.items()}
        items = [copied(item, f"{path}[{i}]", inside) for i, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)

    return cast("dict[str, Any]", copied(config, "", ()))
