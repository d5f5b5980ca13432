"""From a blueprint to stores and repos; only what it asks for is imported."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from provenance.config.blueprint import Blueprint, Entry
from provenance.config.problems import problem
from provenance.errors import ConfigError, RepoUnavailableError, SchemaVersionError, StorageError
from provenance.state import RunInfoFn
from provenance.types import BlobStore, Repo

_REMOTE = "blobstores.fsspec_:FsspecStore"
_DATABASE = "repos.sql.repo:SqlRepo"
_CLASSES = {
    "blobstores": {
        "memory": "blobstores.memory:MemoryStore",
        "disk": "blobstores.disk:DiskStore",
        "fsspec": _REMOTE,
        "s3": _REMOTE,
        "gs": _REMOTE,
        "az": _REMOTE,
        "sftp": _REMOTE,
        "chained": "blobstores.chained:ChainedStore",
    },
    "artifact_repos": {
        "memory": "repos.memory:MemoryRepo",
        "sqlite": _DATABASE,
        "postgres": _DATABASE,
        "chained": "repos.chained:ChainedRepo",
    },
}


class Built(NamedTuple):
    """What a blueprint describes, ready for use."""

    blobstores: Mapping[str, BlobStore]
    repos: Mapping[str, Repo]
    default_repo: Repo | None
    run_info_fn: RunInfoFn | None


def build(blueprint: Blueprint) -> Built:
    """Make the stores and the repos on them, and find the function that adds facts about the process.

    Raises
    ------
    ConfigError
        A folder cannot be created, a package is missing, or the function is not found.
    RepoUnavailableError, SchemaVersionError
        A database cannot be opened, or this library cannot follow it.
    """
    run_info_fn = _find_function("run_info_fn", blueprint.settings.get("run_info_fn"))
    stores: dict[str, BlobStore] = {}
    for entry in blueprint.blobstores.values():
        stores[entry.name] = _make("blobstores", entry, _store_arguments(entry, stores))
    repos: dict[str, Repo] = {}
    spared = _may_be_unreachable(blueprint)
    for entry in blueprint.artifact_repos.values():
        arguments = _repo_arguments(entry, stores, repos)
        if entry.name in spared:
            arguments["open_later"] = True
        repos[entry.name] = _make("artifact_repos", entry, arguments)
    default = blueprint.settings["default_repo"]
    return Built(stores, repos, None if default is None else repos[str(default)], run_info_fn)


def _may_be_unreachable(blueprint: Blueprint) -> set[str]:
    """The databases whose chains go on without them."""
    entries = blueprint.artifact_repos
    chains = [entry.options for entry in entries.values() if entry.options.get("on_unreachable") == "skip"]
    members = {name for options in chains for name in cast("list[str]", options["repos"])}
    return {name for name in members if _CLASSES["artifact_repos"][entries[name].type.name] == _DATABASE}


def _make(section: str, entry: Entry, arguments: dict[str, object]) -> Any:
    with _blaming(entry.path):
        module, _, name = _CLASSES[section][entry.type.name].partition(":")
        return getattr(importlib.import_module(f"provenance.{module}"), name)(name=entry.name, **arguments)


@contextmanager
def _blaming(path: str) -> Iterator[None]:
    """Tell which entry it was that could not be made."""
    try:
        yield
    except (RepoUnavailableError, SchemaVersionError) as exc:  # the configuration may well be right
        raise type(exc)(f"{path}: {exc}") from exc
    except (ConfigError, StorageError) as exc:
        raise problem(path, str(exc)) from exc


def _store_arguments(entry: Entry, stores: Mapping[str, BlobStore]) -> dict[str, object]:
    options = dict(entry.options)
    if "stores" in options:
        options["stores"] = [stores[name] for name in cast("list[str]", options["stores"])]
    elif _CLASSES["blobstores"][entry.type.name] == _REMOTE:
        options["url"] = _url(entry, options.pop("url", None), options.pop("basepath", None))
        if "s3_config" in options:
            given = cast("dict[str, object]", options.pop("s3_config"))
            options["storage_options"] = {**cast("dict[str, object]", options.get("storage_options") or {}), **given}
    return options


def _url(entry: Entry, url: object, basepath: object) -> str:
    """Where a store of files or objects lies: the folder `basepath` below `url`, or behind the type's protocol."""
    protocol = entry.type.protocol
    if url is None and not (protocol and basepath):
        either = "url or basepath" if protocol else "url"
        raise problem(entry.path, f"{either} is missing; expected where the bytes are kept, as in s3://bucket/prefix")
    start = f"{protocol}:/" if url is None else str(url).rstrip("/")
    if protocol and not start.startswith(f"{protocol}:/"):
        raise problem(f"{entry.path}.url", f"expected a URL that starts with {protocol}://")
    if basepath is None:
        return start
    folder = str(basepath).strip("/")
    if "://" in folder or ".." in folder.split("/"):
        raise problem(f"{entry.path}.basepath", "expected a folder, without '..' and without a protocol")
    return f"{start}/{folder}"


def _repo_arguments(entry: Entry, stores: Mapping[str, BlobStore], repos: Mapping[str, Repo]) -> dict[str, object]:
    options = dict(entry.options)
    if "store" in options:
        options["store"] = stores[str(options["store"])]
    if "repos" in options:
        options["repos"] = [repos[name] for name in cast("list[str]", options["repos"])]
    return options


def _find_function(path: str, given: object) -> RunInfoFn | None:
    """The function itself, or the one that a text like ``package.module:function`` names."""
    if given is None or callable(given):
        return given
    text = str(given)
    module, _, name = text.partition(":") if ":" in text else text.rpartition(".")
    if not module or not name:
        raise problem(path, f"expected where to import a function from, as in 'package.module:function', got {text!r}")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as exc:  # importing runs a module of the user's, which may raise anything
        raise problem(path, f"cannot import {name!r} from {module!r}: {exc}") from exc
    if not callable(found):
        raise problem(path, f"expected a function, but {text!r} is a {type(found).__name__}")
    return cast("RunInfoFn", found)
